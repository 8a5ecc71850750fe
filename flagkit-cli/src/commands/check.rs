//! Findings: what is wrong with the flags, with how the code uses them, and with a change of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use flagkit_core::source::{Kind, LoadError, Location, Metadata, Problem};
use flagkit_core::tooling::Effect;
use flagkit_core::{Flag, Snapshot};
use jiff::Timestamp;
use serde_json::json;

use super::show::{days, is_about};
use super::{exit_of, nearest};
use crate::cli::Format;
use crate::edit;
use crate::findings::{Finding, Level, shown};
use crate::gate::{GateFault, Gates};
use crate::git;
use crate::journal::{Entry, GO, Journal};
use crate::names::NearNames;
use crate::project::{
    Definitions, Document, Laid, Project, empty, environment_file, environment_of, environments, unreadable,
};
use crate::report::{Detail, Exit, Report, Result};
use crate::state::State;
use crate::usage::{self, By, Use};

/// What no reason in the file allows: the change would allow itself.
const WIDENS: &str = "widens";
/// A file whose uses are not known.
pub(crate) const UNREAD: &str = "unread";
/// How long before a flag expires it is spoken of.
const SOON: i64 = 14;
/// How long a flag may be on for everybody before it should be gone.
const SETTLED: i64 = 30;

pub(crate) fn run(file: &Path, base: Option<&str>, format: Format) -> Result {
    let (findings, allowed) = findings(file, base)?;
    let text = shown(&findings, allowed, format);
    let has_errors = findings.iter().any(|finding| finding.level == Level::Error);
    let data = json!({ "findings": findings, "allowed": allowed });
    Ok(Report::new(text, data).with_exit(exit_of(has_errors)))
}

/// All that is to be mended, in the order of files and lines, and how much more is allowed.
pub(crate) fn findings(file: &Path, base: Option<&str>) -> Result<(Vec<Finding>, usize)> {
    let bytes = fs::read(file).map_err(|error| unreadable(file, &error))?;
    let document = match Document::parse(file, bytes) {
        Ok(document) => document,
        Err(error) => return Ok((of_refusal(file, &error), 0)),
    };
    let mut findings = Vec::new();
    let gates = Gates::parse(&document).unwrap_or_else(|faults| {
        findings.extend(faults.into_iter().map(|GateFault { location, message }| {
            let finding = Finding::new("gate", Level::Error, file, message);
            location.into_iter().fold(finding, |finding, place| finding.at(place.line, place.column))
        }));
        Gates::default()
    });
    let projects = projects(file, &document, &mut findings)?;
    let places = Places::of(&document);
    problems(&document, &projects, &mut findings);
    of_names(&document, &places, &mut findings);
    of_metadata(&document, &places, &mut findings);
    let journal = Journal::read(file)?;
    of_age(&document, &places, &journal, &mut findings);
    of_uses(file, &document, &places, &mut findings);
    if let Some(base) = base {
        let mut change =
            OfChange { base, file, gates: &gates, journal: &journal, findings: &mut findings, told: BTreeSet::new() };
        change.judge(&document, &projects)?;
    }
    let before = findings.len();
    findings.retain(|finding| {
        let reason = finding.flag.as_ref().and_then(|flag| gates.allowed(flag, finding.rule));
        reason.is_none() || finding.rule == WIDENS
    });
    let allowed = before - findings.len();
    findings.sort();
    Ok((findings, allowed))
}

/// A document that is refused as a whole: nothing else can be said of it.
fn of_refusal(path: &Path, error: &LoadError) -> Vec<Finding> {
    let message = error.to_string();
    let message = message.lines().next().unwrap_or_default();
    if error.problems().is_empty() {
        return vec![Finding::new("problem", Level::Error, path, message)];
    }
    error.problems().iter().map(|problem| of_problem(path, problem)).collect()
}

