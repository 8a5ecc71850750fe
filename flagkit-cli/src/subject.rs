//! The subject of an evaluation, from the command line or from a line of JSON.

use flagkit_core::{Attribute as _, Id, Subject, Value};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::attribute::{AttributeValue, ValueError, note, parse_argument};
use crate::cli::SubjectArgs;
use crate::report::Result;

/// A subject with attributes that may have any JSON value except an object.
#[derive(Debug, Default)]
pub(crate) struct CliSubject {
    id: Option<CliId>,
    /// There are few, so a scan is faster than a hash table. Of several with one name, the last counts.
    attributes: Vec<(String, AttributeValue)>,
}

#[derive(Debug)]
enum CliId {
    Integer(i128),
    Large(u128),
    Text(String),
}

impl Subject for CliSubject {
    fn id(&self) -> Option<Id<'_>> {
        self.id.as_ref().map(|id| match id {
            CliId::Integer(number) => Id::from(*number),
            CliId::Large(number) => Id::from(*number),
            CliId::Text(text) => Id::from(text.as_str()),
        })
    }

    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        self.attributes.iter().rev().find(|(known, _)| known == name).and_then(|(_, value)| value.value())
    }
}

impl CliSubject {
    /// Creates a subject from the arguments of the command line, and prints a note for each ambiguous number.
    pub(crate) fn new(args: &SubjectArgs) -> Result<Self> {
        let mut attributes = Vec::new();
        for argument in &args.attr {
            let (name, value) = parse_argument(argument)?;
            if let Some(note) = note(argument, &value) {
                anstream::eprintln!("note: {note}");
            }
            attributes.push((name, value));
        }
        Ok(Self { id: args.id.clone().map(CliId::Text), attributes })
    }
}

/// A line of JSON: a subject, and the flag to evaluate for it if the line has one.
#[derive(Debug)]
pub(crate) struct SubjectLine {
    flag: Option<String>,
    pub(crate) subject: CliSubject,
}

/// A line that is not a subject, and the column of the error, in characters from 1.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct LineError {
    pub(crate) column: usize,
    pub(crate) message: String,
}

/// The members of a line, with unparsed values.
#[derive(Deserialize)]
struct Members<'l> {
    flag: Option<String>,
    #[serde(borrow, default)]
    id: Option<&'l RawValue>,
    #[serde(borrow, default)]
    attributes: Option<Pairs<'l>>,
}

impl SubjectLine {
    /// Parses a line. Numbers keep their exact value.
    pub(crate) fn parse(line: &str) -> std::result::Result<Self, LineError> {
        let members: Members<'_> = serde_json::from_str(line).map_err(|error| {
            // The parser reads a single line and reports line 1, so its location is removed.
            let message = error.to_string().split(" at line ").next().unwrap_or_default().to_owned();
            LineError { column: column(line, error.column().saturating_sub(1)), message }
        })?;
        let located = |path: String, error: ValueError<'_>| {
            let offset = error.json.as_ptr().addr().saturating_sub(line.as_ptr().addr());
            LineError { column: column(line, offset), message: format!("{path}: {}", error.reason) }
        };
        let id = members.id.map(id).transpose().map_err(|error| located("id".to_owned(), error))?;
        let pairs = members.attributes.map(|pairs| pairs.0).unwrap_or_default();
        let mut attributes = Vec::with_capacity(pairs.len());
        for (name, json) in pairs {
            match AttributeValue::from_json(json) {
                Ok(value) => attributes.push((name, value)),
                Err(error) => return Err(located(format!("attributes.{name}"), error)),
            }
        }
        Ok(Self { flag: members.flag, subject: CliSubject { id, attributes } })
    }
}

impl SubjectLine {
    /// Returns the flag and the subject, or an error if the line has no flag.
    pub(crate) fn with_flag(self) -> std::result::Result<(String, CliSubject), LineError> {
        match self.flag {
            Some(flag) => Ok((flag, self.subject)),
            None => Err(LineError { column: 1, message: "missing field `flag`".to_owned() }),
        }
    }
}

/// Parses an id: a text or a whole number.
fn id(json: &RawValue) -> std::result::Result<CliId, ValueError<'_>> {
    let error =
        |got: &str| ValueError { json: json.get(), reason: format!("got {got}, expected a text or a whole number") };
    if json.get().starts_with('{') {
        return Err(error("an object"));
    }
    match AttributeValue::from_json(json)? {
        AttributeValue::Integer(number) => Ok(CliId::Integer(number)),
        AttributeValue::Large(number) => Ok(CliId::Large(number)),
        AttributeValue::Text(text) => Ok(CliId::Text(text)),
        other => Err(error(&other.to_string())),
    }
}

/// Returns the column of an offset in a line.
fn column(line: &str, offset: usize) -> usize {
    line.char_indices().take_while(|(at, _)| *at < offset).count() + 1
}

/// The members of an object in their order, with unparsed values.
struct Pairs<'l>(Vec<(String, &'l RawValue)>);

impl<'de: 'l, 'l> Deserialize<'de> for Pairs<'l> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of attributes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(4));
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}
