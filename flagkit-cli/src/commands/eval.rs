//! Answers, one or very many, and how they come about.

use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use flagkit_core::{Evaluation, FlagKey, Reason};
use serde::Deserialize;
use serde_json::{Value, json};

use super::declared;
use crate::cli::{Sources, SubjectArgs};
use crate::report::{Exit, Failure, Report, Result};
use crate::sources::snapshot;
use crate::subject::Asked;

pub(crate) fn eval(file: &Path, name: &str, subject: &SubjectArgs, sources: &Sources) -> Result {
    let (snapshot, _) = snapshot(sources, file)?;
    declared(&snapshot, name)?;
    let evaluation = snapshot.evaluate(name, &Asked::new(subject)?);
    let shown = evaluation.to_string();
    let shown = without_revision(&shown);
    Ok(Report::new(format!("{name} is {shown}\n"), answer(name, &evaluation)))
}

pub(crate) fn explain(file: &Path, name: &str, subject: &SubjectArgs, sources: &Sources) -> Result {
    let (snapshot, _) = snapshot(sources, file)?;
    declared(&snapshot, name)?;
    let explanation = snapshot.explain(name, &Asked::new(subject)?);
    let shown = explanation.to_string();
    let (answer, steps) = shown.split_once('\n').unwrap_or((&shown, ""));
    // The names of files are long.
    let answer = without_revision(answer).replacen(", says ", "\n  says ", 1);
    Ok(Report::new(format!("{answer}\n{steps}"), &explanation))
}

/// The revision counts what this process has read, and says nothing to anybody outside of it.
fn without_revision(answer: &str) -> &str {
    answer.split(" (revision ").next().unwrap_or_default()
}

fn answer(name: &str, evaluation: &Evaluation) -> Value {
    let mut answer = json!({
        "flag": name, "on": evaluation.is_on(), "reason": evaluation.reason().as_str(), "rule": evaluation.rule(),
        "variant": evaluation.variant().map(flagkit_core::Variant::name), "layer": evaluation.layer().map(ToString::to_string),
        "prerequisite": evaluation.prerequisite(),
    });
    if let Reason::Rollout { point, threshold } = evaluation.reason() {
        answer["point"] = point.to_bits().into();
        answer["threshold"] = threshold.to_bits().into();
    }
    answer
}

#[derive(Deserialize)]
struct Question {
    flag: String,
    #[serde(flatten)]
    subject: Asked,
}

/// Questions in, answers out, a line each. What is no question is answered with what is wrong with it.
pub(crate) fn batch(file: &Path, sources: &Sources) -> Result {
    let (snapshot, _) = snapshot(sources, file)?;
    let failed = |error: io::Error| Failure::io(error.to_string());
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut input = BufReader::with_capacity(1 << 16, io::stdin().lock());
    let (mut line, mut number, mut wrong) = (String::new(), 0_u64, 0_u64);
    loop {
        line.clear();
        match input.read_line(&mut line) {
            Ok(0) => break,
            Ok(_) => number += 1,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(Failure::new(Exit::Usage, format!("line {}: not UTF-8", number + 1)));
            }
            Err(error) => return Err(failed(error)),
        }
        if line.trim().is_empty() {
            continue;
        }
        let written = match serde_json::from_str::<Question>(&line) {
            Ok(Question { flag, subject }) => write_answer(&mut output, &flag, &snapshot.evaluate(&flag, &subject)),
            Err(error) => {
                wrong += 1;
                // The line of the text is always 1; which of the input it is stands beside.
                let shown = error.to_string();
                let shown = shown.split(" at line ").next().unwrap_or_default();
                writeln!(output, "{}", json!({ "line": number, "column": error.column(), "error": shown }))
            }
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            other => other.map_err(failed)?,
        }
    }
    match output.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(failed(error)),
        _ => {}
    }
    drop(output);
    if wrong > 0 {
        return Err(Failure::new(Exit::Findings, format!("{wrong} of {number} lines are no questions"))
            .with_help("a question is {\"flag\": …, \"id\": …, \"attributes\": {…}} on a line of its own"));
    }
    // The answers were the result.
    Ok(Report::new(String::new(), json!({ "lines": number })))
}

/// By hand: a tree for each answer would take most of the time.
fn write_answer(output: &mut impl io::Write, name: &str, evaluation: &Evaluation) -> io::Result<()> {
    output.write_all(b"{\"flag\":")?;
    match FlagKey::new(name) {
        // A key needs no escapes.
        Ok(_) => write!(output, "\"{name}\"")?,
        Err(_) => output.write_all(Value::from(name).to_string().as_bytes())?,
    }
    write!(output, ",\"on\":{},\"reason\":\"{}\"", evaluation.is_on(), evaluation.reason().as_str())?;
    if let Some(rule) = evaluation.rule() {
        write!(output, ",\"rule\":{rule}")?;
    }
    if let Some(variant) = evaluation.variant() {
        // A variant of a document has the form of a key.
        write!(output, ",\"variant\":\"{}\"", variant.name())?;
    }
    output.write_all(b"}\n")
}
