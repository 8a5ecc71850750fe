//! Less, at once: no gate, no question, no network, and no look at whether the file is good.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use flagkit_core::tooling::Effect;
use flagkit_core::{FlagKey, Percent};
use jiff::Timestamp;
use serde_json::json;

use super::unknown_flag;
use crate::edit;
use crate::journal::{Entry, Journal, Moved, REVERT};
use crate::project::{Document, Project, digest, empty, environment_file, environments, unreadable};
use crate::report::{Exit, Failure, Report, Result};
use crate::state::{State, has_rules};
use crate::terminal::{GOOD, styled};
use crate::write::Writer;

/// How often it begins anew when somebody else writes at the same time.
const ATTEMPTS: u32 = 5;

pub(crate) struct Wish {
    /// None: all.
    pub(crate) name: Option<String>,
    pub(crate) to: Option<Percent>,
    pub(crate) env: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) dry_run: bool,
}

pub(crate) fn run(file: &Path, wish: &Wish) -> Result {
    let path = match &wish.env {
        Some(env) => environment_file(file, env)?,
        None => file.to_owned(),
    };
    let mut writer = None;
    let mut attempt = 1;
    loop {
        let (change, mut report) = match &wish.name {
            Some(name) => one(file, name, wish)?,
            None => all(file, &path, wish)?,
        };
        let change = match change {
            Some(change) if !wish.dry_run => change,
            _ => {
                report.data["written"] = false.into();
                return Ok(report);
            }
        };
        let Some(writer) = &writer else {
            // And looked at anew, now that nobody else of ours writes.
            writer = Some(Writer::at_once(&path));
            continue;
        };
        match change.write(&path, writer) {
            Err(failure) if failure.exit == Exit::Conflict && attempt < ATTEMPTS => attempt += 1,
            Err(failure) => return Err(failure),
            Ok(kept) => {
                report.data["written"] = true.into();
                if let Some(kept) = kept {
                    let _ = writeln!(
                        report.text,
                        "{} could not be read, and is kept as {}",
                        path.display(),
                        kept.display()
                    );
                    report.data["kept"] = kept.display().to_string().into();
                }
                return change.log(file, &path, wish, report);
            }
        }
    }
}

/// What is to be written.
struct Change {
    /// What the content that it replaces is known by.
    expected: Option<String>,
    text: String,
    moved: Vec<Moved>,
    /// What could not be read, and is not lost.
    unread: Option<Vec<u8>>,
}

impl Change {
    /// Returns where it keeps what could not be read.
    fn write(&self, path: &Path, writer: &Writer) -> Result<Option<PathBuf>> {
        let kept = self.unread.as_ref().map(|bytes| {
            // No name that an environment's file has.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let kept = path.with_file_name(format!("{name}.broken-{}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ")));
            fs::write(&kept, bytes).map_err(|error| Failure::io(format!("{}: {error}", kept.display()))).map(|()| kept)
        });
        let kept = kept.transpose()?;
        writer.replace(self.expected.as_deref(), &self.text)?;
        Ok(kept)
    }

    fn report(&self, wish: &Wish) -> Report {
        let verb = if wish.dry_run { "would turn" } else { "turned" };
        let lines = self.moved.iter().map(|Moved { flag, from, to }| match from {
            Some(from) => format!("{verb} {flag} from {from} to {}\n", styled(GOOD, to)),
            None => format!("{verb} {flag} {}, whatever it was\n", styled(GOOD, to)),
        });
        let flags: Vec<_> = self
            .moved
            .iter()
            .map(|moved| {
                let from = moved.from.map(|state| state.to_string());
                json!({ "flag": moved.flag, "from": from, "to": moved.to.to_string() })
            })
            .collect();
        Report::new(lines.collect::<String>(), json!({ "flags": flags }))
    }

    fn log(&self, file: &Path, path: &Path, wish: &Wish, report: Report) -> Result {
        let digest = digest(self.text.as_bytes());
        let entries = self.moved.iter().map(|moved| Entry::new(REVERT, path, &digest, moved, wish.reason.clone()));
        match Journal::append(file, entries) {
            Ok(()) => Ok(report),
            Err(error) => {
                let done = self.moved.iter().map(|moved| format!("{} is {}", moved.flag, moved.to));
                let log = Journal::path(file);
                Err(Failure::io(format!("it is done, and {} does not say so: {error}", log.display()))
                    .with_details(done))
            }
        }
    }
}

