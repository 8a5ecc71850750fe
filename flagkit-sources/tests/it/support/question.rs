//! Generated questions: documents of layers, a flag and a subject, with the answer of `spec/evaluate.py`. The tests of the command
//! use this file too.

use std::env;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use flagkit_core::source::{LoadError, Provenance};
use flagkit_core::{Attribute as _, Flags, Id, Reason, Subject, Value};
use flagkit_sources::document::Format;

/// The folder of the specification.
pub(crate) fn spec() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec")
}

/// Generates lines of questions. Returns `None`, and says so, if Python is missing.
pub(crate) fn generate(documents: usize, seed: u32, questions: usize) -> Option<String> {
    let can = Command::new("python3").args(["-c", "import tomllib, xxhash"]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        assert!(env::var_os("CI").is_none(), "CI needs python3 with xxhash, to compare with spec/evaluate.py");
        // `eprintln!` does not work here, because the test harness captures it.
        writeln!(io::stderr(), "SKIPPED: no python3 (3.11 or later) with xxhash: no generated question was compared")
            .expect("stderr");
        return None;
    }
    let output = Command::new("python3")
        .arg("-B")
        .arg(spec().join("generate.py"))
        .args([documents.to_string(), seed.to_string(), questions.to_string()])
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "spec/generate.py failed: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

/// A generated line: the documents of layers, lowest first, and questions about them.
pub(crate) struct Questions {
    pub(crate) layers: Vec<String>,
    pub(crate) questions: Vec<Question>,
}

/// A flag, a subject, and the answer of `spec/evaluate.py`.
pub(crate) struct Question {
    pub(crate) flag: String,
    pub(crate) subject: Questioned,
    pub(crate) expected: Answer,
}

impl Questions {
    /// Parses a generated line.
    pub(crate) fn parse(line: &str) -> Self {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let questions = line["pairs"].as_array().expect("pairs").iter().map(|pair| {
            let attributes = pair["attributes"].as_object().expect("attributes").iter();
            let subject = Questioned {
                id: Some(&pair["id"]).filter(|id| !id.is_null()).map(json_attribute),
                attributes: attributes.map(|(name, value)| (name.clone(), json_attribute(value))).collect(),
            };
            let flag = pair["flag"].as_str().expect("a flag").to_owned();
            Question { flag, subject, expected: Answer::from_json(&pair["expected"]) }
        });
        let layers = line["layers"].as_array().expect("layers").iter();
        let layers = layers.map(|layer| layer.as_str().expect("a document").to_owned()).collect();
        Self { layers, questions: questions.collect() }
    }
}

/// Loaded documents: their flags and their problems.
pub(crate) struct Document {
    flags: Flags,
    pub(crate) problems: String,
}

impl Document {
    /// Loads documents of TOML as layers, lowest first.
    pub(crate) fn load<T: AsRef<str>>(layers: &[T]) -> Result<Self, LoadError> {
        let (flags, mut problems) = (Flags::new(), String::new());
        let publishers: Vec<_> =
            (0..layers.len()).map(|index| flags.add_layer(Provenance::new(format!("spec:{index}")))).collect();
        // The highest layer first: a flag that becomes invalid keeps its last good definition, and the lower layers by
        // themselves may have one.
        for (publisher, layer) in publishers.iter().zip(layers).rev() {
            let load = Format::Toml.read(layer.as_ref().as_bytes())?;
            problems.extend(load.problems().iter().map(|problem| format!("{problem}\n")));
            publisher.publish(load);
        }
        Ok(Self { flags, problems })
    }

    /// Evaluates a flag for a subject.
    pub(crate) fn answer(&self, key: &str, subject: &Questioned) -> Answer {
        let evaluation = self.flags.evaluate(key, subject);
        Answer {
            on: evaluation.is_on(),
            reason: evaluation.reason().as_str().to_owned(),
            rule: evaluation.rule(),
            variant: evaluation.variant().map(|variant| variant.name().to_owned()),
            stage: match evaluation.reason() {
                Reason::Migration { stage } => Some(stage.to_string()),
                _ => None,
            },
        }
    }
}

/// The result of an evaluation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) on: bool,
    pub(crate) reason: String,
    pub(crate) rule: Option<usize>,
    pub(crate) variant: Option<String>,
    /// The stage of a migration.
    pub(crate) stage: Option<String>,
}

