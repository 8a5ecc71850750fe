//! The cases of `spec/evaluate/`, and thousands of generated ones. `spec/evaluate.py`, an implementation written from
//! the specification only, answers the generated ones too.

use std::env;
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use flagkit_core::source::{LoadError, Provenance};
use flagkit_core::{Context, Flags, Value};
use flagkit_sources::document::Format;

const MIN_CASES: usize = 250;
/// The number of generated documents; each has ten evaluations.
const DOCUMENTS: usize = 2_000;
const PAIRS: usize = 20_000;
const SEED: u32 = 1;
/// The number of differences printed; one error causes many.
const SHOWN: usize = 20;

#[test]
fn check() {
    let mut differences = Vec::new();
    let cases = cases(&mut differences);
    assert!(cases >= MIN_CASES, "there are {cases} cases, fewer than {MIN_CASES}");
    fail_on(&differences, "spec/evaluate");

    let Some(lines) = generated() else {
        assert!(env::var_os("CI").is_none(), "CI needs python3 with xxhash, to compare with spec/evaluate.py");
        // `eprintln!` does not work here, because the test harness captures it.
        writeln!(
            io::stderr(),
            "SKIPPED: no python3 (3.11 or later) with xxhash: {PAIRS} generated questions were not compared"
        )
        .expect("stderr");
        return;
    };
    let pairs: usize = lines.lines().map(|line| compare_generated(line, &mut differences)).sum();
    assert_eq!(pairs, PAIRS, "spec/generate.py makes another number of questions");
    fail_on(&differences, "spec/generate.py");
    println!("{cases} cases and {pairs} generated questions answered as specified");
}

fn fail_on(differences: &[String], source: &str) {
    let shown = differences.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    assert!(differences.is_empty(), "{} differences with {source}, among them\n\n{shown}\n", differences.len());
}

fn spec() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec")
}

/// Runs all cases and returns their number.
fn cases(differences: &mut Vec<String>) -> usize {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(spec().join("evaluate")).expect("cases").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let mut count = 0;
    for path in paths {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let file: toml::Table = fs::read_to_string(&path).expect(&name).parse().expect(&name);
        let document = Document::load(text(&file["document"])).expect(&name);
        for (index, case) in file["cases"].as_array().expect(&name).iter().enumerate() {
            count += 1;
            let subject = Questioned {
                id: case.get("id").map(toml_attribute),
                attributes: case
                    .get("attributes")
                    .and_then(toml::Value::as_table)
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.clone(), toml_attribute(value)))
                    .collect(),
            };
            let expected = Answer {
                on: case["on"].as_bool().expect("on"),
                reason: text(&case["reason"]).to_owned(),
                rule: case.get("rule").map(|rule| rule.as_integer().expect("rule").try_into().expect("an index")),
                variant: case.get("variant").map(|variant| text(variant).to_owned()),
            };
            let got = document.answer(text(&case["flag"]), &subject);
            if got != expected {
                let (number, problems) = (index + 1, &document.problems);
                differences
                    .push(format!("{name}, case {number}: expected {expected}, got {got}, of\n{case:?}\n{problems}"));
            }
        }
    }
    count
}

