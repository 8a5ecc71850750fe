//! The value of an attribute, from JSON or from the option `--attr`.
//!
//! The command must evaluate as a program does, so numbers are read from their written form: a whole number is exact up
//! to 128 bits, and never becomes the nearest fraction.

use std::fmt;

use flagkit_core::source::Operator;
use flagkit_core::{Attribute, Value};
use flagkit_sources::document::tree::nearest;
use serde_json::value::RawValue;

use crate::report::{Failure, Result};

/// The value of an attribute: that of a program's variable of the same type.
#[derive(Debug, PartialEq)]
pub(crate) enum AttributeValue {
    Bool(bool),
    Integer(i128),
    /// A whole number from 2^127, which only a `u128` holds.
    Large(u128),
    Float(f64),
    Text(String),
    List(Vec<AttributeValue>),
    /// `null`, which counts as a missing attribute.
    Null,
}

/// The maximum depth of lists within lists. No operator accepts a list within a list.
const MAX_DEPTH: usize = 16;

impl AttributeValue {
    /// Parses a value of JSON. The error has the part of the JSON that it is about.
    pub(crate) fn from_json(json: &RawValue) -> std::result::Result<Self, ValueError<'_>> {
        Self::nested(json, MAX_DEPTH)
    }

    fn nested(json: &RawValue, depth: usize) -> std::result::Result<Self, ValueError<'_>> {
        let text = json.get();
        let error = |reason: &str| ValueError { json: text, reason: reason.to_owned() };
        match text.as_bytes().first() {
            Some(b'n') => Ok(Self::Null),
            Some(b't') => Ok(Self::Bool(true)),
            Some(b'f') => Ok(Self::Bool(false)),
            Some(b'"') => serde_json::from_str(text).map(Self::Text).map_err(|_| error("got an invalid escape")),
            Some(b'[') if depth == 0 => Err(error("got lists nested too deep")),
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| error("got an invalid list"))?;
                items
                    .into_iter()
                    .map(|item| Self::nested(item, depth - 1))
                    .collect::<std::result::Result<_, _>>()
                    .map(Self::List)
            }
            Some(b'{') => Err(error(
                "got an object, expected true, false, a number, a text or a list; name a nested field \"account.seats\"",
            )),
            _ => Self::number(text).map_err(|reason| error(&reason)),
        }
    }

    /// Parses a number of JSON exactly, or to the nearest 64-bit binary fraction if it has a point or an exponent.
    pub(crate) fn number(text: &str) -> std::result::Result<Self, String> {
        if text.contains(['.', 'e', 'E']) {
            return match text.parse::<f64>() {
                Ok(float) if float.is_finite() => Ok(Self::Float(float)),
                _ => Err(format!("got {}, expected a finite number", shorten(text))),
            };
        }
        let integer = text.parse().map(Self::Integer).or_else(|_| text.parse().map(Self::Large));
        integer.map_err(|_| format!("got {}, expected a whole number from -2^127 to 2^128 - 1", shorten(text)))
    }
}

/// A value that no attribute can have, as a part of a line of JSON.
#[derive(Debug)]
pub(crate) struct ValueError<'l> {
    pub(crate) json: &'l str,
    pub(crate) reason: String,
}

impl Attribute for AttributeValue {
    fn value(&self) -> Option<Value<'_>> {
        match self {
            Self::Bool(value) => Some(Value::Bool(*value)),
            Self::Integer(value) => Some(Value::Integer(*value)),
            Self::Large(value) => value.value(),
            Self::Float(value) => Some(Value::Float(*value)),
            Self::Text(value) => Some(Value::Text(value)),
            Self::List(values) => values.value(),
            Self::Null => None,
        }
    }
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Some(value) => write!(f, "{value}"),
            None => f.write_str("null"),
        }
    }
}

/// The types that `--attr NAME:TYPE=VALUE` can name.
const TYPES: [&str; 5] = ["text", "number", "bool", "date", "list"];

