//! Where a value of a TOML document belongs.
//!
//! A table may be written in several places: under its header, under the headers of tables within it, by dotted keys. By
//! TOML 1.1 ("Table", "Inline Table", "Array of Tables") no name is given twice and no header stands twice, dotted keys
//! add to nothing that has a header, and nothing adds to what stands in braces or brackets. [`Origin`] is what has to be
//! remembered for that.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use super::super::Fault;
use super::super::node::{Entry, MAX_DEPTH, Node, Origin, Table, Value, shorten};

/// A name, and where it stands.
pub(super) struct Key<'t> {
    pub(super) offset: usize,
    pub(super) name: Cow<'t, str>,
}

/// `[table]` or `[[table]]`, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) offset: usize,
    pub(super) is_array: bool,
}

/// The tables of a document, as far as it has been read.
pub(super) struct Tables<'t> {
    root: Table<'t>,
    here: Here<'t>,
    names: Names,
}

/// The table to which names belong that stand outside of braces.
enum Here<'t> {
    /// That of the last header: which entry to take at each level from the root, and how deep it is.
    At { path: Vec<usize>, depth: usize },
    /// One that is no part of the document, for its header was refused.
    Aside { table: Table<'t>, place: usize },
}

/// A table on the way.
struct Level<'a, 't> {
    table: &'a mut Table<'t>,
    /// By which its names are known: where it stands, or nowhere for the root.
    place: usize,
    depth: usize,
}

impl<'t> Tables<'t> {
    pub(super) fn new() -> Self {
        Self {
            root: Table::new(Origin::Header),
            here: Here::At { path: Vec::new(), depth: 0 },
            names: Names::default(),
        }
    }

    pub(super) fn into_root(self) -> Node<'t> {
        Node { offset: 0, value: Value::Table(self.root) }
    }

    /// How deep what has no braces around it stands.
    pub(super) fn depth(&self) -> usize {
        match self.here {
            Here::At { depth, .. } => depth,
            Here::Aside { .. } => 0,
        }
    }

    /// Begins the table of a header, to which the values that follow belong.
    pub(super) fn begin(
        &mut self,
        header: Header,
        keys: impl DoubleEndedIterator<Item = Key<'t>>,
    ) -> Result<(), Fault> {
        let root = Level { table: &mut self.root, place: ROOT, depth: 0 };
        let begun = self.names.begin(root, header, keys);
        match begun {
            Ok((path, depth)) => {
                self.here = Here::At { path, depth };
                Ok(())
            }
            Err(fault) => {
                self.set_aside(header);
                Err(fault)
            }
        }
    }

    /// Has the values that follow a refused header belong to nothing.
    pub(super) fn set_aside(&mut self, header: Header) {
        let table = Table::new(Origin::Header);
        self.here = Here::Aside { table, place: header.offset };
    }

    /// Puts a value into the table of the last header.
    pub(super) fn put(&mut self, keys: impl DoubleEndedIterator<Item = Key<'t>>, node: Node<'t>) -> Result<(), Fault> {
        let level = match &mut self.here {
            Here::Aside { table, place } => Some(Level { table, place: *place, depth: 0 }),
            Here::At { path, depth } => follow(&mut self.root, path, *depth),
        };
        level.map_or(Ok(()), |level| self.names.put(level, keys, node))
    }

    /// Gives back what a table whose braces have been closed had for more entries: nothing is added to it any more.
    pub(super) fn close(&mut self, table: &mut Table<'t>, place: usize) {
        self.names.forget(table, place);
        table.entries.shrink_to_fit();
    }

    /// Puts a value into a table whose braces are open.
    pub(super) fn put_within(
        &mut self,
        (table, place, depth): (&mut Table<'t>, usize, usize),
        keys: impl DoubleEndedIterator<Item = Key<'t>>,
        node: Node<'t>,
    ) -> Result<(), Fault> {
        self.names.put(Level { table, place, depth }, keys, node)
    }
}

fn follow<'a, 't>(root: &'a mut Table<'t>, path: &[usize], depth: usize) -> Option<Level<'a, 't>> {
    let (mut table, mut place) = (root, ROOT);
    for &position in path {
        let entry = table.entries.get_mut(position)?;
        (table, place) = match &mut entry.node.value {
            Value::Table(inner) => (inner, entry.offset),
            Value::Array(items) => last_of_headers(items)?,
            _ => return None,
        };
    }
    Some(Level { table, place, depth })
}

/// The last table of an array of tables, and where it stands; what stands in brackets has none that can be added to.
fn last_of_headers<'a, 't>(items: &'a mut [Node<'t>]) -> Option<(&'a mut Table<'t>, usize)> {
    match items.last_mut()? {
        Node { offset, value: Value::Table(table) } if table.origin == Origin::Header => Some((table, *offset)),
        _ => None,
    }
}

/// The place of the root, which stands nowhere.
const ROOT: usize = usize::MAX;

/// Which entry of a table has a name, of tables with more entries than are looked through.
///
/// By 64 bits of a keyed hash of the table's place and the name: names and places themselves would take more memory than all
/// else. What is found is looked at, and where it is another name of the same hash the table is looked through.
#[derive(Default)]
struct Names {
    positions: HashMap<u64, u32>,
    hasher: RandomState,
}

/// The most entries that are looked through.
const FEW: usize = 8;

impl Names {
    fn find(&self, table: &Table<'_>, place: usize, name: &str) -> Option<usize> {
        let look_through = || table.iter().position(|entry| entry.name == name);
        if table.len() <= FEW {
            return look_through();
        }
        let position = *self.positions.get(&self.hash(place, name))? as usize;
        if table.get(position).is_some_and(|entry| entry.name == name) { Some(position) } else { look_through() }
    }

