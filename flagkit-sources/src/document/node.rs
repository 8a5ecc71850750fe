//! A value of a document, whatever its format, and where it stands.

use std::borrow::Cow;
use std::ops::Deref;
use std::slice;

/// How deep values may nest. No flag nests half as deep.
pub(super) const MAX_DEPTH: usize = 32;

/// A value and the byte offset at which it begins.
#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) offset: usize,
    pub(super) value: Value<'t>,
}

#[derive(Debug)]
pub(super) enum Value<'t> {
    Null,
    Bool(bool),
    /// As it is written, so that decimals stay exact.
    Number(Cow<'t, str>),
    Text(Cow<'t, str>),
    /// A date, a time or both, as TOML writes them.
    Datetime(String),
    Array(Vec<Node<'t>>),
    Table(Table<'t>),
}

/// A table, its entries in the order in which the text names them first.
#[derive(Debug)]
pub(super) struct Table<'t> {
    pub(super) entries: Vec<Entry<'t>>,
    pub(super) origin: Origin,
}

/// What made a table, which says whether more may be added to it further down. JSON knows one way, TOML four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Braces, with all of it between them.
    Braces,
    /// A header of its own, `[a]` or `[[a]]`, or the document itself.
    Header,
    /// The header of a table within it: `a` in `[a.b]`.
    HeaderWithin,
    /// A dotted key: `a` in `a.b = 1`.
    DottedKey,
}

impl Table<'_> {
    /// An empty table.
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

/// A name and its value in a table.
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
    /// Tells whether it is a whole number, of whatever size.
    pub(super) fn is_whole(&self) -> bool {
        matches!(&self.value, Value::Number(text) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
    }

    /// Says what the value is, in the words of a problem.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => format!("the number {}", shorten(number)),
            Value::Text(text) => format!("the text {:?}", shorten(text)),
            Value::Datetime(datetime) => format!("the date {datetime}"),
            Value::Array(items) => format!("an array of {} values", items.len()),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

/// The first characters of a long text.
pub(super) fn shorten(text: &str) -> Cow<'_, str> {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}
