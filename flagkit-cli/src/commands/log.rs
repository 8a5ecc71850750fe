//! `log`: the changes that `go` and `revert` made.

use std::collections::BTreeMap;
use std::path::Path;

use flagkit_core::FlagKey;
use serde_json::json;

use super::{exit_of, unknown_flag};
use crate::environment::environments;
use crate::journal::{Entry, Journal};
use crate::project::{Layered, Project};
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
    format!("{} {verb:<6} {} {from} -> {to} by {who}{file}{checks}{reason}", styled(DIM, when), styled(BOLD, flag))
}

/// Verifies that the log is unedited, and that its last entry of each flag matches the state of the flag.
fn verify_log(file: &Path, name: Option<&str>, journal: &Journal) -> Result {
    let is_selected = |flag: &str| name.is_none_or(|name| flag == name);
    let mut errors: Vec<String> =
        journal.faults.iter().map(|(line, error)| format!("{}:{line}: {error}", journal.path.display())).collect();
    for (written, project) in projects(file)? {
        let snapshot = project.snapshot();
        let entries = journal.chronological().into_iter();
        let last: BTreeMap<&str, &Entry> =
            entries.filter(|entry| entry.file == written).map(|entry| (entry.flag.as_str(), entry)).collect();
        for (flag, last) in last.into_iter().filter(|(flag, _)| is_selected(flag)) {
            let state = State::of(snapshot.flag(flag)).to_string();
            if last.to != state {
                errors.push(format!(
                    "{flag} is {state} in {written}, but its last entry says {}: it was changed by hand, or the log was cut",
                    last.to
                ));
            }
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

/// Returns the flags of the file and of each environment, with the names of their files.
fn projects(file: &Path) -> Result<Vec<(String, Layered)>> {
    let mut all = Vec::new();
    let envs = environments(file).into_iter().map(Some);
    for env in [None].into_iter().chain(envs) {
        let project = Project::read(file, env.as_deref())?;
        let name = project.state_document().path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        all.push((name, project.flags()));
    }
    Ok(all)
}
