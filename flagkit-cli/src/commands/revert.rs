//! `revert`: narrows flags at once. It has no gate and no prompt, uses no network, and works on invalid files.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use flagkit_core::tooling::Effect;
use flagkit_core::{FlagKey, Percent};
use jiff::Timestamp;
use serde_json::json;

use super::unknown_flag;
use crate::command_line::CommandLine;
use crate::edit;
use crate::environment::{environment_file, environments};
use crate::journal::{Entry, Journal, REVERT, Transition};
use crate::project::{Document, Project, digest, empty, unreadable};
use crate::report::{Exit, Failure, Report, Result};
use crate::state::{State, has_rules, rule_audience};
use crate::terminal::{GOOD, styled};
use crate::write::Writer;

/// The number of attempts if another process writes at the same time.
const ATTEMPTS: u32 = 5;

/// The arguments of `revert`.
pub(crate) struct RevertArgs {
    /// `None`: all flags.
    pub(crate) name: Option<String>,
    /// The target. `None`: off.
    pub(crate) to: Option<Percent>,
    pub(crate) env: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) dry_run: bool,
}

pub(crate) fn run(file: &Path, args: &RevertArgs) -> Result {
    let path = match &args.env {
        Some(env) => environment_file(file, env)?,
        None => file.to_owned(),
    };
    let mut writer = None;
    let mut attempt = 1;
    loop {
        let (change, mut report) = match &args.name {
            Some(name) => one(file, name, args)?,
            None => all(file, &path, args)?,
        };
        let change = match change {
            Some(change) if !args.dry_run => change,
            _ => {
                report.data["written"] = false.into();
                return Ok(report);
            }
        };
        let Some(writer) = &writer else {
            // Read the files again under the lock: another run may have written since the first read.
            writer = Some(Writer::try_lock(&path));
            continue;
        };
        match change.write(&path, writer) {
            Err(failure) if failure.exit == Exit::Conflict && attempt < ATTEMPTS => attempt += 1,
            Err(failure) => return Err(failure),
            Ok(kept) => {
                report.data["written"] = true.into();
                if let Some(kept) = kept {
                    let (path, kept) = (path.display(), kept.display().to_string());
                    let _ = writeln!(report.text, "{path} could not be read; its old text is saved as {kept}");
                    report.data["kept"] = kept.into();
                }
                return change.log(file, &path, args, report);
            }
        }
    }
}

/// A change that is not written yet.
struct Change {
    /// The digest of the text that is replaced.
    expected: Option<String>,
    text: String,
    transitions: Vec<Transition>,
    /// The old text, if it is invalid. It is saved in another file.
    unread: Option<Vec<u8>>,
}

impl Change {
    /// Replaces the file. Returns the path of the saved old text, if it was invalid.
    fn write(&self, path: &Path, writer: &Writer) -> Result<Option<PathBuf>> {
        let kept = self.unread.as_ref().map(|bytes| {
            // No environment can have a file of this name.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let kept = path.with_file_name(format!("{name}.broken-{}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ")));
            let failed = |error| Failure::io(format!("cannot write {}: {error}", kept.display()));
            fs::write(&kept, bytes).map_err(failed).map(|()| kept)
        });
        let kept = kept.transpose()?;
        writer.replace(self.expected.as_deref(), &self.text)?;
        Ok(kept)
    }

    fn report(&self, args: &RevertArgs) -> Report {
        let turned = if args.dry_run { "would turn" } else { "turned" };
        let lines = self.transitions.iter().map(|Transition { flag, from, to }| match from {
            Some(from) => format!("{turned} {flag} from {from} to {}\n", styled(GOOD, to)),
            None => format!("{turned} {flag} {}; its previous state is unknown\n", styled(GOOD, to)),
        });
        let flags: Vec<_> = self
            .transitions
            .iter()
            .map(|transition| {
                let from = transition.from.map(|state| state.to_string());
                json!({ "flag": transition.flag, "from": from, "to": transition.to.to_string() })
            })
            .collect();
        Report::new(lines.collect::<String>(), json!({ "flags": flags }))
    }

