//! `log`: the changes that `go`, `revert` and `migrate` made.

use std::collections::BTreeSet;
use std::path::Path;

use flagkit_core::FlagKey;
use serde_json::json;

use super::{exit_of, unknown_flag};
use crate::environment::environments;
use crate::history::History;
use crate::journal::{Entry, GO, Journal};
use crate::progress::Progress;
use crate::project::{Document, Project};
use crate::report::{Report, Result};
use crate::state::State;
use crate::terminal::{BAD, BOLD, DIM, GOOD, escape_control_chars, styled};

pub(crate) fn run(file: &Path, name: Option<&str>, verify: bool) -> Result {
    let journal = Journal::read(file)?;
    if verify {
        return verify_log(file, name, &journal);
    }
    if let Some(name) = name.filter(|name| !journal.knows(name)) {
        let declared = Project::read(file, None)?;
        if !declared.declared.load.flags().contains(name) {
            return Err(unknown_flag(file, name, declared.declared.load.flags().keys().map(FlagKey::as_str)));
        }
    }
    let mut entries = journal.chronological();
    entries.retain(|entry| name.is_none_or(|name| entry.flag == name));
    let text: String = entries.iter().map(|entry| line(entry) + "\n").collect();
    let text = if text.is_empty() { "no entries\n".to_owned() } else { text };
    Ok(Report::new(text, json!({ "entries": entries })))
}

/// Renders an entry on one line.
pub(crate) fn line(entry: &Entry) -> String {
    let when = entry.when.strftime("%Y-%m-%d %H:%MZ");
    let reason = entry.reason.as_ref().map(|reason| format!(": {}", escape_control_chars(reason))).unwrap_or_default();
    let checks = match entry.checks.len() {
        0 => String::new(),
        1 => ", 1 check".to_owned(),
        checks => format!(", {checks} checks"),
    };
    let file =
        if entry.file == "flags.toml" { String::new() } else { format!(" in {}", escape_control_chars(&entry.file)) };
    let [flag, verb, who, from, to] =
        [&entry.flag, &entry.verb, &entry.who, &entry.from, &entry.to].map(|text| escape_control_chars(text));
    let change = if from == to { format!("at {to}") } else { format!("{from} -> {to}") };
    let evidence = approved(entry) + &evidence(entry);
    let [when, flag] = [styled(DIM, when), styled(BOLD, flag)];
    format!("{when} {verb:<6} {flag} {change} by {who}{file}{checks}{evidence}{reason}")
}

/// The people who approved an entry by signatures.
fn approved(entry: &Entry) -> String {
    let names: Vec<String> = entry.approved.iter().map(|approved| escape_control_chars(&approved.by)).collect();
    if names.is_empty() { String::new() } else { format!(", approved by {}", names.join(" and ")) }
}

/// The instances, the SQL files and the backfill that an entry of a migration records.
fn evidence(entry: &Entry) -> String {
    let instances = entry.observed.as_ref().map_or(String::new(), |observed| match observed.instances.len() {
        _ if observed.vouched => ", vouched for by a person".to_owned(),
        0 => String::new(),
        1 => ", 1 instance".to_owned(),
        instances => format!(", {instances} instances"),
    });
    let count = |count: u64, what: &str| format!(", {count} {what}{}", if count == 1 { "" } else { "s" });
    let backfill = entry.backfill.as_ref().map_or(String::new(), |backfill| {
        count(backfill.rows, "row") + &count(backfill.mismatches, "mismatch").replace("mismatchs", "mismatches")
    });
    let applied = match entry.applied.len() {
        0 => String::new(),
        files => count(files as u64, "SQL file"),
    };
    instances + &applied + &backfill
}

/// Verifies that the log is complete and unedited, and that it releases the state of each flag.
fn verify_log(file: &Path, name: Option<&str>, journal: &Journal) -> Result {
    let is_selected = |flag: &str| name.is_none_or(|name| flag == name);
    let mut errors: Vec<String> =
        journal.errors.iter().map(|(line, error)| format!("{}:{line}: {error}", journal.path.display())).collect();
    let removed = journal.removed_entries(file)?.into_iter().filter(|entry| is_selected(&entry.flag));
    errors.extend(removed.map(|entry| format!("an entry was removed: {}", line(&entry))));
    for env in [None].into_iter().chain(environments(file).into_iter().map(Some)) {
        let project = Project::read(file, env.as_deref())?;
        let (document, snapshot) = (project.state_document(), project.flags().snapshot());
        let files: Vec<String> = project.documents().map(Document::name).collect();
        let logged = journal.entries.iter().filter(|entry| entry.file == document.name());
        let logged = logged.map(|entry| entry.flag.as_str());
        let flags: BTreeSet<&str> = document.load.flags().keys().map(FlagKey::as_str).chain(logged).collect();
        for flag in flags.into_iter().filter(|flag| is_selected(flag)) {
            let (name, history) = (document.name(), History::of(journal, flag, &document.name()));
            errors.extend(match Progress::of(snapshot.flag(flag)) {
                Some(now) => history.errors(flag, &name, now, line),
                None => state_errors(journal, flag, State::of(snapshot.flag(flag)), &files),
            });
        }
    }
    let count = journal.entries.iter().filter(|entry| is_selected(&entry.flag)).count();
    let text = if errors.is_empty() {
        let entries = if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") };
        format!("{} {entries}, unedited; the flags match the log\n", styled(GOOD, "ok"))
    } else {
        errors.iter().map(|error| styled(BAD, "error") + " " + error + "\n").collect()
    };
    let exit = exit_of(!errors.is_empty());
    Ok(Report::new(text, json!({ "entries": count, "errors": errors })).with_exit(exit))
}

/// The errors of a flag's state in one file, and of the steps that led to it.
fn state_errors(journal: &Journal, flag: &str, state: State, files: &[String]) -> Vec<String> {
    let (steps, released) = journal.steps(flag, files);
    let file = files.last().map_or("", String::as_str);
    let mut errors = Vec::new();
    // Older entries do not prove their start.
    for (entry, before) in steps.iter().filter(|(entry, _)| entry.verb == GO && entry.gate.is_some()) {
        let from = entry.from.parse().unwrap_or(State::Off);
        if before.is_some_and(|before| from > before) {
            errors
                .push(format!("{flag} was {from} in {file} before a step, but no step released that: {}", line(entry)));
        }
    }
    let why = "it was changed by hand, or the log was cut";
    match steps.last() {
        Some((last, _)) if last.to != state.to_string() => {
            errors.push(format!("{flag} is {state} in {file}, but its last entry says {}: {why}", last.to));
        }
        None if released.is_some_and(|released| state > released) => {
            errors.push(format!("{flag} is {state} in {file}, but no entry released it: {why}"));
        }
        _ => {}
    }
    errors
}
