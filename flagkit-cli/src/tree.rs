//! The values of a document as JSON, or as a type of the command.
//!
//! Both start from the tree of `flagkit_sources`, which is the only parser of flag files. [`Definitions`] compares
//! values as JSON. [`Gates`] is a type, and an error in it has a position in the text.
//!
//! [`Definitions`]: crate::project::Definitions
//! [`Gates`]: crate::gate::Gates

use std::fmt::Display;

use flagkit_core::source::LoadError;
use flagkit_sources::document::Format;
use flagkit_sources::document::tree::{Entry, Node, Value as Tree, parse};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Value, json};

use crate::report::{Exit, Failure};

/// An optional first character of a file, which is not part of the document.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// Returns the failure for a text that is not well-formed.
pub(crate) fn invalid(error: &LoadError) -> Failure {
    Failure::new(Exit::Findings, error.to_string())
}

/// Returns a document as JSON, even if flags are invalid. Returns null if the text is not well-formed.
pub(crate) fn document_to_json(format: Format, text: &str) -> Value {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    parse(format, text).map(|root| to_json(&root)).unwrap_or_default()
}

/// Returns a value as JSON. Different values of a document stay different, including numbers of any size.
pub(crate) fn to_json(node: &Node<'_>) -> Value {
    match &node.value {
        Tree::Null => Value::Null,
        Tree::Bool(value) => json!(value),
        Tree::Number(text) => number_to_json(text),
        Tree::Text(text) => json!(text),
        Tree::Datetime(text) => json!({ "datetime": text }),
        Tree::Array(items) => items.iter().map(to_json).collect(),
        Tree::Table(table) => table.iter().map(|entry| (entry.name.to_string(), to_json(&entry.node))).collect(),
    }
}

/// Returns a number, or an object with its text if the number would be rounded or written differently.
fn number_to_json(text: &str) -> Value {
    if let Ok(integer) = text.parse::<i64>() {
        return Value::from(integer);
    }
    let float = Value::from(text.parse::<f64>().unwrap_or(f64::NAN));
    let written = float.to_string();
    if written == text { float } else { json!({ "number": text, "radix": 10 }) }
}

/// Converts a value to a type.
pub(crate) fn deserialize<'n, T: Deserialize<'n>>(node: &'n Node<'_>) -> Result<T, TreeError> {
    T::deserialize(NodeDeserializer(node))
}

/// A value that does not fit a type, and the offset of the value in the text.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct TreeError {
    message: String,
    offset: Option<usize>,
}

impl TreeError {
    /// Returns the offset of the error in the text, or 0 if it is unknown.
    pub(crate) fn offset(&self) -> usize {
        self.offset.unwrap_or_default()
    }

    /// Sets the offset, unless a value further inside has set it.
    fn at(self, offset: usize) -> Self {
        Self { offset: self.offset.or(Some(offset)), ..self }
    }
}

impl serde::de::Error for TreeError {
    fn custom<T: Display>(message: T) -> Self {
        Self { message: message.to_string(), offset: None }
    }
}

/// A deserializer of one value.
struct NodeDeserializer<'n, 't>(&'n Node<'t>);

impl<'de> Deserializer<'de> for NodeDeserializer<'de, '_> {
    type Error = TreeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let value = match &self.0.value {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(value) => visitor.visit_bool(*value),
            Tree::Number(text) => visit_number(text, visitor),
            Tree::Text(text) => visitor.visit_borrowed_str(text),
            Tree::Datetime(text) => visitor.visit_borrowed_str(text),
            Tree::Array(items) => visitor.visit_seq(Elements(items.iter())),
            Tree::Table(table) => visitor.visit_map(Entries { rest: table.iter(), value: None }),
        };
        value.map_err(|error| error.at(self.0.offset()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match &self.0.value {
            Tree::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        let Tree::Text(text) = &self.0.value else { return self.deserialize_any(visitor) };
        let text: StrDeserializer<'_, TreeError> = text.as_ref().into_deserializer();
        visitor.visit_enum(text).map_err(|error| error.at(self.0.offset()))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier
    }
}

fn visit_number<'n, V: Visitor<'n>>(text: &str, visitor: V) -> Result<V::Value, TreeError> {
    if let Ok(number) = text.parse::<u64>() {
        visitor.visit_u64(number)
    } else if let Ok(number) = text.parse::<i64>() {
        visitor.visit_i64(number)
    } else {
        visitor.visit_f64(text.parse().unwrap_or(f64::NAN))
    }
}

/// The elements of an array that have not been read yet.
struct Elements<'n, 't>(std::slice::Iter<'n, Node<'t>>);

impl<'n> SeqAccess<'n> for Elements<'n, '_> {
    type Error = TreeError;

    fn next_element_seed<S: DeserializeSeed<'n>>(&mut self, seed: S) -> Result<Option<S::Value>, TreeError> {
        self.0.next().map(|node| seed.deserialize(NodeDeserializer(node))).transpose()
    }
}

/// The entries of a table that have not been read yet, and the value of the last name.
struct Entries<'n, 't> {
    rest: std::slice::Iter<'n, Entry<'t>>,
    value: Option<&'n Node<'t>>,
}

impl<'n> MapAccess<'n> for Entries<'n, '_> {
    type Error = TreeError;

    fn next_key_seed<S: DeserializeSeed<'n>>(&mut self, seed: S) -> Result<Option<S::Value>, TreeError> {
        let Some(entry) = self.rest.next() else { return Ok(None) };
        self.value = Some(&entry.node);
        let name: StrDeserializer<'_, TreeError> = entry.name.as_ref().into_deserializer();
        seed.deserialize(name).map(Some).map_err(|error| error.at(entry.offset))
    }

    fn next_value_seed<S: DeserializeSeed<'n>>(&mut self, seed: S) -> Result<S::Value, TreeError> {
        let Some(node) = self.value.take() else {
            return Err(serde::de::Error::custom("a value was read before its name"));
        };
        seed.deserialize(NodeDeserializer(node)).map_err(|error| error.at(node.offset()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn different_values_differ_and_the_same_are_the_same() {
        let both = [
            "1",
            "2",
            "1.0",
            "1.5",
            "1.50",
            "9007199254740993.0",
            "9007199254740992.0",
            "\"1\"",
            "\"1.5\"",
            "true",
            "[1]",
            "[]",
            "99999999999999999999",
            "99999999999999999998",
            "170141183460469231731687303715884105726",
        ];
        let toml =
            [both.as_slice(), &["1979-05-27", "'1979-05-27'", "{ exists = true }", "{ exists = false }"]].concat();
        let json = [both.as_slice(), &["null", "{\"exists\": true}"]].concat();
        let toml_value = |value: &str| document_to_json(Format::Toml, &format!("a = {value}")).to_string();
        let json_value = |value: &str| document_to_json(Format::Json, &format!("{{\"a\": {value}}}")).to_string();
        assert_eq!(toml.iter().map(|value| toml_value(value)).collect::<BTreeSet<_>>().len(), toml.len());
        assert_eq!(json.iter().map(|value| json_value(value)).collect::<BTreeSet<_>>().len(), json.len());
        for value in both {
            assert_eq!(toml_value(value), json_value(value));
        }
        assert_eq!((toml_value("0x10"), toml_value("\"\\u0061\"")), (toml_value("16"), toml_value("'a'")));
    }
}