fn of_problem(path: &Path, problem: &Problem) -> Finding {
    let key = if problem.path().is_empty() { String::new() } else { format!("{}: ", problem.path()) };
    let message = format!("{key}got {}, expected {}", problem.got(), problem.expected());
    let mut finding = Finding::new("problem", Level::Error, path, message);
    if let Some(location) = problem.location() {
        finding = finding.at(location.line, location.column);
    }
    problem.help().into_iter().fold(finding, Finding::with_help)
}

/// The environments, each over what is declared, as far as they can be read.
fn projects(file: &Path, declared: &Document, findings: &mut Vec<Finding>) -> Result<Vec<Project>> {
    let mut projects = Vec::new();
    for env in environments(file) {
        let path = environment_file(file, &env)?;
        let bytes = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        match Document::parse(&path, bytes) {
            Ok(environment) => projects.push(Project { declared: declared.clone(), environment: Some(environment) }),
            Err(error) => findings.extend(of_refusal(&path, &error)),
        }
    }
    Ok(projects)
}

/// What is wrong with a flag alone: what `go` wants to be clean.
pub(crate) fn of_flag(project: &Project, name: &str) -> Vec<Detail> {
    let laid = project.flags();
    let about = laid.problems.iter().filter(|(_, problem)| is_about(problem.path(), name));
    let mut found: Vec<Detail> = about.map(|(path, problem)| Detail::of(path.display(), problem)).collect();
    let expires =
        project.declared.load.flags().get(name).and_then(Flag::metadata).and_then(|metadata| metadata.expires);
    if let Some(day) = expires.filter(|day| days(*day).is_some_and(|days| days > 0)) {
        found.push(format!("{name} expired on {day}: give it another day, or remove it").into());
    }
    found
}

/// Where each flag is declared: the first place that names it.
struct Places(BTreeMap<String, Location>);

impl Places {
    fn of(document: &Document) -> Self {
        let names = edit::names(document.format(), &document.text, "flags").into_iter();
        // The first of a name stays: the map keeps the last, so they come from behind.
        Self(names.rev().collect())
    }

    fn finding(
        &self,
        rule: &'static str,
        level: Level,
        path: &Path,
        flag: &str,
        message: impl Into<String>,
    ) -> Finding {
        let finding = Finding::new(rule, level, path, message).of(flag);
        self.0.get(flag).into_iter().fold(finding, |finding, place| finding.at(place.line, place.column))
    }
}

fn problems(document: &Document, projects: &[Project], findings: &mut Vec<Finding>) {
    let mut told = BTreeSet::new();
    let laid = [Laid::of([document])].into_iter().chain(projects.iter().map(Project::flags));
    for (path, problem) in laid.flat_map(|laid| laid.problems) {
        if told.insert((path.clone(), problem.to_string())) {
            findings.push(of_problem(&path, &problem));
        }
    }
}

fn declared(document: &Document) -> impl Iterator<Item = (&str, Option<&Flag>)> {
    let flags = document.load.flags();
    flags.keys().map(|key| (key.as_str(), flags.get(key.as_str())))
}

