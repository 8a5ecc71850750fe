//! Findings: what is wrong with the flags, with how the code uses them, and with a change of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flagkit_core::{Effect, Flag, Kind, Metadata};
use jiff::Timestamp;
use serde_json::json;

use super::new::is_near;
use super::show::{days, is_about};
use super::{exit_of, nearest};
use crate::cli::Format;
use crate::findings::{Finding, Level, shown};
use crate::gate::Gates;
use crate::git;
use crate::journal::Journal;
use crate::outcome::{Report, Result};
use crate::project::{Document, Laid, Project, environments};
use crate::state::State;
use crate::usage::{self, Use};

/// How long before a flag expires it is spoken of.
const SOON: i64 = 14;
/// How long a flag may be on for everybody before it should be gone.
const SETTLED: i64 = 30;

pub(crate) fn run(file: &Path, base: Option<&str>, format: Format) -> Result {
    let document = Document::read(file)?;
    let gates = Gates::read(&document)?;
    let mut findings = Vec::new();
    problems(file, &document, &mut findings)?;
    let places = Places::of(&document);
    of_names(&document, &places, &mut findings);
    of_metadata(&document, &places, &mut findings);
    let journal = Journal::read(file)?;
    of_age(&document, &places, &journal, &mut findings);
    of_uses(file, &document, &places, &mut findings);
    if let Some(base) = base {
        of_change(file, &document, &gates, &journal, base, &mut findings)?;
    }
    let before = findings.len();
    findings.retain(|finding| finding.flag.as_ref().is_none_or(|flag| gates.allowed(flag, finding.rule).is_none()));
    let allowed = before - findings.len();
    findings.sort();
    let text = shown(&findings, allowed, format);
    let has_errors = findings.iter().any(|finding| finding.level == Level::Error);
    let data = json!({ "findings": findings, "allowed": allowed });
    Ok(Report::new(text, data).with_exit(exit_of(has_errors)))
}

/// What is wrong with a flag alone: what `go` wants to be clean.
pub(crate) fn of_flag(project: &Project, name: &str) -> Vec<String> {
    let laid = project.flags();
    let about = laid.problems.iter().filter(|(_, problem)| is_about(problem.path(), name));
    let mut found: Vec<String> = about.map(|(path, problem)| format!("{}:{problem}", path.display())).collect();
    let expires =
        project.declared.load.flags().get(name).and_then(Flag::metadata).and_then(|metadata| metadata.expires);
    if let Some(day) = expires.filter(|day| days(*day).is_some_and(|days| days > 0)) {
        found.push(format!("{name} expired on {day}: give it another day, or remove it"));
    }
    found
}

/// Where each flag is declared: the first line that names it.
struct Places(BTreeMap<String, (usize, usize)>);

impl Places {
    fn of(document: &Document) -> Self {
        let mut places = BTreeMap::new();
        let text = &document.text;
        if let Ok(root) = toml::de::DeTable::parse(text) {
            let flags = root.get_ref().iter().find(|(name, _)| name.get_ref() == "flags");
            if let Some(toml::de::DeValue::Table(flags)) = flags.map(|(_, flags)| flags.get_ref()) {
                for key in flags.keys() {
                    let before = text.get(..key.span().start).unwrap_or_default();
                    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                    places.insert(key.get_ref().to_string(), (before.matches('\n').count() + 1, column));
                }
            }
        }
        Self(places)
    }

    fn finding(
        &self,
        rule: &'static str,
        level: Level,
        path: &Path,
        flag: &str,
        message: impl Into<String>,
    ) -> Finding {
        let (line, column) = self.0.get(flag).copied().unwrap_or((0, 0));
        Finding::new(rule, level, path, message).of(flag).at(line, column)
    }
}

