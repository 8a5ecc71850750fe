//! All there is to know of one flag.

use std::fmt::Write as _;
use std::path::Path;

use flagkit_core::{Flag, FlagKey};
use jiff::Timestamp;
use serde_json::json;

use super::list::coloured;
use super::{declared, indented};
use crate::gate::Gates;
use crate::journal::Journal;
use crate::project::{Document, Laid, Project, environments};
use crate::report::{Detail, Report, Result};
use crate::state::State;
use crate::terminal::{BAD, BOLD, DIM, plain, styled};
use crate::usage;

/// How many of the last changes are shown.
const CHANGES: usize = 5;

pub(crate) fn run(file: &Path, name: &str) -> Result {
    let document = Document::read(file)?;
    let laid = Laid::of([&document]);
    let snapshot = laid.snapshot();
    declared(&snapshot, name)?;
    let flag = snapshot.flag(name);
    let mut text = format!("{}  {}\n", styled(BOLD, name), coloured(flag));
    let mut data = json!({ "flag": name, "state": State::of(flag).to_string() });

    if let Some(metadata) = flag.and_then(Flag::metadata) {
        let mut line = |what: &str, value: String| {
            let _ = writeln!(text, "  {} {value}", styled(DIM, format!("{what:<12}")));
        };
        metadata.description.iter().for_each(|value| line("description", plain(value)));
        metadata.owner.iter().for_each(|value| line("owner", plain(value)));
        metadata.kind.iter().for_each(|kind| line("kind", kind.as_str().to_owned()));
        if let Some(created) = metadata.created {
            line("created", format!("{created}{}", age(created)));
        }
        if let Some(expires) = metadata.expires {
            let late = days(expires).is_some_and(|days| days > 0);
            line(
                "expires",
                if late { styled(BAD, format!("{expires}, and that is over")) } else { expires.to_string() },
            );
        }
        data["metadata"] = json!({
            "description": metadata.description, "owner": metadata.owner, "kind": metadata.kind.map(flagkit_core::source::Kind::as_str),
            "created": metadata.created.map(|day| day.to_string()), "expires": metadata.expires.map(|day| day.to_string()),
        });
    }
    if let Some((gate, _)) = Gates::read(&document)?.of(name) {
        let _ = writeln!(text, "  {} {gate}", styled(DIM, format!("{:<12}", "gate")));
        data["gate"] = gate.into();
    }

    let mut states = vec![json!({ "file": file, "environment": null, "state": State::of(flag).to_string() })];
    for env in environments(file) {
        let project = Project::read(file, Some(&env))?;
        let in_force = project.flags().snapshot();
        let says = project.stateful().load.flags().get(name).is_some();
        let note = if says { "" } else { ", as declared" };
        let _ = writeln!(text, "  {} {}{note}", styled(DIM, format!("{env:<12}")), coloured(in_force.flag(name)));
        states.push(json!({
            "file": project.stateful().path, "environment": env, "state": State::of(in_force.flag(name)).to_string(), "own": says,
        }));
    }
    data["states"] = states.into();

    let root = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let uses: Vec<_> = usage::find(root).0.into_iter().filter(|used| used.key == name).collect();
    let places: Vec<String> =
        uses.iter().map(|used| format!("{}:{}:{}", used.path.display(), used.line, used.column)).collect();
    let _ = writeln!(text, "used in");
    text +=
        &if places.is_empty() { indented(&styled(DIM, "no code below here")) } else { indented(&places.join("\n")) };
    data["uses"] = places.into();

    let journal = Journal::read(file)?;
    let changes: Vec<_> =
        journal.in_time().into_iter().rev().filter(|entry| entry.flag == name).take(CHANGES).collect();
    if !changes.is_empty() {
        text += "last changes\n";
        text += &indented(&changes.iter().map(|entry| super::log::line(entry)).collect::<Vec<_>>().join("\n"));
    }
    data["changes"] = serde_json::to_value(&changes).unwrap_or_default();
    let problems: Vec<Detail> = laid
        .problems
        .iter()
        .filter(|(_, problem)| is_about(problem.path(), name))
        .map(|(path, problem)| Detail::of(path.display(), problem))
        .collect();
    for problem in &problems {
        let _ = writeln!(text, "{} {problem}", styled(BAD, "problem"));
    }
    data["problems"] = serde_json::to_value(&problems).unwrap_or_default();
    Ok(Report::new(text, data))
}

/// Whether the path of a problem is that of the flag or below it.
pub(crate) fn is_about(path: &str, name: &str) -> bool {
    let quoted = FlagKey::new(name).is_ok_and(|key| key.as_str().contains('.'));
    let base = if quoted { format!("flags.\"{name}\"") } else { format!("flags.{name}") };
    path.strip_prefix(&base).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// How many days ago a day was, in UTC.
pub(crate) fn days(day: flagkit_core::Date) -> Option<i64> {
    let midnight: Timestamp = format!("{day}T00:00:00Z").parse().ok()?;
    Some((Timestamp::now().as_second() - midnight.as_second()).div_euclid(86_400))
}

fn age(created: flagkit_core::Date) -> String {
    match days(created) {
        Some(0) => ", today".to_owned(),
        Some(1) => ", a day ago".to_owned(),
        Some(days) if days > 0 => format!(", {days} days ago"),
        _ => String::new(),
    }
}
