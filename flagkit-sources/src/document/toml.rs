//! TOML into nodes.

use std::borrow::Cow;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue, Error};

use super::node::{Entry, MAX_DEPTH, Node, Value, shorten};
use super::{Fault, Parsed};

/// How much of a text behind its first error is searched for others. An error may stand at every other byte, and
/// each takes a hundred times its place.
const WINDOW: usize = 16 << 10;

/// Parses a document, going on after an error to find the others.
pub(super) fn parse(text: &str) -> Parsed<'_> {
    let first = match DeTable::parse(text) {
        Ok(root) => {
            let mut faults = Vec::new();
            let root = Node { offset: root.span().start, value: table(root.into_inner(), 0, &mut faults) };
            return if faults.is_empty() { Ok(root) } else { Err(faults) };
        }
        Err(error) => error,
    };
    let from = first.span().map_or(0, |span| span.start);
    // To the end of a line: a cut within one would be an error of its own.
    let end = text.get(from..).and_then(|rest| rest.char_indices().skip(WINDOW).find(|(_, c)| *c == '\n'));
    let window = end.and_then(|(end, _)| text.get(..=from + end)).unwrap_or(text);
    let (_, mut errors) = DeTable::parse_recoverable(window);
    if window.len() < text.len() {
        errors.retain(|error| error.span().is_none_or(|span| span.end < window.len()));
    }
    if errors.is_empty() {
        errors.push(first);
    }
    Err(errors.iter().map(|error| fault(error, text)).collect())
}

fn fault(error: &Error, text: &str) -> Fault {
    let span = error.span().unwrap_or(0..0);
    let found = text.get(span.clone()).filter(|found| !found.trim().is_empty());
    let (message, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), "valid TOML"));
    let got = match found {
        Some(found) => format!("`{}` ({message})", shorten(found)),
        None => message.to_owned(),
    };
    Fault { offset: span.start, got, expected: expected.to_owned() }
}

fn table<'t>(table: DeTable<'t>, depth: usize, faults: &mut Vec<Fault>) -> Value<'t> {
    let entries = table.into_iter().map(|(name, value)| Entry {
        offset: name.span().start,
        name: name.into_inner(),
        node: node(value, depth + 1, faults),
    });
    let mut entries: Vec<_> = entries.collect();
    // The parser sorts them by name.
    entries.sort_by_key(|entry| entry.offset);
    Value::Table(entries)
}

fn node<'t>(value: Spanned<DeValue<'t>>, depth: usize, faults: &mut Vec<Fault>) -> Node<'t> {
    let offset = value.span().start;
    let value = match value.into_inner() {
        DeValue::Array(_) | DeValue::Table(_) if depth == MAX_DEPTH => {
            faults.push(Fault::too_deep(offset));
            Value::Null
        }
        DeValue::String(text) => Value::Text(text),
        DeValue::Integer(number) => {
            // In decimal, whatever it is written in; what is too large for that stays as it is, and is refused.
            let decimal = i128::from_str_radix(number.as_str(), number.radix()).map(|integer| integer.to_string());
            Value::Number(Cow::Owned(decimal.unwrap_or_else(|_| number.to_string())))
        }
        DeValue::Float(number) => Value::Number(Cow::Owned(number.to_string())),
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Datetime(mut datetime) => {
            // TOML 1.1 does without the seconds; RFC 3339 does not.
            if let Some(time) = &mut datetime.time {
                time.second.get_or_insert(0);
            }
            Value::Datetime(datetime.to_string())
        }
        DeValue::Array(array) => Value::Array(array.into_iter().map(|item| node(item, depth + 1, faults)).collect()),
        DeValue::Table(inner) => table(inner, depth, faults),
    };
    Node { offset, value }
}
