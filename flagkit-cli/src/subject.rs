//! The subject of an evaluation, from the command line or from a line of JSON.

use flagkit_core::{Attribute, Id, Subject, Value};
use serde::Deserialize;

use crate::cli::SubjectArgs;
use crate::report::{Failure, Result};

/// A subject with attributes that may have any JSON value except an object.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct CliSubject {
    #[serde(default)]
    id: Option<CliId>,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "an id is a text or a whole number")]
enum CliId {
    Number(i64),
    Great(u64),
    Text(String),
}

/// The attributes of a subject. There are few, so a scan is faster than a hash table.
#[derive(Debug, Default)]
struct Attributes(Vec<(String, AttributeValue)>);

/// The value of an attribute.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "an attribute is true, false, a number, a text, or a list of such")]
enum AttributeValue {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<AttributeValue>),
    /// `null`, which counts as a missing attribute.
    Nothing(()),
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Pairs;
        impl<'de> serde::de::Visitor<'de> for Pairs {
            type Value = Attributes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of attributes")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> std::result::Result<Attributes, A::Error> {
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(4));
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Attributes(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

impl Attribute for AttributeValue {
    fn value(&self) -> Option<Value<'_>> {
        match self {
            Self::Bool(value) => Some(Value::Bool(*value)),
            Self::Integer(value) => Some(Value::Integer((*value).into())),
            Self::Float(value) => Some(Value::Float(*value)),
            Self::Text(value) => Some(Value::Text(value)),
            Self::List(values) => values.value(),
            Self::Nothing(()) => None,
        }
    }
}

impl Subject for CliSubject {
    fn id(&self) -> Option<Id<'_>> {
        self.id.as_ref().map(|id| match id {
            CliId::Number(number) => Id::from(*number),
            CliId::Great(number) => Id::from(*number),
            CliId::Text(text) => Id::from(text.as_str()),
        })
    }

    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        self.attributes.0.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.value())
    }
}

impl CliSubject {
    /// Creates a subject from the arguments of the command line.
    pub(crate) fn new(args: &SubjectArgs) -> Result<Self> {
        let mut attributes = Vec::new();
        for attribute in &args.attr {
            let Some((name, value)) = attribute.split_once('=').filter(|(name, _)| !name.is_empty()) else {
                return Err(Failure::usage(format!("--attr {attribute}: expected NAME=VALUE")));
            };
            let value = match serde_json::from_str(value) {
                Ok(value) => value,
                Err(_) => AttributeValue::Text(value.to_owned()),
            };
            attributes.push((name.to_owned(), value));
        }
        Ok(Self { id: args.id.clone().map(CliId::Text), attributes: Attributes(attributes) })
    }
}
