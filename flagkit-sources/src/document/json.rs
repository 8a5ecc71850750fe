//! JSON into nodes.
//!
//! `serde_json` does not say where a value stood, but lends it out as a slice of the text ([`RawValue`]), and where a
//! slice begins is known. Each level is parsed on its own, from the outside in, so that each is read once more for every
//! level above it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::node::{Entry, MAX_DEPTH, Node, Origin, Table, Value};
use super::{Fault, Faults, Parsed};

/// Parses a document.
pub(super) fn parse(text: &str) -> Parsed<'_> {
    let parser = Parser { text };
    // Well-formed as a whole, or not at all: errors inside slices could only be about the content of strings.
    let root: &RawValue = serde_json::from_str(text).map_err(|error| parser.syntax_fault(&error))?;
    let mut faults = Faults::default();
    let node = parser.node(root, 0, &mut faults);
    if faults.are_none() { Ok(node) } else { Err(faults) }
}

struct Parser<'t> {
    text: &'t str,
}

impl<'t> Parser<'t> {
    fn node(&self, raw: &'t RawValue, depth: usize, faults: &mut Faults) -> Node<'t> {
        let slice = raw.get();
        let offset = self.offset(slice);
        let mut fail = |got: String, expected: &str| {
            faults.push(Fault { offset, got, expected: expected.to_owned() });
            Value::Null
        };
        let value = match slice.as_bytes().first() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => {
                faults.push(Fault::too_deep(offset));
                Value::Null
            }
            Some(b'{') => match serde_json::Deserializer::from_str(slice).deserialize_map(Pairs) {
                Ok(pairs) => self.table(pairs, depth, faults),
                Err(error) => fail(message(&error), "an object"),
            },
            Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(slice) {
                Ok(items) => Value::Array(items.into_iter().map(|item| self.node(item, depth + 1, faults)).collect()),
                Err(error) => fail(message(&error), "an array"),
            },
            Some(b'"') => match text(slice) {
                Ok(text) => Value::Text(text),
                Err(error) => fail(message(&error), "a string"),
            },
            Some(b't') => Value::Bool(true),
            Some(b'f') => Value::Bool(false),
            Some(b'n') => Value::Null,
            _ => Value::Number(Cow::Borrowed(slice)),
        };
        Node { offset, value }
    }

    fn table(&self, pairs: Vec<(&'t RawValue, &'t RawValue)>, depth: usize, faults: &mut Faults) -> Value<'t> {
        let mut known = HashSet::new();
        let mut entries = Vec::with_capacity(pairs.len());
        for (raw_name, raw_value) in pairs {
            let offset = self.offset(raw_name.get());
            let name = match text(raw_name.get()) {
                Ok(name) => name,
                Err(error) => {
                    faults.push(Fault { offset, got: message(&error), expected: "a string".to_owned() });
                    continue;
                }
            };
            if !known.insert(name.clone()) {
                faults.push(Fault::twice(offset, &name, "an object"));
            }
            entries.push(Entry { offset, name, node: self.node(raw_value, depth + 1, faults) });
        }
        Value::Table(Table { entries, origin: Origin::Braces })
    }

    /// Where a slice of the text begins.
    fn offset(&self, slice: &str) -> usize {
        slice.as_ptr().addr().saturating_sub(self.text.as_ptr().addr())
    }

    fn syntax_fault(&self, error: &serde_json::Error) -> Fault {
        let message = message(error);
        let line_start: usize =
            self.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        // serde_json says how many bytes of the line it has read. The last of them is at fault, but where it was the end
        // that was not expected, or the character behind.
        let read = line_start + error.column();
        let is_behind = error.is_eof() || message.starts_with("control character");
        let offset = if is_behind { read } else { read.saturating_sub(1).max(line_start) };
        let found = self.text.get(offset..).and_then(|rest| rest.chars().next());
        let (got, expected) = match (message.strip_prefix("expected "), found) {
            (Some("ident"), Some(found)) => (format!("{found:?}"), "true, false or null".to_owned()),
            (Some(expected), Some(found)) => (format!("{found:?}"), expected.to_owned()),
            _ => (message, "valid JSON".to_owned()),
        };
        Fault { offset, got, expected }
    }
}

/// What an error says, without the place it names: within a slice that is the wrong one.
fn message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned()
}

/// The text of a string literal: a slice where nothing is escaped.
fn text(literal: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    match literal.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => serde_json::from_str(literal).map(Cow::Owned),
    }
}

/// Reads an object as pairs, in order, with names that occur twice.
struct Pairs;

impl<'t> Visitor<'t> for Pairs {
    type Value = Vec<(&'t RawValue, &'t RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}
