//! `show`: the state, metadata, uses and latest changes of one flag.

use std::fmt::Write as _;
use std::path::Path;

use flagkit_core::source::{Kind, Metadata, Side, Stage};
use flagkit_core::{Flag, FlagKey};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::approvals::ShownApprovals;
use super::list::{coloured, unapproved};
use super::{indented, require_declared};
use crate::environment::{environments, existing_file};
use crate::gate::Gates;
use crate::journal::Journal;
use crate::migrations;
use crate::progress::Progress;
use crate::project::{Document, Layered, Project};
use crate::report::{Detail, Report, Result};
use crate::roots::{Roots, Settings};
use crate::state::logged;
use crate::terminal::{BAD, BOLD, DIM, escape_control_chars, styled};
use crate::usage::Uses;

/// The number of latest changes to show.
const CHANGES: usize = 5;

pub(crate) fn run(file: &Path, name: &str, env: Option<&str>) -> Result {
    env.map(|env| existing_file(file, env)).transpose()?;
    let project = Project::read(file, env)?;
    let document = &project.declared;
    let layered = project.flags();
    let snapshot = layered.snapshot();
    require_declared(file, &snapshot, name)?;
    let flag = snapshot.flag(name);
    let mut approvals = ShownApprovals::new(file)?;
    let is_refused = approvals.add(&project, env, name);
    let state_text = if is_refused { unapproved(flag) } else { coloured(flag) };
    let mut text = format!("{}  {state_text}\n", styled(BOLD, name));
    let mut data = json!({
        "flag": name, "state": state(&project, flag, name), "stage": flag.and_then(Flag::stage).map(Stage::as_str),
        "partition": flag.and_then(Flag::partition),
    });
    if let Some(progress) = Progress::of(flag) {
        show_stage(progress, flag.and_then(Flag::partition), &mut text, &mut data);
    }
    if let Some(metadata) = flag.and_then(Flag::metadata) {
        show_metadata(metadata, &mut text, &mut data);
    }
    if let Some((gate, _)) = Gates::read(document)?.of(name) {
        text += &field("gate", gate);
        data["gate"] = gate.into();
    }
    show_states(document, (env, is_refused), name, (&mut text, &mut data), &mut approvals)?;
    approvals.show(&mut text, &mut data);
    show_uses(document, name, &mut text, &mut data);
    if flag.is_some_and(Flag::is_migration) {
        show_expansions(document, name, &mut text, &mut data)?;
    }
    show_changes(file, name, &mut text, &mut data)?;
    let about = layered.problems.iter().filter(|(_, problem)| is_about(problem.path(), name));
    let problems: Vec<Detail> = about.map(|(path, problem)| Detail::of(path.display(), problem)).collect();
    for problem in &problems {
        let _ = writeln!(text, "{} {problem}", styled(BAD, "problem"));
    }
    data["problems"] = serde_json::to_value(&problems).unwrap_or_default();
    Ok(Report::new(text, data))
}

/// Renders a line with a name and a value.
fn field(name: &str, value: impl std::fmt::Display) -> String {
    format!("  {} {value}\n", styled(DIM, format!("{name:<12}")))
}

/// Returns the state of a flag. `None` for an invalid migration, which keeps an unknown stage; other flags are off.
fn state(project: &Project, flag: Option<&Flag>, name: &str) -> Option<String> {
    let is_migration = |document: &Document| document.load.flags().get(name).is_some_and(Flag::is_migration);
    let is_unknown = flag.is_none() && project.documents().any(is_migration);
    (!is_unknown).then(|| logged(flag))
}

/// Shows what is read and written at the stages of a migration.
fn show_stage(progress: Progress, partition: Option<&str>, text: &mut String, data: &mut Value) {
    let [behind, ahead] = progress.stages();
    let mut stages = vec![ahead];
    stages.extend((behind != ahead).then_some(behind));
    for stage in &stages {
        let of = if stages.len() > 1 { format!(" at {stage}") } else { String::new() };
        *text += &field("reads", format!("{}{of}", reads(*stage)));
        *text += &field("writes", format!("{}{of}", writes(*stage).join(", then ")));
    }
    if let Some(attribute) = partition {
        *text += &field("partition", escape_control_chars(attribute));
    }
    let stages = stages.into_iter().map(|stage| {
        let other = stage.compares().then(|| stage.authoritative().other().as_str());
        json!({
            "stage": stage.as_str(), "reads": stage.authoritative().as_str(), "compares": other,
            "writes": writes(stage),
        })
    });
    data["stages"] = stages.collect::<Vec<_>>().into();
}

/// Describes the side that is read at a stage.
fn reads(stage: Stage) -> String {
    let side = stage.authoritative();
    if stage.compares() { format!("{side}; {} is compared", side.other()) } else { side.to_string() }
}