/// Generates documents and evaluations if Python is available.
fn generated() -> Option<String> {
    let can = Command::new("python3").args(["-c", "import tomllib, xxhash"]).output().ok()?.status.success();
    if !can {
        return None;
    }
    let output = Command::new("python3")
        .arg("-B")
        .arg(spec().join("generate.py"))
        .args([DOCUMENTS.to_string(), SEED.to_string()])
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "spec/generate.py failed: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

/// Runs all evaluations of a generated line and returns their number.
fn compare_generated(line: &str, differences: &mut Vec<String>) -> usize {
    let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    let source = line["document"].as_str().expect("a document");
    let pairs = line["pairs"].as_array().expect("pairs");
    let document = match Document::load(source) {
        Ok(document) => document,
        Err(error) => {
            differences.push(format!("{error}\n{source}"));
            return pairs.len();
        }
    };
    for pair in pairs {
        let subject = Questioned {
            id: Some(&pair["id"]).filter(|id| !id.is_null()).map(json_attribute),
            attributes: pair["attributes"]
                .as_object()
                .expect("attributes")
                .iter()
                .map(|(name, value)| (name.clone(), json_attribute(value)))
                .collect(),
        };
        let expected = &pair["expected"];
        let expected = Answer {
            on: expected["on"].as_bool().expect("on"),
            reason: expected["reason"].as_str().expect("reason").to_owned(),
            rule: expected["rule"].as_u64().map(|rule| rule.try_into().expect("an index")),
            variant: expected["variant"].as_str().map(str::to_owned),
        };
        let got = document.answer(pair["flag"].as_str().expect("a flag"), &subject);
        if got != expected {
            let problems = &document.problems;
            differences.push(format!("expected {expected}, got {got}, of\n{pair}\n{source}{problems}"));
        }
    }
    pairs.len()
}

/// A loaded document: its flags and its problems.
struct Document {
    flags: Flags,
    problems: String,
}

impl Document {
    fn load(source: &str) -> Result<Self, LoadError> {
        let load = Format::Toml.read(source.as_bytes())?;
        let problems = load.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let flags = Flags::new();
        flags.add_layer(Provenance::new("spec:")).publish(load);
        Ok(Self { flags, problems })
    }

    fn answer(&self, key: &str, subject: &Questioned) -> Answer {
        let evaluation = self.flags.evaluate(key, &subject.context());
        Answer {
            on: evaluation.is_on(),
            reason: evaluation.reason().as_str().to_owned(),
            rule: evaluation.rule(),
            variant: evaluation.variant().map(|variant| variant.name().to_owned()),
        }
    }
}

#[derive(PartialEq, Eq)]
struct Answer {
    on: bool,
    reason: String,
    rule: Option<usize>,
    variant: Option<String>,
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
        f.write_str(")")
    }
}

struct Questioned {
    id: Option<Attribute>,
    attributes: Vec<(String, Attribute)>,
}

enum Attribute {
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Attribute>),
}

impl Questioned {
    fn context(&self) -> Context {
        let context = match &self.id {
            None => Context::anonymous(),
            Some(Attribute::Text(id)) => Context::new(id.as_str()),
            Some(Attribute::Integer(id)) => Context::new(*id),
            Some(_) => panic!("an id is a text or a whole number"),
        };
        self.attributes.iter().fold(context, |context, (name, attribute)| match attribute {
            Attribute::List(elements) => context.with(name, elements.iter().map(Attribute::scalar).collect::<Vec<_>>()),
            scalar => context.with(name, scalar.scalar()),
        })
    }
}

impl Attribute {
    fn scalar(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Integer(value) => Value::Integer(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Text(value) => Value::Text(value),
            Self::List(_) => panic!("there are no lists in lists"),
        }
    }
}

fn text(value: &toml::Value) -> &str {
    value.as_str().expect("a text")
}

fn toml_attribute(value: &toml::Value) -> Attribute {
    match value {
        toml::Value::Boolean(value) => Attribute::Bool(*value),
        toml::Value::Integer(value) => Attribute::Integer((*value).into()),
        toml::Value::Float(value) => Attribute::Float(*value),
        toml::Value::String(value) => Attribute::Text(value.clone()),
        toml::Value::Array(elements) => Attribute::List(elements.iter().map(toml_attribute).collect()),
        other => panic!("no attribute: {other:?}"),
    }
}

/// Reads an attribute. JSON parsers differ on some numbers, so those are written as `{"float": "1.0"}` and `{"integer":
/// "…"}`.
fn json_attribute(value: &serde_json::Value) -> Attribute {
    let number = |kind: &str| value.get(kind).and_then(serde_json::Value::as_str);
    match value {
        serde_json::Value::Bool(value) => Attribute::Bool(*value),
        serde_json::Value::String(value) => Attribute::Text(value.clone()),
        serde_json::Value::Array(elements) => Attribute::List(elements.iter().map(json_attribute).collect()),
        _ if number("float").is_some() => Attribute::Float(number("float").unwrap().parse().expect("a fraction")),
        _ if number("integer").is_some() => Attribute::Integer(number("integer").unwrap().parse().expect("an integer")),
        other => Attribute::Integer(other.as_i64().expect("an attribute").into()),
    }
}
