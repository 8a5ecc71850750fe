//! `eval` and `explain`: the evaluation of one flag, or of each line of standard input.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use flagkit_core::{Evaluation, Flag, FlagKey, Reason};
use serde_json::{Value, json};

use super::require_declared;
use crate::cli::{Sources, SubjectArgs};
use crate::report::{Exit, Failure, Report, Result};
use crate::sources::{Loaded, Verified, load};
use crate::subject::{CliSubject, LineError, SubjectLine};
use crate::terminal::escape_control_chars;

pub(crate) fn eval(file: &Path, name: &str, subject: &SubjectArgs, sources: &Sources) -> Result {
    let Loaded { snapshot, verified, .. } = load(sources, file)?;
    require_declared(file, &snapshot, name)?;
    let evaluation = snapshot.evaluate(name, &CliSubject::new(subject)?);
    let text = evaluation.to_string();
    let partition = snapshot.flag(name).and_then(Flag::partition);
    let mut text = with_stage(&format!("{name} is {}\n", without_revision(&text)), evaluation.reason(), partition);
    let mut data = to_json(name, &evaluation);
    add_stage(&mut data, evaluation.reason(), partition);
    if let Some(verified) = &verified {
        text += &refusal(verified, name).unwrap_or_default();
        add_approvals(verified, name, &mut text, &mut data);
    }
    Ok(Report::new(text, data))
}

pub(crate) fn explain(file: &Path, name: &str, subject: &SubjectArgs, sources: &Sources) -> Result {
    let Loaded { snapshot, verified, .. } = load(sources, file)?;
    require_declared(file, &snapshot, name)?;
    let subject = CliSubject::new(subject)?;
    let explanation = snapshot.explain(name, &subject);
    let text = explanation.to_string();
    let (first, steps) = text.split_once('\n').unwrap_or((&text, ""));
    // The layer gets its own line, because names of files are long.
    let first = without_revision(first).replacen(", says ", "\n  says ", 1);
    let reason = snapshot.evaluate(name, &subject).reason();
    let partition = snapshot.flag(name).and_then(Flag::partition);
    let mut report = Report::new(format!("{}\n{steps}", with_stage(&first, reason, partition)), &explanation);
    add_stage(&mut report.data, reason, partition);
    if let Some(verified) = &verified {
        // The steps of an evaluation have no reason for a migration, which is not dark.
        let refusal = refusal(verified, name).filter(|_| explanation.refusal().is_none());
        report.text += &refusal.unwrap_or_default();
        add_approvals(verified, name, &mut report.text, &mut report.data);
    }
    Ok(report)
}

/// Returns the line that says why a flag is not approved.
fn refusal(verified: &Verified, name: &str) -> Option<String> {
    let reason = verified.refusals.get(name)?;
    Some(format!("  not approved: {}\n", escape_control_chars(reason)))
}

/// Adds the list by which approvals were verified.
fn add_approvals(verified: &Verified, name: &str, text: &mut String, data: &mut Value) {
    let _ = writeln!(text, "  verified with {}", verified.list.display());
    data["refusal"] = verified.refusals.get(name).map(String::as_str).into();
    data["approvers"] = json!(verified.list);
}

/// Replaces the words for a flag that is off by the stage of a migration.
fn with_stage(text: &str, reason: Reason, partition: Option<&str>) -> String {
    match (reason, partition) {
        (Reason::Migration { .. }, _) => text.replacen(" is off: a migration at ", " is at ", 1),
        (Reason::MissingBucketingValue, Some(partition)) => {
            let [off, no_stage] =
                [format!(" is off: {reason}"), format!(" has no stage: the subject lacks {partition}")];
            text.replacen(&off, &no_stage, 1)
        }
        _ => text.to_owned(),
    }
}

/// Adds the stage for the subject, and the attribute that partitions the data. They are null for other flags.
fn add_stage(data: &mut Value, reason: Reason, partition: Option<&str>) {
    let stage = match reason {
        Reason::Migration { stage } => Some(stage.as_str()),
        _ => None,
    };
    (data["stage"], data["partition"]) = (stage.into(), partition.into());
}

/// Removes the revision, which has a meaning only inside one process.
fn without_revision(text: &str) -> &str {
    text.split(" (revision ").next().unwrap_or_default()
}

fn to_json(name: &str, evaluation: &Evaluation) -> Value {
    let mut value = json!({
        "flag": name, "on": evaluation.is_on(), "reason": evaluation.reason().as_str(), "rule": evaluation.rule(),
        "variant": evaluation.variant().map(flagkit_core::Variant::name),
        "layer": evaluation.layer().map(ToString::to_string), "prerequisite": evaluation.prerequisite(),
    });
    if let Reason::Rollout { point, threshold } = evaluation.reason() {
        value["point"] = point.to_bits().into();
        value["threshold"] = threshold.to_bits().into();
    }
    value
}

/// Evaluates each line of standard input, and prints one line for it. An invalid line prints an error.
pub(crate) fn batch(file: &Path, sources: &Sources) -> Result {
    let snapshot = load(sources, file)?.snapshot;
    let failed = |error: io::Error| Failure::io(error.to_string());
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut input = BufReader::with_capacity(1 << 16, io::stdin().lock());
    let (mut line, mut number, mut invalid) = (String::new(), 0_u64, 0_u64);
    loop {
        line.clear();
        match input.read_line(&mut line) {
            Ok(0) => break,
            Ok(_) => number += 1,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(Failure::new(Exit::Usage, format!("line {} is not UTF-8", number + 1)));
            }
            Err(error) => return Err(failed(error)),
        }
        if line.trim().is_empty() {
            continue;
        }
        let written = match SubjectLine::parse(&line).and_then(SubjectLine::with_flag) {
            Ok((flag, subject)) => write_evaluation(&mut output, &flag, &snapshot.evaluate(&flag, &subject)),
            Err(error) => {
                invalid += 1;
                let LineError { column, message } = &error;
                writeln!(output, "{}", json!({ "line": number, "column": column, "error": message }))
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
    if invalid > 0 {
        return Err(Failure::new(Exit::Findings, format!("{invalid} of {number} lines are invalid"))
            .with_help("write one object per line: {\"flag\": …, \"id\": …, \"attributes\": {…}}"));
    }
    // The lines above are the output.
    Ok(Report::new(String::new(), json!({ "lines": number })))
}

/// Writes JSON directly: a tree of values for each line would take most of the time.
fn write_evaluation(output: &mut impl io::Write, name: &str, evaluation: &Evaluation) -> io::Result<()> {
    output.write_all(b"{\"flag\":")?;
    match FlagKey::new(name) {
        // A key contains no characters to escape.
        Ok(_) => write!(output, "\"{name}\"")?,
        Err(_) => output.write_all(Value::from(name).to_string().as_bytes())?,
    }
    write!(output, ",\"on\":{},\"reason\":\"{}\"", evaluation.is_on(), evaluation.reason().as_str())?;
    if let Some(rule) = evaluation.rule() {
        write!(output, ",\"rule\":{rule}")?;
    }
    if let Some(variant) = evaluation.variant() {
        // The name of a variant has the syntax of a key.
        write!(output, ",\"variant\":\"{}\"", variant.name())?;
    }
    if let Reason::Migration { stage } = evaluation.reason() {
        write!(output, ",\"stage\":\"{stage}\"")?;
    }
    output.write_all(b"}\n")
}
