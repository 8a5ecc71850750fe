//! The tree of values of a document, with the offset of each value.
//!
//! The tree is the same for both formats. A parser builds it, the decoder reads it, and it is dropped when the load is
//! complete. Texts without escapes borrow from the document. The command keeps the tree longer: an edit of a flag file
//! replaces the span of a value and leaves every other byte unchanged.

use std::borrow::Cow;
use std::ops::{Deref, Range};
use std::slice;

/// The maximum depth of nested values, which bounds every recursion over a tree. A flag needs less than half of it.
pub(super) const MAX_DEPTH: usize = 32;

/// A value and its range in the text, in bytes.
///
/// The parsers create nodes. The decoder borrows them, and reports a problem at the node's offset. Tools replace the
/// text of a [`span`](Self::span).
#[derive(Debug)]
pub struct Node<'t> {
    pub(super) range: ByteRange,
    /// The value.
    pub value: Value<'t>,
}

/// A range of the text, in bytes.
///
/// Offsets of 32 bits are enough, because the parsers refuse a larger text. The range is small, because a document may
/// have a node for every other byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByteRange {
    start: u32,
    end: u32,
}

impl ByteRange {
    /// Creates a range. An offset that does not fit becomes the greatest one; the parsers refuse such a text before.
    pub(super) fn new(start: usize, end: usize) -> Self {
        let narrow = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }
}

/// The value of a [`Node`], before the decoder interprets it.
///
/// It has the types that both formats share. What only one of them has stays recognisable: `null` of JSON, dates of
/// TOML.
#[derive(Debug)]
pub enum Value<'t> {
    /// `null`, which only JSON has.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number in its written form, which keeps decimals exact.
    Number(Cow<'t, str>),
    /// A text, with its escapes resolved.
    Text(Cow<'t, str>),
    /// A date, a time or both, in the form of TOML.
    Datetime(String),
    /// The elements of an array.
    Array(Vec<Node<'t>>),
    /// A table of TOML or an object of JSON.
    Table(Table<'t>),
}

/// A table with its entries in the order of their first occurrence in the text.
///
/// It has no index: a lookup by name is a scan, because a flag has few keys. The parsers report duplicate names.
#[derive(Debug)]
pub struct Table<'t> {
    pub(super) entries: Vec<Entry<'t>>,
    /// The syntax that created the table.
    pub origin: Origin,
}

/// The syntax that created a table. It determines whether later lines may add entries to the table.
///
/// JSON has only braces; TOML has all four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Braces, which hold the whole table.
    Braces,
    /// A header of its own, `[a]` or `[[a]]`, or the document itself.
    Header,
    /// The header of an inner table: `a` in `[a.b]`.
    InnerHeader,
    /// A dotted key: `a` in `a.b = 1`.
    DottedKey,
}

impl<'t> Table<'t> {
    /// Creates an empty table.
    pub(super) fn new(origin: Origin) -> Self {
        Self { entries: Vec::new(), origin }
    }

    /// Returns the first entry with the name. Only a partial tree of JSON has several.
    pub fn entry(&self, name: &str) -> Option<&Entry<'t>> {
        self.iter().find(|entry| entry.name == name)
    }
}

impl<'t> Deref for Table<'t> {
    type Target = [Entry<'t>];

    fn deref(&self) -> &Self::Target {
        &self.entries
    }
}

/// A name in a table, the offset of the name, and its value.
#[derive(Debug)]
pub struct Entry<'t> {
    /// The offset of the name. A name that occurs in several headers or dotted keys has the offset of the first.
    pub offset: usize,
    /// The name, with its escapes resolved.
    pub name: Cow<'t, str>,
    /// The value.
    pub node: Node<'t>,
}

impl<'n, 't> IntoIterator for &'n Table<'t> {
    type Item = &'n Entry<'t>;
    type IntoIter = slice::Iter<'n, Entry<'t>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'t> Node<'t> {
    /// Returns the tree for a text that cannot be parsed.
    pub(super) fn null() -> Self {
        Self { range: ByteRange::new(0, 0), value: Value::Null }
    }

    /// Returns the offset at which the value begins; see [`span`](Self::span).
    pub fn offset(&self) -> usize {
        self.range.start()
    }

    /// Returns the range of the value in the text.
    ///
    /// For a table without braces, this is the range of its header, or of its name in a dotted key or an inner header.
    pub fn span(&self) -> Range<usize> {
        self.offset()..self.range.end as usize
    }

    /// Returns the value if it is a table, for tools that look up an entry by name.
    pub fn as_table(&self) -> Option<&Table<'t>> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Returns whether the value is a whole number of any size, with a sign or without.
    pub(super) fn is_whole(&self) -> bool {
        matches!(&self.value, Value::Number(text) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
    }

    /// Describes the value for a problem, as "got" has it: `the number 25`, `the text "on"`, `an array of 2 values`.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => format!("the number {}", shorten(number)),
            Value::Text(text) => format!("the text {:?}", shorten(text)),
            Value::Datetime(datetime) => format!("the date {datetime}"),
            Value::Array(items) if items.len() == 1 => "an array of 1 value".to_owned(),
            Value::Array(items) => format!("an array of {} values", items.len()),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

/// Returns the first characters of a long text, or all of a short one. Problems end up in logs and on terminals.
pub(super) fn shorten(text: &str) -> Cow<'_, str> {
    const MAX_CHARS: usize = 40;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}