/// Returns the sides that are written at a stage, the authoritative one first.
fn writes(stage: Stage) -> Vec<&'static str> {
    let side = stage.authoritative();
    [side, side.other()].into_iter().filter(|side| stage.writes(*side)).map(Side::as_str).collect()
}

fn show_metadata(metadata: &Metadata, text: &mut String, data: &mut Value) {
    metadata.description.iter().for_each(|value| *text += &field("description", escape_control_chars(value)));
    metadata.owner.iter().for_each(|value| *text += &field("owner", escape_control_chars(value)));
    metadata.kind.iter().for_each(|kind| *text += &field("kind", kind.as_str()));
    if let Some(created) = metadata.created {
        *text += &field("created", format!("{created}{}", age(created)));
    }
    if let Some(expires) = metadata.expires {
        let is_expired = days(expires).is_some_and(|days| days > 0);
        let value = if is_expired { styled(BAD, format!("{expires} (expired)")) } else { expires.to_string() };
        *text += &field("expires", value);
    }
    data["metadata"] = json!({
        "description": metadata.description, "owner": metadata.owner, "kind": metadata.kind.map(Kind::as_str),
        "created": metadata.created.map(|day| day.to_string()), "expires": metadata.expires.map(|day| day.to_string()),
    });
}

/// Shows the state in each environment.
fn show_states(
    declared: &Document,
    (shown, is_refused): (Option<&str>, bool),
    name: &str,
    (text, data): (&mut String, &mut Value),
    approvals: &mut ShownApprovals,
) -> Result<()> {
    let file = &declared.path;
    let snapshot = Layered::of([declared]).snapshot();
    let flag = snapshot.flag(name);
    let mut states =
        vec![json!({ "file": file, "environment": null, "state": state(&Project::new(declared.clone()), flag, name) })];
    for env in environments(file) {
        let project = Project::read(file, Some(&env))?;
        let snapshot = project.flags().snapshot();
        let flag = snapshot.flag(name);
        let is_own = project.state_document().load.flags().get(name).is_some();
        let note = if is_own { "" } else { " (as declared)" };
        let is_shown = Some(env.as_str()) == shown;
        let is_refused = if is_shown { is_refused } else { approvals.add(&project, Some(&env), name) };
        let state_text = if is_refused { unapproved(flag) } else { coloured(flag) };
        *text += &field(&env, format!("{state_text}{note}"));
        let path = &project.state_document().path;
        states.push(json!({ "file": path, "environment": env, "state": state(&project, flag, name), "own": is_own }));
    }
    data["states"] = states.into();
    Ok(())
}

fn show_uses(document: &Document, name: &str, text: &mut String, data: &mut Value) {
    let settings = Settings::parse(document).unwrap_or_default();
    let roots = Roots::new(&document.path, &settings);
    let uses = Uses::find(&roots).found.into_iter().filter(|used| used.key == name);
    let uses: Vec<String> = uses.map(|used| format!("{}:{}:{}", used.path.display(), used.line, used.column)).collect();
    *text += "used in\n";
    let lines =
        if uses.is_empty() { styled(DIM, format!("no code below {}", roots.describe())) } else { uses.join("\n") };
    *text += &indented(&lines);
    data["uses"] = uses.into();
}

/// Shows the SQL statements that expand the schema for a migration.
fn show_expansions(document: &Document, name: &str, text: &mut String, data: &mut Value) -> Result<()> {
    let found = migrations::expansions(&document.path, name)?;
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    *text += "expanded by\n";
    let none = || styled(DIM, format!("no SQL file with `-- flagkit: expand {name}`"));
    *text += &indented(&if found.is_empty() { none() } else { found.join("\n") });
    data["expansions"] = found.into();
    Ok(())
}

fn show_changes(file: &Path, name: &str, text: &mut String, data: &mut Value) -> Result<()> {
    let journal = Journal::read(file)?;
    let entries = journal.chronological().into_iter().rev().filter(|entry| entry.flag == name);
    let changes: Vec<_> = entries.take(CHANGES).collect();
    if !changes.is_empty() {
        *text += "latest changes\n";
        *text += &indented(&changes.iter().map(|entry| super::log::line(entry)).collect::<Vec<_>>().join("\n"));
    }
    data["changes"] = serde_json::to_value(&changes).unwrap_or_default();
    Ok(())
}

/// Whether the path of a problem is the flag or below it.
pub(crate) fn is_about(path: &str, name: &str) -> bool {
    let quoted = FlagKey::new(name).is_ok_and(|key| key.as_str().contains('.'));
    let base = if quoted { format!("flags.\"{name}\"") } else { format!("flags.{name}") };
    path.strip_prefix(&base).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The number of days since a day, in UTC. Negative for a future day.
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
