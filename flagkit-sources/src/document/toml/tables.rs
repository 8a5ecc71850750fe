//! The tables of a TOML document, and the rules for adding values to them.
//!
//! # The problem
//!
//! Several parts of a document may write to one table: its header, the headers of inner tables, and dotted keys. TOML
//! 1.1 ("Table", "Inline Table", "Array of Tables") restricts this:
//!
//! - no name and no header occurs twice;
//! - dotted keys do not add to a table that has a header;
//! - nothing adds to a table in braces or to an array in brackets.
//!
//! # The idea
//!
//! Each table keeps its [`Origin`], the syntax that created it. An addition is checked against the origin of every
//! table on its path:
//!
//! | the table is from | a header `[a]` | a header `[a.b]` | a dotted key `a.b = 1` |
//! |---|---|---|---|
//! | a header of its own | an error | adds to it | an error |
//! | the header of an inner table | defines it | adds to it | defines it |
//! | a dotted key | an error | adds to it | adds to it |
//! | braces or brackets | an error | an error | an error |
//!
//! An array of tables, `[[a]]`, counts as one table for each element. A header `[a.b]` after it adds to the last
//! element.
//!
//! # How it works
//!
//! The table of the last header is kept as a path of positions from the root, since values are added to the tree while
//! it grows. A key with dots descends from there, and creates the tables that do not exist yet. An invalid header gets
//! a table outside the document, so that the values after it are checked against each other and nothing else.
//!
//! # Limits
//!
//! A table with few entries is scanned for a name. All larger tables share one index, [`NameIndex`], because an index
//! per table would take more memory than the tables.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use super::super::node::{ByteRange, Entry, MAX_DEPTH, Node, Origin, Table, Value, shorten};
use super::super::syntax_error::SyntaxError;

/// A name and its range in the text: one part of a dotted key.
///
/// The builder collects names, and hands them over with the value that they lead to.
pub(super) struct Key<'t> {
    pub(super) range: ByteRange,
    pub(super) name: Cow<'t, str>,
}

/// The header `[table]` or `[[table]]`, and its range in the text.
///
/// The builder creates it at the opening bracket, and sets the end of the range at the closing one.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) range: ByteRange,
    /// Whether the header has two brackets, and so opens a new element of an array of tables.
    pub(super) is_array: bool,
}

/// The tables of a document, as far as it has been parsed.
///
/// The [`TreeBuilder`](super::TreeBuilder) owns it, opens a table for each header, and puts each complete value into
/// it.
pub(super) struct Tables<'t> {
    /// The table of the document. All attached tables are inside it.
    root: Table<'t>,
    /// Where values outside of braces go, until the next header.
    current: CurrentTable<'t>,
    /// Finds names in the large tables, also in those that are not closed yet.
    index: NameIndex,
}

/// The table that receives values outside of braces: that of the last header.
enum CurrentTable<'t> {
    /// A table of the document: the index of the entry to take at each level from the root, and its depth.
    Attached { path: Vec<usize>, depth: usize },
    /// A table outside the document, because its header is invalid. Its values are still checked against each other.
    Detached { table: Table<'t>, id: usize },
}

/// A table of the document, borrowed while values are added to it.
///
/// Adding a value descends from one level to the next, along the names of its key.
struct Level<'a, 't> {
    table: &'a mut Table<'t>,
    /// Identifies the table in the [`NameIndex`]: its offset, or [`ROOT`].
    id: usize,
    depth: usize,
}

impl<'t> Tables<'t> {
    /// Creates the tables of an empty document. Values before the first header go into the root.
    pub(super) fn new() -> Self {
        Self {
            root: Table::new(Origin::Header),
            current: CurrentTable::Attached { path: Vec::new(), depth: 0 },
            index: NameIndex::default(),
        }
    }