fn problems(file: &Path, document: &Document, findings: &mut Vec<Finding>) -> Result<()> {
    let mut told = BTreeSet::new();
    let mut tell = |laid: Laid| {
        for (path, problem) in laid.problems {
            if told.insert((path.clone(), problem.to_string())) {
                let message = format!("{}: got {}, expected {}", problem.path(), problem.got(), problem.expected());
                let mut finding = Finding::new("problem", Level::Error, &path, message);
                if let Some(location) = problem.location() {
                    finding = finding.at(location.line, location.column);
                }
                findings.push(problem.help().into_iter().fold(finding, Finding::with_help));
            }
        }
    };
    tell(Laid::of([document]));
    for env in environments(file) {
        tell(Project::read(file, Some(&env))?.flags());
    }
    Ok(())
}

fn declared(document: &Document) -> impl Iterator<Item = (&str, Option<&Flag>)> {
    let flags = document.load.flags();
    flags.keys().map(|key| (key.as_str(), flags.get(key.as_str())))
}

fn of_names(document: &Document, places: &Places, findings: &mut Vec<Finding>) {
    let keys: Vec<&str> = declared(document).map(|(key, _)| key).collect();
    for (index, key) in keys.iter().enumerate() {
        if let Some(near) = keys[..index].iter().find(|other| is_near(other, key)) {
            let message = format!("{key} is easily taken for {near}");
            findings.push(places.finding("near-duplicate", Level::Warning, &document.path, key, message));
        }
    }
}

/// What a flag of each kind owes to those who come later.
fn of_metadata(document: &Document, places: &Places, findings: &mut Vec<Finding>) {
    for (key, flag) in declared(document) {
        let Some((metadata, kind)) = flag.and_then(Flag::metadata).and_then(|it| Some((it, it.kind?))) else {
            continue;
        };
        let Metadata { description, owner, created, expires, .. } = metadata;
        let wants: &[&str] = match kind {
            Kind::Release => &["owner", "expires"],
            Kind::Experiment => &["description", "owner", "expires"],
            Kind::Ops => &["description", "owner"],
            _ => &["owner"],
        };
        let has = |name: &str| match name {
            "description" => description.is_some(),
            "owner" => owner.is_some(),
            "created" => created.is_some(),
            _ => expires.is_some(),
        };
        for name in wants.iter().filter(|name| !has(name)) {
            let message = format!("{key} is of kind {}, and says no {name}", kind.as_str());
            findings.push(places.finding("metadata", Level::Warning, &document.path, key, message));
        }
    }
}

fn of_age(document: &Document, places: &Places, journal: &Journal, findings: &mut Vec<Finding>) {
    for (key, flag) in declared(document) {
        let metadata = flag.and_then(Flag::metadata);
        if let Some((day, ago)) = metadata.and_then(|it| it.expires).and_then(|day| Some((day, days(day)?))) {
            if ago > 0 {
                let finding =
                    places.finding("expired", Level::Error, &document.path, key, format!("{key} expired on {day}"));
                findings.push(finding.with_help("remove it and the code it hides, or give it another day"));
            } else if ago >= -SOON {
                let message = format!("{key} expires on {day}, in {} days", -ago);
                findings.push(places.finding("expires-soon", Level::Warning, &document.path, key, message));
            }
        }
        let permanent =
            metadata.and_then(|it| it.kind).is_some_and(|kind| matches!(kind, Kind::Ops | Kind::Permission));
        let everybody = flag.is_some_and(|flag| {
            State::of(Some(flag)) == State::ON && flag.rules().is_empty() && flag.variants().is_none()
        });
        if everybody && !permanent {
            let changed = journal.last(key).map(|entry| entry.when);
            let since = changed.map(|when| Timestamp::now().duration_since(when).as_hours() / 24);
            let created = metadata.and_then(|it| it.created).and_then(days);
            if let Some(ago) = since.or(created).filter(|ago| *ago >= SETTLED) {
                let message = format!("{key} has been on for everybody for {ago} days");
                let finding = places.finding("settled", Level::Warning, &document.path, key, message);
                findings.push(finding.with_help("remove it, and keep the code it let through"));
            }
        }
    }
}