impl Answer {
    /// Parses an answer of `spec/generate.py` or of `flagkit eval --stdin`.
    pub(crate) fn from_json(json: &serde_json::Value) -> Self {
        Self {
            on: json["on"].as_bool().expect("on"),
            reason: json["reason"].as_str().expect("reason").to_owned(),
            rule: json["rule"].as_u64().map(|rule| rule.try_into().expect("an index")),
            variant: json["variant"].as_str().map(str::to_owned),
            stage: json["stage"].as_str().map(str::to_owned),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", if self.on { "on" } else { "off" }, self.reason)?;
        if let Some(rule) = self.rule {
            write!(f, ", rule {rule}")?;
        }
        if let Some(variant) = &self.variant {
            write!(f, ", variant {variant}")?;
        }
        if let Some(stage) = &self.stage {
            write!(f, ", stage {stage}")?;
        }
        f.write_str(")")
    }
}

/// The subject of a question.
#[derive(Debug)]
pub(crate) struct Questioned {
    pub(crate) id: Option<Attribute>,
    pub(crate) attributes: Vec<(String, Attribute)>,
}

/// The value of an attribute, or an id.
#[derive(Debug)]
pub(crate) enum Attribute {
    Null,
    Bool(bool),
    Integer(i128),
    /// A whole number from 2^127.
    Large(u128),
    Float(f64),
    Text(String),
    List(Vec<Attribute>),
}

impl Questioned {
    /// Returns the line of `flagkit eval --stdin`, or `None` if JSON has no spelling for an attribute.
    pub(crate) fn json(&self, flag: &str) -> Option<String> {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let id = self.id.as_ref().map_or(Some("null".to_owned()), Attribute::json)?;
        let attributes: Option<Vec<_>> =
            self.attributes.iter().map(|(name, value)| Some(format!("{}:{}", text(name), value.json()?))).collect();
        Some(format!("{{\"flag\":{},\"id\":{id},\"attributes\":{{{}}}}}", text(flag), attributes?.join(",")))
    }
}

impl Subject for Questioned {
    fn id(&self) -> Option<Id<'_>> {
        self.id.as_ref().map(|id| match id {
            Attribute::Text(id) => Id::from(id.as_str()),
            Attribute::Integer(id) => Id::from(*id),
            Attribute::Large(id) => Id::from(*id),
            other => panic!("an id is a text or a whole number, and not {other:?}"),
        })
    }

    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        self.attributes.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.value())
    }
}

impl Attribute {
    /// Returns the value as JSON, or `None` if JSON has no spelling for it.
    fn json(&self) -> Option<String> {
        Some(match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Large(value) => value.to_string(),
            Self::Float(value) if value.is_finite() => format!("{value:?}"),
            Self::Float(_) => return None,
            Self::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Self::List(elements) => {
                let elements: Option<Vec<_>> = elements.iter().map(Self::json).collect();
                format!("[{}]", elements?.join(","))
            }
        })
    }
}

impl flagkit_core::Attribute for Attribute {
    fn value(&self) -> Option<Value<'_>> {
        match self {
            Self::Null => None,
            Self::Bool(value) => value.value(),
            Self::Integer(value) => value.value(),
            Self::Large(value) => value.value(),
            Self::Float(value) => value.value(),
            Self::Text(value) => value.value(),
            Self::List(value) => value.value(),
        }
    }
}

/// Reads an attribute. JSON parsers differ on some numbers, so those are written as `{"float": "1.0"}` and `{"integer":
/// "…"}`.
fn json_attribute(value: &serde_json::Value) -> Attribute {
    let number = |kind: &str| value.get(kind).and_then(serde_json::Value::as_str);
    match value {
        serde_json::Value::Null => Attribute::Null,
        serde_json::Value::Bool(value) => Attribute::Bool(*value),
        serde_json::Value::String(value) => Attribute::Text(value.clone()),
        serde_json::Value::Array(elements) => Attribute::List(elements.iter().map(json_attribute).collect()),
        _ if number("float").is_some() => Attribute::Float(number("float").unwrap().parse().expect("a fraction")),
        _ if number("integer").is_some() => {
            let digits = number("integer").unwrap();
            let small = digits.parse().map(Attribute::Integer);
            small.unwrap_or_else(|_| Attribute::Large(digits.parse().expect("an integer")))
        }
        other => Attribute::Integer(other.as_i64().expect("an attribute").into()),
    }
}
