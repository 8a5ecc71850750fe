//! The cases of `spec/evaluate/`, and thousands of generated ones. `spec/evaluate.py`, an implementation written from
//! the specification only, answers the generated ones too.

use std::fs;
use std::path::PathBuf;

use crate::support::question::{Answer, Attribute, Document, Question, Questioned, Questions, generate, spec};

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

    let Some(lines) = generate(DOCUMENTS, SEED, 10) else { return };
    let pairs: usize = lines.lines().map(|line| compare_generated(line, &mut differences)).sum();
    assert_eq!(pairs, PAIRS, "spec/generate.py makes another number of questions");
    fail_on(&differences, "spec/generate.py");
    println!("{cases} cases and {pairs} generated questions answered as specified");
}

fn fail_on(differences: &[String], source: &str) {
    let shown = differences.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    assert!(differences.is_empty(), "{} differences with {source}, among them\n\n{shown}\n", differences.len());
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
        let layers: Vec<&str> = match file.get("layers").and_then(toml::Value::as_array) {
            Some(layers) => layers.iter().map(text).collect(),
            None => vec![text(&file["document"])],
        };
        let document = Document::load(&layers).expect(&name);
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
                stage: case.get("stage").map(|stage| text(stage).to_owned()),
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

/// Compares the answers of a generated line, and returns their number.
fn compare_generated(line: &str, differences: &mut Vec<String>) -> usize {
    let Questions { layers, questions } = Questions::parse(line);
    let source = layers.join("\n# above:\n");
    match Document::load(&layers) {
        Err(error) => differences.push(format!("{error}\n{source}")),
        Ok(document) => {
            for Question { flag, subject, expected } in &questions {
                let got = document.answer(flag, subject);
                if got != *expected {
                    let problems = &document.problems;
                    differences.push(format!(
                        "expected {expected}, got {got}, of\n{flag} for {subject:?}\n{source}{problems}"
                    ));
                }
            }
        }
    }
    questions.len()
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