    fn hash(&self, place: usize, name: &str) -> u64 {
        self.hasher.hash_one((place, name))
    }

    fn add<'t>(&mut self, table: &mut Table<'t>, place: usize, entry: Entry<'t>) -> usize {
        let position = table.len();
        push(&mut table.entries, entry);
        let known = if position > FEW { position } else { 0 };
        if position >= FEW {
            for (position, entry) in table.iter().enumerate().skip(known) {
                // A text has fewer bytes than that, and less entries still.
                let position = u32::try_from(position).unwrap_or(u32::MAX);
                self.positions.insert(self.hash(place, &entry.name), position);
            }
        }
        position
    }

    fn forget(&mut self, table: &Table<'_>, place: usize) {
        if table.len() > FEW {
            for entry in table {
                let hash = self.hash(place, &entry.name);
                self.positions.remove(&hash);
            }
        }
    }

    /// Puts a value into a table, or into one within it.
    fn put<'t>(
        &mut self,
        level: Level<'_, 't>,
        mut keys: impl DoubleEndedIterator<Item = Key<'t>>,
        node: Node<'t>,
    ) -> Result<(), Fault> {
        // No name at all: that has been reported.
        let Some(Key { offset, name }) = keys.next_back() else { return Ok(()) };
        let Level { table, place, .. } = self.go(level, keys, Origin::DottedKey, &mut Vec::new())?;
        if self.find(table, place, &name).is_some() {
            return Err(twice(offset, &name));
        }
        self.add(table, place, Entry { offset, name, node });
        Ok(())
    }

    /// Makes the table of a header. Returns the way to it from the root, and how deep it is.
    fn begin<'t>(
        &mut self,
        root: Level<'_, 't>,
        header: Header,
        mut keys: impl DoubleEndedIterator<Item = Key<'t>>,
    ) -> Result<(Vec<usize>, usize), Fault> {
        let Header { offset, is_array } = header;
        let mut path = Vec::new();
        let Some(key) = keys.next_back() else { return Ok((path, 0)) };
        let Level { table, place, depth } = self.go(root, keys, Origin::HeaderWithin, &mut path)?;
        let depth = depth + if is_array { 2 } else { 1 };
        if depth >= MAX_DEPTH {
            return Err(Fault::too_deep(offset));
        }
        let begun = Node { offset, value: Value::Table(Table::new(Origin::Header)) };
        let Some(position) = self.find(table, place, &key.name) else {
            let node = if is_array { Node { offset, value: Value::Array(vec![begun]) } } else { begun };
            path.push(self.add(table, place, Entry { offset: key.offset, name: key.name, node }));
            return Ok((path, depth));
        };
        match table.entries.get_mut(position).map(|entry| &mut entry.node) {
            Some(Node { offset: known, value: Value::Table(table) })
                if !is_array && table.origin == Origin::HeaderWithin =>
            {
                *known = offset;
                table.origin = Origin::Header;
            }
            Some(Node { value: Value::Array(items), .. }) if is_array => {
                last_of_headers(items).ok_or_else(|| twice(key.offset, &key.name))?;
                push(items, begun);
            }
            _ => return Err(twice(key.offset, &key.name)),
        }
        path.push(position);
        Ok((path, depth))
    }

    /// Goes into the tables that are named, one within the other, and makes those that are not there.
    fn go<'a, 't>(
        &mut self,
        mut level: Level<'a, 't>,
        keys: impl Iterator<Item = Key<'t>>,
        by: Origin,
        path: &mut Vec<usize>,
    ) -> Result<Level<'a, 't>, Fault> {
        for Key { offset, name } in keys {
            let Level { table, place, depth } = level;
            let position = self.find(table, place, &name).unwrap_or_else(|| {
                let value = Value::Table(Table::new(by));
                self.add(table, place, Entry { offset, name: name.clone(), node: Node { offset, value } })
            });
            path.push(position);
            level = match table.entries.get_mut(position) {
                Some(Entry { offset: place, node: Node { value: Value::Table(table), .. }, .. }) => {
                    match (table.origin, by) {
                        (Origin::Braces, _) => return Err(closed(offset, &name)),
                        (Origin::Header, Origin::DottedKey) => return Err(twice(offset, &name)),
                        // From now on a header of its own would be a second table.
                        (Origin::HeaderWithin, Origin::DottedKey) => table.origin = by,
                        _ => {}
                    }
                    Level { table, place: *place, depth: depth + 1 }
                }
                Some(Entry { node: Node { value: Value::Array(items), .. }, .. }) => {
                    match last_of_headers(items).filter(|_| by == Origin::HeaderWithin) {
                        Some((table, place)) => Level { table, place, depth: depth + 2 },
                        None => return Err(closed(offset, &name)),
                    }
                }
                _ => return Err(twice(offset, &name)),
            };
            if level.depth >= MAX_DEPTH {
                return Err(Fault::too_deep(offset));
            }
        }
        Ok(level)
    }
}

fn twice(offset: usize, name: &str) -> Fault {
    Fault::twice(offset, name, "a table")
}

fn closed(offset: usize, name: &str) -> Fault {
    let got = format!("more for {:?}", shorten(name));
    Fault { offset, got, expected: "all of a value within its braces or brackets".to_owned() }
}

/// Appends, with room for half as many again where there is none left: most tables have few entries, and there may be one
/// for every other byte of the text.
pub(super) fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 2 + 1);
    }
    list.push(item);
}
