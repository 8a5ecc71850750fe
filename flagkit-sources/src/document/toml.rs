//! TOML into nodes.

use std::borrow::Cow;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue, Error};

use super::node::{Entry, Node, Value};
use super::{Fault, Parsed};

/// Parses a document, going on after an error to find the others.
pub(super) fn parse(text: &str) -> Parsed<'_> {
    let (root, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node { offset: root.span().start, value: table(root.into_inner()) });
    }
    Err(errors.into_iter().map(|error| fault(&error, text)).collect())
}

fn fault(error: &Error, text: &str) -> Fault {
    let span = error.span().unwrap_or(0..0);
    let found = text.get(span.clone()).filter(|found| !found.trim().is_empty());
    let (message, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), "valid TOML"));
    let got = match found {
        Some(found) => format!("`{}` ({message})", super::node::shorten(found)),
        None => message.to_owned(),
    };
    Fault { offset: span.start, got, expected: expected.to_owned() }
}

fn table(table: DeTable<'_>) -> Value<'_> {
    let entries = table.into_iter().map(|(name, value)| Entry {
        offset: name.span().start,
        name: name.into_inner(),
        node: node(value),
    });
    Value::Table(entries.collect())
}

/// Recursion is bounded: the parser refuses deep nesting before there is a tree.
fn node(value: Spanned<DeValue<'_>>) -> Node<'_> {
    let offset = value.span().start;
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text),
        DeValue::Integer(number) => Value::Number(Cow::Owned(number.to_string())),
        DeValue::Float(number) => Value::Number(Cow::Owned(number.to_string())),
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Datetime(datetime) => Value::Datetime(datetime.to_string()),
        DeValue::Array(array) => Value::Array(array.into_iter().map(node).collect()),
        DeValue::Table(inner) => table(inner),
    };
    Node { offset, value }
}
