//! The JSON parser: from text to nodes.
//!
//! # The problem
//!
//! A problem of a flag needs a line and a column, a duplicate name has to be reported, and decimals must stay exact.
//! `serde_json::Value` has no locations, drops duplicates and rounds numbers.
//!
//! # The idea
//!
//! `serde_json` lends a value as a slice of the text ([`RawValue`]). The offset of a slice follows from its address,
//! and the slice of a number is its written form. Each level is parsed separately, from the outside in:
//!
//! ```text
//! {"flags": {"a": true}}      one slice: an object
//!  "flags"  {"a": true}       its name and its value, two slices
//!            "a"  true
//! ```
//!
//! Names and texts borrow from the document unless they have escapes. A number keeps its written form, so `1.0` and `1`
//! stay different, and an integer of any size stays exact.
//!
//! The first pass checks the grammar of the whole text. Passes over slices then find only what the grammar allows.
//!
//! # Limits
//!
//! A value is read once for each level above it; [`MAX_DEPTH`] limits that cost. Text that is not JSON has one error,
//! at the first position that violates the grammar, because `serde_json` cannot continue after it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::node::{ByteRange, Entry, MAX_DEPTH, Node, Origin, Table, Value};
use super::syntax_error::{SyntaxError, SyntaxErrors};

/// Parses a document, and collects the errors that remain possible in well-formed JSON.
///
/// Those are duplicate names, values nested too deep, and escapes that are not characters, such as half of a surrogate
/// pair. The tree is `Null` if the grammar is violated anywhere.
pub(super) fn parse(text: &str) -> (Node<'_>, SyntaxErrors) {
    let parser = Parser { text };
    let mut errors = SyntaxErrors::default();
    // This checks the grammar of the whole text. Later errors can only be about strings, names and depth.
    let root = match serde_json::from_str::<&RawValue>(text) {
        Ok(root) => parser.node(root, 0, &mut errors),
        Err(error) => {
            errors.push(parser.syntax_error(&error));
            Node::null()
        }
    };
    (root, errors)
}

/// The parser of one document, which holds the text to compute offsets of slices.
///
/// [`parse`] creates it once the grammar is known to be right, and drops it with the finished tree. Errors are pushed
/// to a list that its methods borrow.
struct Parser<'t> {
    text: &'t str,
}

impl<'t> Parser<'t> {
    /// Parses one value and everything in it. After an error the value is `Null`, and parsing continues after it.
    ///
    /// The first byte of the slice gives the type. `depth` counts the levels from the root, which bounds the recursion.
    fn node(&self, raw: &'t RawValue, depth: usize, errors: &mut SyntaxErrors) -> Node<'t> {
        let slice = raw.get();
        let offset = self.offset(slice);
        let mut fail = |got: String, expected: &'static str| {
            errors.push(SyntaxError::new(offset, got, expected));
            Value::Null
        };
        let value = match slice.as_bytes().first() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => {
                errors.push(SyntaxError::too_deep(offset));
                Value::Null
            }
            Some(b'{') => match serde_json::Deserializer::from_str(slice).deserialize_map(Pairs) {
                Ok(pairs) => self.table(pairs, depth, errors),
                Err(error) => fail(message(&error), "an object"),
            },
            Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(slice) {
                Ok(items) => Value::Array(items.into_iter().map(|item| self.node(item, depth + 1, errors)).collect()),
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
        Node { range: ByteRange::new(offset, offset + slice.len()), value }
    }

    /// Parses the members of an object. A duplicate name is reported; both members stay in the table.
    fn table(&self, pairs: Vec<(&'t RawValue, &'t RawValue)>, depth: usize, errors: &mut SyntaxErrors) -> Value<'t> {
        let mut known = HashMap::new();
        let mut entries = Vec::with_capacity(pairs.len());
        for (raw_name, raw_value) in pairs {
            let offset = self.offset(raw_name.get());
            let name = match text(raw_name.get()) {
                Ok(name) => name,
                Err(error) => {
                    errors.push(SyntaxError::new(offset, message(&error), "a string"));
                    continue;
                }
            };
            let first = *known.entry(name.clone()).or_insert(offset);
            if first != offset {
                errors.push(SyntaxError::duplicate_key(offset, &name, "an object", first));
            }
            entries.push(Entry { offset, name, node: self.node(raw_value, depth + 1, errors) });
        }
        Value::Table(Table { entries, origin: Origin::Braces })
    }

    /// Returns the offset of a slice of the text. Both addresses are in one allocation, so their difference is the
    /// offset.
    fn offset(&self, slice: &str) -> usize {
        slice.as_ptr().addr().saturating_sub(self.text.as_ptr().addr())
    }

    /// Converts an error of the grammar: finds its offset, and splits its message into what was got and expected.
    ///
    /// `serde_json` reports a line and a number of bytes in it, from which the offset follows.
    fn syntax_error(&self, error: &serde_json::Error) -> SyntaxError {
        let message = message(error);
        let line_start: usize =
            self.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        // `serde_json` reports how many bytes of the line it has read. The error is at the last of these bytes. At an
        // unexpected end, and for a control character, the error is at the byte after them.
        let read = line_start + error.column();
        let is_after = error.is_eof() || message.starts_with("control character");
        let offset = if is_after { read } else { read.saturating_sub(1).max(line_start) };
        let found = self.text.get(offset..).and_then(|rest| rest.chars().next());
        let (got, expected) = match (message.strip_prefix("expected "), found) {
            (Some("ident"), Some(found)) => (format!("{found:?}"), "true, false or null".to_owned()),
            (Some(expected), Some(found)) => (format!("{found:?}"), expected.to_owned()),
            _ => (message, "valid JSON".to_owned()),
        };
        SyntaxError::new(offset, got, expected)
    }
}

/// Returns the message of an error without its location.
///
/// The location is relative to a slice of the document, and so it would be wrong for the document.
fn message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned()
}

/// Returns the text of a string literal: a slice of it if the literal has no escapes.
///
/// The grammar was checked before, so the literal has its quotes and no control characters.
fn text(literal: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    match literal.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => serde_json::from_str(literal).map(Cow::Owned),
    }
}

/// A visitor that reads an object as pairs of slices, in order and with duplicate names.
///
/// A map would drop duplicates, and [`Parser::table`] has to report them. The order matters for problems, which are
/// listed as they occur, and for the values of variants, which keep it.
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