    /// Returns the root of the document, with everything that was put into it.
    pub(super) fn into_root(self) -> Node<'t> {
        Node { range: ByteRange::new(0, 0), value: Value::Table(self.root) }
    }

    /// Returns the depth of values outside of braces: the number of levels of the last header.
    pub(super) fn depth(&self) -> usize {
        match self.current {
            CurrentTable::Attached { depth, .. } => depth,
            CurrentTable::Detached { .. } => 0,
        }
    }

    /// Opens the table of a header, which receives the values that follow.
    ///
    /// After an error, they go into a table outside the document, so that their own errors are found too.
    pub(super) fn open_table(
        &mut self,
        header: Header,
        keys: impl DoubleEndedIterator<Item = Key<'t>>,
    ) -> Result<(), SyntaxError> {
        let root = Level { table: &mut self.root, id: ROOT, depth: 0 };
        match self.index.open_table(root, header, keys) {
            Ok((path, depth)) => {
                self.current = CurrentTable::Attached { path, depth };
                Ok(())
            }
            Err(error) => {
                self.detach(header);
                Err(error)
            }
        }
    }

    /// Puts the values after an invalid header into a table outside the document.
    ///
    /// They would otherwise end up in the table before, and cause errors about names that the author did not repeat.
    pub(super) fn detach(&mut self, header: Header) {
        let table = Table::new(Origin::Header);
        self.current = CurrentTable::Detached { table, id: header.range.start() };
    }

    /// Puts a value into the table of the last header, or into a table inside it if there are several names.
    ///
    /// Returns an error for a name that occurs before, and for an addition that TOML does not allow.
    pub(super) fn put(
        &mut self,
        keys: impl DoubleEndedIterator<Item = Key<'t>>,
        node: Node<'t>,
    ) -> Result<(), SyntaxError> {
        let level = match &mut self.current {
            CurrentTable::Detached { table, id } => Some(Level { table, id: *id, depth: 0 }),
            CurrentTable::Attached { path, depth } => resolve(&mut self.root, path, *depth),
        };
        level.map_or(Ok(()), |level| self.index.put(level, keys, node))
    }

    /// Frees the spare memory of a table after its closing brace. No later line can add to it.
    ///
    /// Most tables of a large document are small tables in braces, so their spare memory adds up.
    pub(super) fn close(&mut self, table: &mut Table<'t>, id: usize) {
        self.index.remove(table, id);
        table.entries.shrink_to_fit();
    }

    /// Puts a value into a table in braces that is not closed yet.
    ///
    /// The builder owns that table until its brace is closed, so it is passed in, with its id and its depth.
    pub(super) fn put_inline(
        &mut self,
        (table, id, depth): (&mut Table<'t>, usize, usize),
        keys: impl DoubleEndedIterator<Item = Key<'t>>,
        node: Node<'t>,
    ) -> Result<(), SyntaxError> {
        self.index.put(Level { table, id, depth }, keys, node)
    }
}

/// Returns the table at a path from the root.
///
/// The path is resolved for each value, because a reference into the tree could not be kept while the tree grows.
fn resolve<'a, 't>(root: &'a mut Table<'t>, path: &[usize], depth: usize) -> Option<Level<'a, 't>> {
    let (mut table, mut id) = (root, ROOT);
    for &position in path {
        let entry = table.entries.get_mut(position)?;
        (table, id) = match &mut entry.node.value {
            Value::Table(inner) => (inner, entry.offset),
            Value::Array(items) => last_array_table(items)?,
            _ => return None,
        };
    }
    Some(Level { table, id, depth })
}

/// Returns the last table of an array of tables, and its offset. An array in brackets has no table that can be
/// extended.
fn last_array_table<'a, 't>(items: &'a mut [Node<'t>]) -> Option<(&'a mut Table<'t>, usize)> {
    match items.last_mut()? {
        Node { range, value: Value::Table(table) } if table.origin == Origin::Header => Some((table, range.start())),
        _ => None,
    }
}

/// The id of the root in the [`NameIndex`]. No table has this offset.
const ROOT: usize = usize::MAX;