fn one(file: &Path, name: &str, wish: &Wish) -> Result<(Option<Change>, Report)> {
    let project = Project::read(file, wish.env.as_deref())?;
    let before = project.flags().snapshot();
    if !before.keys().any(|key| key.as_str() == name) {
        return Err(unknown_flag(name, before.keys().map(FlagKey::as_str)));
    }
    let flag = before.flag(name);
    let to = wish.to.map_or(State::Off, |to| State::meant(to, flag));
    // Of one that is refused nobody knows what it was, nor what it will be when it is mended.
    let from = flag.map(|flag| State::of(Some(flag)));
    if from.is_some_and(|from| to > from) {
        return Err(wider(name, to));
    }
    let already = |from: State| {
        let mut text = format!("{name} is {from} already\n");
        text += &elsewhere(file, wish, |key| key == name);
        Ok((None, Report::new(text, json!({ "flags": [] }))))
    };
    if let Some(from) = from.filter(|from| *from == to) {
        return already(from);
    }
    let (text, after) = project.with_flag(name, to)?;
    let state = project.stateful();
    if text == state.text {
        return already(to);
    }
    let widened = before.effects(&after).into_iter().find(|(_, effect)| *effect == Effect::Widens);
    if let Some((key, _)) = widened.filter(|(key, _)| from.is_some() || key.as_str() != name) {
        return Err(wider(key.as_str(), to));
    }
    let moved = Moved { flag: name.to_owned(), from, to };
    let change = Change { expected: state.digest(), text, moved: vec![moved], unread: None };
    let mut report = change.report(wish);
    if to != State::Off && has_rules(after.flag(name)) {
        let _ = writeln!(report.text, "whom a rule lets in still sees it; `flagkit revert {name}` turns it off");
    }
    report.text += &elsewhere(file, wish, |key| key == name);
    Ok((Some(change), report))
}

/// Where else flags are on: environments have states of their own.
fn elsewhere(file: &Path, wish: &Wish, is_meant: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    if wish.env.is_some() {
        return text;
    }
    for env in environments(file) {
        let Ok(project) = Project::read(file, Some(&env)) else { continue };
        let own = project.stateful().load.flags();
        let on =
            own.keys().filter(|key| is_meant(key.as_str()) && State::of(own.get(key.as_str())) != State::Off).count();
        if on > 0 {
            let what = wish.name.as_deref().unwrap_or("--all");
            let path = project.stateful().path.display();
            let _ = writeln!(text, "{path} has {on} of them on by itself: `flagkit revert {what} --env {env}`");
        }
    }
    text
}

fn wider(name: &str, to: State) -> Failure {
    Failure::new(Exit::Conflict, format!("that lets more people see {name}: it is no way back"))
        .with_help(format!("`flagkit go {name} --to {}` goes forward", to.number()))
}

/// Everything off. What cannot be read is kept beside, and everything that can be made out in it is off.
fn all(file: &Path, path: &Path, wish: &Wish) -> Result<(Option<Change>, Report)> {
    let bytes = match fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound && wish.env.is_some() => None,
        Err(error) => return Err(unreadable(path, &error)),
    };
    let format = crate::project::format(path);
    let old = bytes.as_deref().map_or_else(|| empty(path).into(), String::from_utf8_lossy).into_owned();
    let understood = Document::understand(path, bytes.clone().unwrap_or_else(|| old.clone().into_bytes()));
    // What lies below would show through where this says nothing.
    let declared =
        if wish.env.is_some() { Some((Document::read(file), fs::read(file).unwrap_or_default())) } else { None };
    let below: BTreeSet<String> = match &declared {
        Some((Ok(declared), _)) => declared.load.flags().keys().map(ToString::to_string).collect(),
        Some((Err(_), bytes)) => edit::salvaged(crate::project::format(file), &String::from_utf8_lossy(bytes)),
        None => BTreeSet::new(),
    };
    let below = below.into_iter().filter(|key| FlagKey::new(key).is_ok()).collect();
    let is_off = |text: &String| {
        let read = Document::understand(path, text.clone().into_bytes()).ok()?;
        let mut states = read.load.flags().keys().map(|key| State::of(read.load.flags().get(key.as_str())));
        let are_off = states.all(|state| state == State::Off);
        drop(states);
        are_off.then_some(read)
    };
    // Cut where that can be done, else written anew.
    let cut = edit::all_off(format, &old, &below).and_then(|text| Some((is_off(&text)?, text)));
    let is_cut = cut.is_some();
    let (after, text) = if let Some(cut) = cut {
        cut
    } else {
        let text = edit::of_off(format, edit::salvaged(format, &old).into_iter().chain(below).collect());
        (Document::understand(path, text.clone().into_bytes())?, text)
    };
    let from = |key: &str| -> Option<State> {
        let own = understood.as_ref().ok()?.load.flags();
        match &declared {
            Some((declared, _)) if !own.contains(key) => Some(State::of(declared.as_ref().ok()?.load.flags().get(key))),
            _ if own.contains(key) && own.get(key).is_none() => None,
            _ => Some(State::of(own.get(key))),
        }
    };
    let moved =
        after.load.flags().keys().map(|key| Moved { flag: key.to_string(), from: from(key.as_str()), to: State::Off });
    let moved: Vec<Moved> = moved.filter(|moved| moved.from != Some(State::Off)).collect();
    if text == old {
        let text = "everything is off already\n".to_owned() + &elsewhere(file, wish, |_| true);
        return Ok((None, Report::new(text, json!({ "flags": [] }))));
    }
    let expected = bytes.as_deref().map(digest);
    let change = Change { expected, text, moved, unread: bytes.filter(|_| !is_cut) };
    let mut report = change.report(wish);
    if change.moved.is_empty() {
        report.text += "everything is off already, and now it is written down\n";
    }
    report.text += &elsewhere(file, wish, |_| true);
    Ok((Some(change), report))
}
