//! The tree of values of a document, with the offset of each value.
//!
//! The tree is the same for both formats. A parser builds it, the decoder reads it, and it is dropped when the load is
//! complete. Texts without escapes borrow from the document.

use std::borrow::Cow;
use std::ops::Deref;
use std::slice;

/// How deep values may nest. A flag needs less than half of that.
pub(super) const MAX_DEPTH: usize = 32;

/// A value and the byte offset at which it begins.
///
/// The parsers create nodes. The decoder borrows them, and reports a problem at the node's offset.
#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) offset: usize,
    pub(super) value: Value<'t>,
}

/// The value of a [`Node`], before the decoder has given it a meaning.
#[derive(Debug)]
pub(super) enum Value<'t> {
    Null,
    Bool(bool),
    /// A number in its written form, which keeps decimals exact.
    Number(Cow<'t, str>),
    Text(Cow<'t, str>),
    /// A date, a time or both, in the form of TOML.
    Datetime(String),
    Array(Vec<Node<'t>>),
    Table(Table<'t>),
}

/// A table with its entries in the order of their first occurrence in the text.
///
/// Lookup by name is a scan, so there is no index in it: a flag has few keys. The parsers report duplicate names.
#[derive(Debug)]
pub(super) struct Table<'t> {
    pub(super) entries: Vec<Entry<'t>>,
    pub(super) origin: Origin,
}

/// The syntax that created a table. It determines whether later lines may add entries to the table.
///
/// JSON has only braces; TOML has all four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Braces, which hold the whole table.
    Braces,
    /// A header of its own, `[a]` or `[[a]]`, or the document itself.
    Header,
    /// The header of an inner table: `a` in `[a.b]`.
    InnerHeader,
    /// A dotted key: `a` in `a.b = 1`.
    DottedKey,
}

impl Table<'_> {
    /// Creates an empty table.
    pub(super) fn new(origin: Origin) -> Self {
        Self { entries: Vec::new(), origin }
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
pub(super) struct Entry<'t> {
    pub(super) offset: usize,
    pub(super) name: Cow<'t, str>,
    pub(super) node: Node<'t>,
}

impl<'n, 't> IntoIterator for &'n Table<'t> {
    type Item = &'n Entry<'t>;
    type IntoIter = slice::Iter<'n, Entry<'t>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Node<'_> {
    /// Returns whether the value is a whole number of any size.
    pub(super) fn is_whole(&self) -> bool {
        matches!(&self.value, Value::Number(text) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
    }

    /// Describes the value for a problem.
    pub(super) fn describe(&self) -> String {
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

/// Returns the first characters of a long text, or all of a short one.
pub(super) fn shorten(text: &str) -> Cow<'_, str> {
    const MAX_CHARS: usize = 40;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}
