//! Less, at once: no gate, no question, no network, and no look at whether the file is good.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use flagkit_core::{Effect, FlagKey, Percent};
use jiff::Timestamp;
use serde_json::json;

use super::unknown_flag;
use crate::edit;
use crate::journal::{Entry, Journal, who};
use crate::outcome::{Exit, Failure, Report, Result};
use crate::project::{Document, Project, digest, environment_file, unreadable};
use crate::state::State;
use crate::terminal::{GOOD, styled};
use crate::write::Writer;

pub(crate) struct Wish {
    /// None: all.
    pub(crate) name: Option<String>,
    pub(crate) to: Option<Percent>,
    pub(crate) env: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) dry_run: bool,
}

pub(crate) fn run(file: &Path, wish: &Wish) -> Result {
    match &wish.name {
        Some(name) => one(file, name, wish),
        None => all(file, wish),
    }
}

fn one(file: &Path, name: &str, wish: &Wish) -> Result {
    let project = Project::read(file, wish.env.as_deref())?;
    let before = project.flags().snapshot();
    if !before.keys().any(|key| key.as_str() == name) {
        return Err(unknown_flag(name, before.keys().map(FlagKey::as_str)));
    }
    let from = State::of(before.flag(name));
    let to = State::new(wish.to.unwrap_or(Percent::ZERO));
    let state = project.stateful();
    let text = edit::set(&state.text, name, to)?;
    let after = project.with_state(&text)?.flags().snapshot();
    let widened = before.effects(&after).into_iter().find(|(_, effect)| *effect == Effect::Widens);
    if let Some((key, _)) = widened {
        return Err(Failure::new(Exit::Conflict, format!("that lets more people see {key}: it is no way back"))
            .with_help(format!("`flagkit go {name} --to {}` goes forward", percent(to))));
    }
    if text == state.text {
        let shown = format!("{name} is {from} already\n");
        return Ok(Report::new(shown, json!({ "flags": [], "written": false })));
    }
    let done = Done { flag: name.to_owned(), from, to };
    write(file, &state.path, Some(&state.digest()), &text, wish, vec![done])
}

/// Everything off. What cannot be read is kept beside, and everything that can be made out in it is off.
fn all(file: &Path, wish: &Wish) -> Result {
    let path = match &wish.env {
        Some(env) => environment_file(file, env)?,
        None => file.to_owned(),
    };
    let bytes = match fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound && wish.env.is_some() => None,
        Err(error) => return Err(unreadable(&path, &error)),
    };
    let old = String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
    let understood = Document::understand(&path, old.clone().into_bytes());
    // What lies below would show through where this says nothing.
    let below: Vec<String> = match (&wish.env, Document::read(file)) {
        (Some(_), Ok(declared)) => declared.load.flags().keys().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    let text = edit::all_off(&old, below);
    let after = Document::understand(&path, text.clone().into_bytes())?;
    let mut done = Vec::new();
    for key in after.load.flags().keys() {
        let from = match &understood {
            Ok(before) => State::of(before.load.flags().get(key.as_str())),
            // Nobody knows; it may have been on.
            Err(_) => State::ON,
        };
        if from != State::OFF {
            done.push(Done { flag: key.to_string(), from, to: State::OFF });
        }
    }
    if text == old {
        return Ok(Report::new("everything is off already\n", json!({ "flags": [], "written": false })));
    }
    let mut kept = None;
    if let (Err(_), Some(bytes), false) = (&understood, &bytes, wish.dry_run) {
        // No name that an environment's file has.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!("{name}.broken-{}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ")));
        fs::write(&beside, bytes).map_err(|error| Failure::io(format!("{}: {error}", beside.display())))?;
        kept = Some(beside);
    }
    let mut report = write(file, &path, bytes.as_deref().map(digest).as_deref(), &text, wish, done)?;
    if let Some(kept) = kept {
        let _ = writeln!(report.text, "{} could not be read, and is kept as {}", path.display(), kept.display());
        report.data["kept"] = kept.display().to_string().into();
    }
    Ok(report)
}

/// One flag's way.
pub(crate) struct Done {
    pub(crate) flag: String,
    pub(crate) from: State,
    pub(crate) to: State,
}

fn write(file: &Path, path: &Path, expected: Option<&str>, text: &str, wish: &Wish, done: Vec<Done>) -> Result {
    let flags: Vec<_> = done
        .iter()
        .map(|done| json!({ "flag": done.flag, "from": done.from.to_string(), "to": done.to.to_string() }))
        .collect();
    let verb = if wish.dry_run { "would turn" } else { "turned" };
    let lines =
        done.iter().map(|done| format!("{verb} {} from {} to {}\n", done.flag, done.from, styled(GOOD, done.to)));
    let shown: String = lines.collect();
    if !wish.dry_run {
        let writer = Writer::new(path)?;
        writer.replace(expected, text)?;
        let entries = done.into_iter().map(|done| entry("revert", path, text, done, wish.reason.clone()));
        Journal::append(&writer, file, entries)?;
    }
    Ok(Report::new(shown, json!({ "flags": flags, "written": !wish.dry_run })))
}

/// What the log says of it. What comes before is filled in as it is added.
pub(crate) fn entry(verb: &str, path: &Path, text: &str, done: Done, reason: Option<String>) -> Entry {
    Entry {
        flag: done.flag,
        verb: verb.to_owned(),
        who: who(),
        when: Timestamp::now(),
        from: done.from.to_string(),
        to: done.to.to_string(),
        file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        digest: digest(text.as_bytes()),
        checks: Vec::new(),
        release: None,
        reason,
        previous: String::new(),
        hash: String::new(),
    }
}

/// A state as `--to` takes it.
pub(crate) fn percent(state: State) -> String {
    state.percent().to_string().trim_end_matches('%').to_owned()
}