/// Parses the argument of `--attr`: `NAME=VALUE` or `NAME:TYPE=VALUE`.
///
/// The last colon of the name begins the type, so a name that has a colon needs a type.
pub(crate) fn parse_argument(argument: &str) -> Result<(String, AttributeValue)> {
    let failure = |reason: String| Failure::usage(format!("--attr {argument}: {reason}"));
    let Some((name, value)) = argument.split_once('=') else {
        return Err(failure("expected NAME=VALUE".to_owned()));
    };
    let (name, value) = match name.rsplit_once(':') {
        None => (name, infer(name, value).map_err(failure)?),
        Some((name, kind)) if TYPES.contains(&kind) => (name, typed(kind, value).map_err(failure)?),
        Some((_, kind)) => {
            let help = match nearest(kind, TYPES) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("a name with a colon needs a type after it: `{name}:text={value}`"),
            };
            return Err(failure(format!("got the type {kind:?}, expected one of {}", TYPES.join(", "))).with_help(help));
        }
    };
    if name.is_empty() {
        return Err(failure("expected NAME=VALUE".to_owned()));
    }
    Ok((name.to_owned(), value))
}

/// Parses a value of a type that is given.
fn typed(kind: &str, value: &str) -> std::result::Result<AttributeValue, String> {
    let got = |expected: &str| format!("got {:?}, expected {expected}", shorten(value));
    match kind {
        "number" => match value.to_ascii_lowercase().as_str() {
            // A program may have these, and JSON has no spelling for them.
            "nan" | "inf" | "-inf" => value.parse().map(AttributeValue::Float).map_err(|_| got("a number")),
            _ if serde_json::from_str::<&RawValue>(value).is_ok_and(|json| json.get() == value) && is_number(value) => {
                AttributeValue::number(value)
            }
            _ => Err(got("a number such as 25 or 0.5")),
        },
        "bool" => value.parse().map(AttributeValue::Bool).map_err(|_| got("true or false")),
        "date" => match Operator::before(value) {
            Ok(_) => Ok(AttributeValue::Text(value.to_owned())),
            Err(_) => Err(got("a date with a time and a zone such as 2027-02-01T12:00:00Z")),
        },
        "list" if value.starts_with('[') => {
            json_list(value).ok_or_else(|| got("an array of JSON, or texts with commas"))
        }
        "list" if value.is_empty() => Ok(AttributeValue::List(Vec::new())),
        "list" => {
            Ok(AttributeValue::List(value.split(',').map(|text| AttributeValue::Text(text.to_owned())).collect()))
        }
        _ => Ok(AttributeValue::Text(value.to_owned())),
    }
}

/// Infers the type of a value: a number, true, false, an array or a text of JSON, or else a text.
fn infer(name: &str, value: &str) -> std::result::Result<AttributeValue, String> {
    if value.starts_with('[') {
        return json_list(value).ok_or_else(|| {
            format!("got {:?}, expected an array of JSON; write {name}:list=a,b or {name}:text=…", shorten(value))
        });
    }
    let json = serde_json::from_str::<&RawValue>(value).ok().filter(|json| json.get() == value && value != "null");
    let parsed = json.and_then(|json| AttributeValue::from_json(json).ok());
    Ok(parsed.unwrap_or_else(|| AttributeValue::Text(value.to_owned())))
}

fn json_list(value: &str) -> Option<AttributeValue> {
    AttributeValue::from_json(serde_json::from_str(value).ok()?).ok()
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

/// Returns the note for a number that is displayed differently than it was written, because a text may have been meant.
pub(crate) fn note(argument: &str, value: &AttributeValue) -> Option<String> {
    let (name, written) = argument.split_once('=').filter(|(name, _)| !name.contains(':'))?;
    let is_number = matches!(value, AttributeValue::Integer(_) | AttributeValue::Large(_) | AttributeValue::Float(_));
    let shown = value.to_string();
    (is_number && shown != written)
        .then(|| format!("{name} is the number {shown}; for the text, write {name}:text={written}"))
}

/// Returns the first characters of a long text.
fn shorten(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