fn of_names(document: &Document, places: &Places, findings: &mut Vec<Finding>) {
    let mut names = NearNames::default();
    for (key, _) in declared(document) {
        if let Some(near) = names.add(key) {
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
    let last: BTreeMap<&str, Timestamp> = journal.latest().map(|entry| (entry.flag.as_str(), entry.when)).collect();
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
            let changed = last.get(key).copied();
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
    for Use { key, path, line, column, by } in
        uses.iter().filter(|used| used.is_of_a_flag() && !keys.contains(used.key.as_str()))
    {
        let message = match by {
            By::Test => format!("{key} is set by a test, and declared nowhere: it tests nothing"),
            By::Macro | By::Method => format!("{key} is asked for, and declared nowhere: it is dark for ever"),
        };
        let finding = Finding::new("undeclared", Level::Error, &at(path), message).of(key).at(*line, *column);
        let help = match nearest(key, keys.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`flagkit new {key}` declares it"),
        };
        findings.push(finding.with_help(help));
    }
    let asked: BTreeSet<&str> = uses.iter().filter(|used| used.is_asked()).map(|used| used.key.as_str()).collect();
    let required: BTreeSet<&str> = declared(document)
        .flat_map(|(_, flag)| flag.into_iter().flat_map(Flag::prerequisites).map(flagkit_core::source::Reference::name))
        .collect();
    for key in keys.iter().filter(|key| !asked.contains(*key) && !required.contains(*key)) {
        let message = format!("{key} is declared, and asked for nowhere below {}", root.display());
        let finding = places.finding("unused", Level::Error, &document.path, key, message);
        findings.push(finding.with_help("remove it, or say `allow = { unused = \"why\" }`"));
    }
    for path in unread {
        findings.push(Finding::new(UNREAD, Level::Warning, &at(&path), "not Rust: the flags it uses are not known"));
    }
}

/// The base judges the head: what it lets more people see must have been gone about as its gates ask.
struct OfChange<'c> {
    base: &'c str,
    file: &'c Path,
    gates: &'c Gates,
    journal: &'c Journal,
    findings: &'c mut Vec<Finding>,
    told: BTreeSet<String>,
}

impl OfChange<'_> {
    fn judge(&mut self, document: &Document, projects: &[Project]) -> Result<()> {
        let old = self.at_base(self.file)?;
        let old_gates = Gates::parse(&old).unwrap_or_default();
        let old_log = git::bytes_at(self.base, self.file, Journal::NAME)?.unwrap_or_default();
        let old_log = Journal::parse(PathBuf::new(), &String::from_utf8_lossy(&old_log));
        let known: BTreeSet<&str> = old_log.entries.iter().map(|entry| entry.hash.as_str()).collect();
        let mut entries: Vec<&Entry> = self.journal.sound().collect();
        entries.sort_by_key(|entry| entry.when);
        let mut widens = false;
        let declared = Project { declared: document.clone(), environment: None };
        // An environment that is gone shows what is declared.
        let there: BTreeSet<String> = projects.iter().map(|project| project.stateful().name()).collect();
        let mut gone = Vec::new();
        for name in git::names_at(self.base, self.file)?.into_iter().filter(|name| !there.contains(name)) {
            let path = self.file.with_file_name(&name);
            if environment_of(self.file, &name).is_some() && !path.exists() {
                let environment = Some(Document::read_if_there(&path)?);
                gone.push(Project { declared: document.clone(), environment });
            }
        }
        // What is declared lies below every environment, and a go for it is one for them all.
        let mut below = None;
        for head in [&declared].into_iter().chain(projects).chain(&gone) {
            let path = &head.stateful().path;
            let mut base = Project { declared: old.clone(), environment: None };
            if head.environment.is_some() {
                base.environment = Some(self.at_base(path)?);
            }
            let name = head.stateful().name();
            let of_file = entries.iter().copied().filter(|entry| entry.file == name);
            let gone = Gone::of(of_file, |entry| !known.contains(entry.hash.as_str()), &old_gates, head);
            let (before, after) = (base.flags().snapshot(), head.flags().snapshot());
            let ungone = gone.undone(head.stateful(), [&before, &after])?;
            let without = Laid::of(below.iter().chain([&ungone])).snapshot();
            self.judge_file(&before, &without, head.stateful(), &gone);
            widens |= before.effects(&after).into_values().any(|effect| effect == Effect::Widens);
            below.get_or_insert(ungone);
        }
        if widens {
            for weaker in self.gates.weaker_than(&old_gates) {
                let message = format!("{weaker}, in a change that lets more people see something");
                let finding = Finding::new("gate-weakened", Level::Error, &document.path, message);
                self.findings.push(finding.with_help("do one at a time: the gates of the base judge a change"));
            }
        }
        Ok(())
    }

    /// A document of the base; where it cannot be read it says nothing, so that everything counts as new.
    fn at_base(&mut self, path: &Path) -> Result<Document> {
        match git::document_at(self.base, path) {
            Err(failure) if failure.exit == Exit::Findings => {
                let message = format!("it cannot be read at {}: nothing counts as seen there", self.base);
                self.findings.push(Finding::new("base", Level::Warning, path, message));
                Document::understand(path, empty(path).into())
            }
            other => other,
        }
    }

    /// Judges what still widens when what was gone for is as at the base.
    ///
    /// So a go covers the state of its flag, up to where it stands since, and whatever follows for the flags that require
    /// it, but no change of rules, segments or prerequisites.
    fn judge_file(&mut self, before: &Snapshot, without: &Snapshot, state: &Document, gone: &Gone<'_>) {
        let name = state.name();
        let places = Places::of(state);
        for (key, _) in before.effects(without).into_iter().filter(|(_, effect)| *effect == Effect::Widens) {
            let key = key.as_str();
            let message = match gone.lacking.get(key) {
                Some(lacks) => {
                    let lacks = lacks.join(", ");
                    format!("{key} may be seen by more than at {}, and its go in {name} lacks {lacks}", self.base)
                }
                None => format!("{key} may be seen by more than at {}, and nobody said go in {name}", self.base),
            };
            // Of what is declared, and so in every environment, it is told once.
            if self.told.insert(key.to_owned()) {
                let finding = places.finding(WIDENS, Level::Error, &state.path, key, message);
                let help = format!("undo it here, and let it be seen by `flagkit go {key}`");
                self.findings.push(finding.with_help(help));
            }
        }
    }
}