fn of_uses(file: &Path, document: &Document, places: &Places, findings: &mut Vec<Finding>) {
    let root = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (uses, unread) = usage::find(root);
    let at = |path: &PathBuf| if root == Path::new(".") { path.clone() } else { root.join(path) };
    let keys: BTreeSet<&str> = declared(document).map(|(key, _)| key).collect();
    for Use { key, path, line, column, .. } in
        uses.iter().filter(|used| used.by_macro && !keys.contains(used.key.as_str()))
    {
        let message = format!("{key} is asked for, and declared nowhere: it is dark for ever");
        let finding = Finding::new("undeclared", Level::Error, &at(path), message).of(key).at(*line, *column);
        let help = match nearest(key, keys.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`flagkit new {key}` declares it"),
        };
        findings.push(finding.with_help(help));
    }
    let asked: BTreeSet<&str> = uses.iter().map(|used| used.key.as_str()).collect();
    let required: BTreeSet<&str> = declared(document)
        .flat_map(|(_, flag)| flag.into_iter().flat_map(Flag::requires).map(flagkit_core::Reference::name))
        .collect();
    for key in keys.iter().filter(|key| !asked.contains(*key) && !required.contains(*key)) {
        let message = format!("{key} is declared, and asked for nowhere below {}", root.display());
        let finding = places.finding("unused", Level::Error, &document.path, key, message);
        findings.push(finding.with_help("remove it, or say `allow = { unused = \"why\" }`"));
    }
    for path in unread {
        findings.push(Finding::new("unread", Level::Warning, &at(&path), "not Rust: the flags it uses are not known"));
    }
}

/// The base judges the head: what it lets more people see must have been gone about as its gates ask.
fn of_change(
    file: &Path,
    document: &Document,
    gates: &Gates,
    journal: &Journal,
    base: &str,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let old = git::document_at(base, file)?;
    let old_gates = Gates::read(&old)?;
    let old_log = git::bytes_at(base, file, Journal::NAME)?.unwrap_or_default();
    let old_log = Journal::parse(PathBuf::new(), &String::from_utf8_lossy(&old_log));
    let known: BTreeSet<&str> = old_log.entries.iter().map(|entry| entry.hash.as_str()).collect();
    let mut pairs = vec![(Laid::of([&old]), Laid::of([document]), document.path.clone())];
    for env in environments(file) {
        let project = Project::read(file, Some(&env))?;
        let path = project.stateful().path.clone();
        let old_state = git::document_at(base, &path)?;
        pairs.push((Laid::of([&old, &old_state]), project.flags(), path));
    }
    let mut widens = false;
    let mut told = BTreeSet::new();
    for (before, after, path) in pairs {
        let (before, after) = (before.snapshot(), after.snapshot());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let places = Places::of(&Document::read(&path)?);
        for (key, _) in before.effects(&after).into_iter().filter(|(_, effect)| *effect == Effect::Widens) {
            widens = true;
            let state = State::of(after.flag(key.as_str())).to_string();
            let has_gone = journal.entries.iter().any(|entry| {
                entry.flag == key.as_str()
                    && entry.verb == "go"
                    && entry.to == state
                    && !known.contains(entry.hash.as_str())
            });
            if !has_gone && told.insert(key.clone()) {
                let message = format!("{key} may be seen by more than at {base}, and nobody said go in {name}");
                let finding = places.finding("widens", Level::Error, &path, key.as_str(), message);
                findings.push(finding.with_help(format!("undo it here, and let it be seen by `flagkit go {key}`")));
            }
        }
    }
    if widens {
        for weaker in gates.weaker_than(&old_gates) {
            let message = format!("{weaker}, in a change that lets more people see something");
            let finding = Finding::new("gate-weakened", Level::Error, &document.path, message);
            findings.push(finding.with_help("do one at a time: the gates of the base judge a change"));
        }
    }
    Ok(())
}