/// An index of names for all large tables of a document: the position of each entry in its table.
///
/// A small table is scanned instead, see [`MAX_SCANNED`]. The keys are 64-bit keyed hashes of table id and name,
/// because the names themselves would take more memory than all other parts of the parser. Each hit is compared with
/// the name. On a collision of hashes the table is scanned.
#[derive(Default)]
struct NameIndex {
    /// From the hash of table id and name to the position in the table. 32 bits save memory.
    positions: HashMap<u64, u32>,
    /// The random key of the hashes, new for each document.
    hasher: RandomState,
}

/// How many entries a table may have to be scanned for a name. Comparing few names is faster than hashing one.
const MAX_SCANNED: usize = 8;

impl NameIndex {
    /// Returns the position of the entry with the name, by a scan or by the index.
    fn find(&self, table: &Table<'_>, id: usize, name: &str) -> Option<usize> {
        let scan = || table.iter().position(|entry| entry.name == name);
        if table.len() <= MAX_SCANNED {
            return scan();
        }
        let position = *self.positions.get(&self.hash(id, name))? as usize;
        if table.get(position).is_some_and(|entry| entry.name == name) { Some(position) } else { scan() }
    }

    /// Returns the key of a name in a table. The hash is keyed, so a document cannot be built to collide.
    fn hash(&self, id: usize, name: &str) -> u64 {
        self.hasher.hash_one((id, name))
    }