    fn log(&self, file: &Path, path: &Path, args: &RevertArgs, report: Report) -> Result {
        let digest = digest(self.text.as_bytes());
        let entries = self
            .transitions
            .iter()
            .map(|transition| Entry::new(REVERT, path, &digest, transition, args.reason.clone()));
        match Journal::append(file, entries) {
            Ok(()) => Ok(report),
            Err(error) => {
                let done =
                    self.transitions.iter().map(|transition| format!("{} is {}", transition.flag, transition.to));
                let log = Journal::path(file);
                let message = format!("the flags were changed, but cannot write the log {}: {error}", log.display());
                Err(Failure::io(message).with_details(done))
            }
        }
    }
}

fn one(file: &Path, name: &str, args: &RevertArgs) -> Result<(Option<Change>, Report)> {
    let project = Project::read(file, args.env.as_deref())?;
    let before = project.flags().snapshot();
    if !before.keys().any(|key| key.as_str() == name) {
        return Err(unknown_flag(file, name, before.keys().map(FlagKey::as_str)));
    }
    let flag = before.flag(name);
    let to = args.to.map_or(State::Off, |to| State::from_percent(to, flag));
    // The state of an invalid flag is unknown, before and after a fix.
    let from = flag.map(|flag| State::of(Some(flag)));
    if from.is_some_and(|from| to > from) {
        return Err(wider(file, args, name, to));
    }
    let already = |from: State| {
        let mut text = format!("{name} is already {from}\n");
        text += &elsewhere(file, args, |key| key == name);
        Ok((None, Report::new(text, json!({ "flags": [] }))))
    };
    if let Some(from) = from.filter(|from| *from == to) {
        return already(from);
    }
    let (text, after) = project.with_flag(name, to)?;
    let state = project.state_document();
    if text == state.text {
        return already(to);
    }
    let widened = before.effects(&after).into_iter().find(|(_, effect)| *effect == Effect::Widens);
    if let Some((key, _)) = widened.filter(|(key, _)| from.is_some() || key.as_str() != name) {
        return Err(wider(file, args, key.as_str(), to));
    }
    let transition = Transition { flag: name.to_owned(), from, to };
    let change = Change { expected: state.digest(), text, transitions: vec![transition], unread: None };
    let mut report = change.report(args);
    if to != State::Off && has_rules(after.flag(name)) {
        let _ = writeln!(
            report.text,
            "{}; `{}` turns it off for everyone",
            rule_audience(after.flag(name), ["still sees it", "still see it"]),
            CommandLine::new(file, args.env.as_deref(), &["revert", name])
        );
    }
    report.text += &elsewhere(file, args, |key| key == name);
    Ok((Some(change), report))
}

/// Lists the environments that turn the flags on by themselves.
fn elsewhere(file: &Path, args: &RevertArgs, is_reverted: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    if args.env.is_some() {
        return text;
    }
    for env in environments(file) {
        let Ok(project) = Project::read(file, Some(&env)) else { continue };
        let own = project.state_document().load.flags();
        let is_on = |key: &&FlagKey| is_reverted(key.as_str()) && State::of(own.get(key.as_str())) != State::Off;
        let path = project.state_document().path.display();
        let subject = match own.keys().filter(is_on).count() {
            0 => continue,
            1 => "1 of these flags is".to_owned(),
            on => format!("{on} of these flags are"),
        };
        let what = args.name.as_deref().unwrap_or("--all");
        let revert = CommandLine::new(file, Some(&env), &["revert", what]);
        let _ = writeln!(text, "{subject} still on in {path}; to turn off: {revert}");
    }
    text
}