/// What the log says that was gone for, and is not taken back.
struct Gone<'e> {
    /// How far.
    to: BTreeMap<&'e str, State>,
    /// What gates ask for and a go did not show.
    lacking: BTreeMap<&'e str, Vec<String>>,
}

impl<'e> Gone<'e> {
    /// Of the entries of one file in their order, those that are new.
    fn of(
        entries: impl Iterator<Item = &'e Entry>,
        is_new: impl Fn(&Entry) -> bool,
        gates: &Gates,
        head: &Project,
    ) -> Self {
        let mut gone = Self { to: BTreeMap::new(), lacking: BTreeMap::new() };
        let mut last: BTreeMap<&str, &Entry> = BTreeMap::new();
        let definitions = Definitions::of(head);
        for entry in entries {
            let flag = entry.flag.as_str();
            let to = entry.to.parse::<State>().unwrap_or(State::Off);
            if entry.verb == GO {
                let mut lacks =
                    gates.of(flag).map(|(_, gate)| gate.lacks(entry, last.get(flag).copied())).unwrap_or_default();
                if entry.definition.as_deref() != Some(&definitions.digest(flag)) {
                    lacks.push("the flag as it is now".to_owned());
                }
                last.insert(flag, entry);
                if !is_new(entry) {
                    continue;
                }
                if lacks.is_empty() {
                    gone.to.insert(flag, to);
                } else {
                    gone.lacking.entry(flag).or_default().extend(lacks);
                }
            } else if let Some(most) = gone.to.get_mut(flag) {
                // Taken back, and no further than that was it gone for.
                *most = to.min(*most);
            }
        }
        gone
    }

    /// The document with the states that were gone for as they were before.
    fn undone(&self, document: &Document, [before, after]: [&Snapshot; 2]) -> Result<Document> {
        let mut states = BTreeMap::new();
        for (flag, most) in &self.to {
            let [was, is] = [before, after].map(|snapshot| State::of(snapshot.flag(flag)));
            if was < is && is <= *most {
                states.insert(*flag, was);
            }
        }
        let text = edit::set_all(document.format(), &document.text, &states)?;
        Document::understand(&document.path, text.into_bytes())
    }
}