    /// Appends an entry, and returns its position.
    ///
    /// The whole table is indexed once it is too large to be scanned; after that, each entry as it is added.
    fn add<'t>(&mut self, table: &mut Table<'t>, id: usize, entry: Entry<'t>) -> usize {
        let position = table.len();
        push(&mut table.entries, entry);
        let indexed = if position > MAX_SCANNED { position } else { 0 };
        if position >= MAX_SCANNED {
            for (position, entry) in table.iter().enumerate().skip(indexed) {
                // A position beyond `u32::MAX` needs a document of more than 4 GiB; a scan finds such an entry.
                let position = u32::try_from(position).unwrap_or(u32::MAX);
                self.positions.insert(self.hash(id, &entry.name), position);
            }
        }
        position
    }

    /// Removes all names of a table from the index.
    fn remove(&mut self, table: &Table<'_>, id: usize) {
        if table.len() > MAX_SCANNED {
            for entry in table {
                let hash = self.hash(id, &entry.name);
                self.positions.remove(&hash);
            }
        }
    }

    /// Puts a value into a table. All names except the last lead to an inner table.
    ///
    /// Inner tables that do not exist are created as those of a dotted key, which a header cannot define again.
    fn put<'t>(
        &mut self,
        level: Level<'_, 't>,
        mut keys: impl DoubleEndedIterator<Item = Key<'t>>,
        node: Node<'t>,
    ) -> Result<(), SyntaxError> {
        // The parser has already reported a missing name.
        let Some(Key { range, name }) = keys.next_back() else { return Ok(()) };
        let offset = range.start();
        let Level { table, id, .. } = self.descend(level, keys, Origin::DottedKey, &mut Vec::new())?;
        if let Some(position) = self.find(table, id, &name) {
            return Err(duplicate_key(offset, &name, table, position));
        }
        self.add(table, id, Entry { offset, name, node });
        Ok(())
    }

    /// Opens the table of a header: a new one, or one that exists because of the header of an inner table.
    ///
    /// Returns the path to it from the root, and its depth.
    fn open_table<'t>(
        &mut self,
        root: Level<'_, 't>,
        header: Header,
        mut keys: impl DoubleEndedIterator<Item = Key<'t>>,
    ) -> Result<(Vec<usize>, usize), SyntaxError> {
        let Header { range, is_array } = header;
        let mut path = Vec::new();
        let Some(key) = keys.next_back() else { return Ok((path, 0)) };
        let Level { table, id, depth } = self.descend(root, keys, Origin::InnerHeader, &mut path)?;
        // An array of tables is two levels of the tree: the array, and the table in it.
        let depth = depth + if is_array { 2 } else { 1 };
        if depth >= MAX_DEPTH {
            return Err(SyntaxError::too_deep(range.start()));
        }
        let opened = Node { range, value: Value::Table(Table::new(Origin::Header)) };
        let Some(position) = self.find(table, id, &key.name) else {
            let node = if is_array { Node { range, value: Value::Array(vec![opened]) } } else { opened };
            path.push(self.add(table, id, Entry { offset: key.range.start(), name: key.name, node }));
            return Ok((path, depth));
        };
        match table.entries.get_mut(position).map(|entry| &mut entry.node) {
            Some(Node { range: known, value: Value::Table(table) })
                if !is_array && table.origin == Origin::InnerHeader =>
            {
                *known = range;
                table.origin = Origin::Header;
            }
            Some(Node { value: Value::Array(items), .. }) if is_array => match last_array_table(items) {
                Some(_) => push(items, opened),
                None => return Err(duplicate_key(key.range.start(), &key.name, table, position)),
            },
            _ => return Err(duplicate_key(key.range.start(), &key.name, table, position)),
        }
        path.push(position);
        Ok((path, depth))
    }

    /// Returns the innermost of the tables that `keys` name, and creates those that do not exist, with the origin `by`.
    ///
    /// Extends `path` by the position of each table. Fails where the origin of a table forbids an addition.
    fn descend<'a, 't>(
        &mut self,
        mut level: Level<'a, 't>,
        keys: impl Iterator<Item = Key<'t>>,
        by: Origin,
        path: &mut Vec<usize>,
    ) -> Result<Level<'a, 't>, SyntaxError> {
        for Key { range, name } in keys {
            let offset = range.start();
            let Level { table, id, depth } = level;
            let position = self.find(table, id, &name).unwrap_or_else(|| {
                let value = Value::Table(Table::new(by));
                self.add(table, id, Entry { offset, name: name.clone(), node: Node { range, value } })
            });
            path.push(position);
            level = match table.entries.get_mut(position) {
                Some(Entry { offset: id, node: Node { value: Value::Table(table), .. }, .. }) => {
                    match (table.origin, by) {
                        (Origin::Braces, _) => return Err(cannot_extend(offset, &name)),
                        (Origin::Header, Origin::DottedKey) => {
                            return Err(SyntaxError::duplicate_key(offset, &name, "a table", *id));
                        }
                        // Now that a dotted key has defined the table, a header for it would define it twice.
                        (Origin::InnerHeader, Origin::DottedKey) => table.origin = by,
                        _ => {}
                    }
                    Level { table, id: *id, depth: depth + 1 }
                }
                Some(Entry { node: Node { value: Value::Array(items), .. }, .. }) => {
                    match last_array_table(items).filter(|_| by == Origin::InnerHeader) {
                        Some((table, id)) => Level { table, id, depth: depth + 2 },
                        None => return Err(cannot_extend(offset, &name)),
                    }
                }
                Some(Entry { offset: first, .. }) => {
                    return Err(SyntaxError::duplicate_key(offset, &name, "a table", *first));
                }
                None => return Err(cannot_extend(offset, &name)),
            };
            if level.depth >= MAX_DEPTH {
                return Err(SyntaxError::too_deep(offset));
            }
        }
        Ok(level)
    }
}

/// The error for a name or a header that occurs before. JSON has the same message, with "object" for "table".
fn duplicate_key(offset: usize, name: &str, table: &Table<'_>, position: usize) -> SyntaxError {
    SyntaxError::duplicate_key(offset, name, "a table", table.get(position).map_or(offset, |first| first.offset))
}

/// The error for an addition to a value in braces or brackets: such a value is complete where it is written.
fn cannot_extend(offset: usize, name: &str) -> SyntaxError {
    let got = format!("an addition to {:?}", shorten(name));
    SyntaxError::new(offset, got, "a whole value within its braces or brackets")
        .with_help("write everything within the braces, or give the table a header")
}

/// Appends an item. If the list is full, its capacity grows by half.
///
/// That is less than `Vec::push` reserves. Most tables have few entries, and there may be a table for every other byte
/// of the text.
pub(super) fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 2 + 1);
    }
    list.push(item);
}