fn wider(file: &Path, args: &RevertArgs, name: &str, to: State) -> Failure {
    let go = CommandLine::new(file, args.env.as_deref(), &["go", name, "--to", &to.number()]);
    Failure::new(Exit::Conflict, format!("cannot revert to {to}: this would widen {name}"))
        .with_help(format!("`revert` can only narrow; to widen, run `{go}`"))
}

/// The declaration below an environment: the document or the reason why it is invalid, and its bytes.
type Declared = (Result<Document>, Vec<u8>);

/// Turns off all flags. If the file is invalid, the new text has each key that could be recovered.
fn all(file: &Path, path: &Path, args: &RevertArgs) -> Result<(Option<Change>, Report)> {
    let bytes = match crate::file::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.is_missing() && args.env.is_some() => None,
        Err(error) => return Err(unreadable(path, &error)),
    };
    let format = crate::project::format(path);
    let old = bytes.as_deref().map_or_else(|| empty(path).into(), String::from_utf8_lossy).into_owned();
    let before = Document::parse_or_fail(path, bytes.clone().unwrap_or_else(|| old.clone().into_bytes()));
    let declared: Option<Declared> =
        args.env.is_some().then(|| (Document::read(file), fs::read(file).unwrap_or_default()));
    let below = declared_keys(file, declared.as_ref());
    // An edit keeps the rest of the text. If the result is not all off, the text is written from scratch.
    let edited = edit::turn_all_off(format, &old, &below).and_then(|text| Some((parse_all_off(path, &text)?, text)));
    let is_edited = edited.is_some();
    let (after, text) = if let Some(edited) = edited {
        edited
    } else {
        let text = edit::render_all_off(format, edit::recover_keys(format, &old).into_iter().chain(below).collect());
        (Document::parse_or_fail(path, text.clone().into_bytes())?, text)
    };
    let from = |key: &str| -> Option<State> {
        let own = before.as_ref().ok()?.load.flags();
        match &declared {
            Some((declared, _)) if !own.contains(key) => Some(State::of(declared.as_ref().ok()?.load.flags().get(key))),
            _ if own.contains(key) && own.get(key).is_none() => None,
            _ => Some(State::of(own.get(key))),
        }
    };
    let all = after.load.flags().keys().map(|key| Transition {
        flag: key.to_string(),
        from: from(key.as_str()),
        to: State::Off,
    });
    let transitions: Vec<Transition> = all.filter(|transition| transition.from != Some(State::Off)).collect();
    if text == old {
        let text = "all flags are already off\n".to_owned() + &elsewhere(file, args, |_| true);
        return Ok((None, Report::new(text, json!({ "flags": [] }))));
    }
    let expected = bytes.as_deref().map(digest);
    let change = Change { expected, text, transitions, unread: bytes.filter(|_| !is_edited) };
    let mut report = change.report(args);
    if change.transitions.is_empty() {
        report.text += "all flags are already off; the new text of the file lists them\n";
    }
    report.text += &elsewhere(file, args, |_| true);
    Ok((Some(change), report))
}

/// The keys that an environment must turn off, because the declaration below would show through otherwise.
fn declared_keys(file: &Path, declared: Option<&Declared>) -> BTreeSet<String> {
    let keys = match declared {
        Some((Ok(declared), _)) => declared.load.flags().keys().map(ToString::to_string).collect(),
        Some((Err(_), bytes)) => edit::recover_keys(crate::project::format(file), &String::from_utf8_lossy(bytes)),
        None => BTreeSet::new(),
    };
    keys.into_iter().filter(|key| FlagKey::new(key).is_ok()).collect()
}

/// Parses the text, and returns the document if each of its flags is off.
fn parse_all_off(path: &Path, text: &str) -> Option<Document> {
    let document = Document::parse_or_fail(path, text.to_owned().into_bytes()).ok()?;
    let flags = document.load.flags();
    let are_off = flags.keys().all(|key| State::of(flags.get(key.as_str())) == State::Off);
    are_off.then_some(document)
}
