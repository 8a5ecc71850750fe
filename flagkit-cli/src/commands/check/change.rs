//! `check --base`: the gates of the base decide about the change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flagkit_core::tooling::Effect;
use flagkit_core::{FlagKey, Snapshot};

use super::approvals::Approvals;
use super::{Locations, WIDENS};
use crate::command_line::CommandLine;
use crate::environment::{environment_of, is_layer_above, lower_files};
use crate::findings::{Finding, Level};
use crate::gate::Gates;
use crate::git;
use crate::journal::{Entry, Journal};
use crate::project::{Document, Layered, Project, empty};
use crate::report::{Exit, Result};
use crate::state::State;

/// Checks the head against the base's gates: any flag that was widened must have met the gate's requirements.
pub(super) struct ChangeCheck<'c> {
    base: &'c str,
    file: &'c Path,
    /// The gates of the head, which must not be weaker than those of the base.
    gates: &'c Gates,
    journal: &'c Journal,
    findings: &'c mut Vec<Finding>,
    /// The flags with a finding already.
    reported: BTreeSet<String>,
}

impl<'c> ChangeCheck<'c> {
    pub(super) fn new(
        base: &'c str,
        file: &'c Path,
        gates: &'c Gates,
        journal: &'c Journal,
        findings: &'c mut Vec<Finding>,
    ) -> Self {
        Self { base, file, gates, journal, findings, reported: BTreeSet::new() }
    }

    pub(super) fn run(mut self, document: &Document, projects: &[Project]) -> Result<()> {
        let old = self.at_base(self.file)?;
        let old_gates = Gates::parse(&old).unwrap_or_default();
        let old_log = git::bytes_at(self.base, self.file, Journal::NAME)?.unwrap_or_default();
        let old_log = Journal::parse(PathBuf::new(), &String::from_utf8_lossy(&old_log));
        let known: BTreeSet<&str> = old_log.entries.iter().map(|entry| entry.hash.as_str()).collect();
        let mut entries: Vec<&Entry> = self.journal.valid().collect();
        entries.sort_by_key(|entry| entry.when);
        let declared = Project::new(document.clone());
        let removed = self.removed_environments(document, projects)?;
        let mut widens = false;
        // A `go` for a file is valid for all files above it. Lower files come first.
        let mut undone: BTreeMap<PathBuf, Document> = BTreeMap::new();
        for head in [&declared].into_iter().chain(projects).chain(&removed) {
            let path = &head.state_document().path;
            let mut base = Project::new(old.clone());
            if head.environment.is_some() {
                base.between = self.below_at_base(path)?;
                base.environment = Some(self.at_base(path)?);
            }
            let name = head.state_document().name();
            let of_file = entries.iter().copied().filter(|entry| entry.file == name);
            let approvals = Approvals::of(of_file, |entry| !known.contains(entry.hash.as_str()), &old_gates, head);
            let (before, after) = (base.flags().snapshot(), head.flags().snapshot());
            let unapproved = approvals.undo(head.state_document(), [&before, &after])?;
            undone.insert(path.clone(), unapproved);
            let without = Layered::of(head.documents().map(|it| undone.get(&it.path).unwrap_or(it))).snapshot();
            self.check_file(&before, &without, head.state_document(), &approvals);
            self.check_new_flags(&old, head, &without);
            widens |= before.effects(&after).into_values().any(|effect| effect == Effect::Widens);
        }
        if widens {
            self.check_gates(document, &old_gates);
        }
        Ok(())
    }

    /// The environments of the base without a file in the head. They show what is declared.
    fn removed_environments(&self, document: &Document, projects: &[Project]) -> Result<Vec<Project>> {
        let present: BTreeSet<String> = projects.iter().map(|project| project.state_document().name()).collect();
        let mut removed = Vec::new();
        for name in git::names_at(self.base, self.file)?.into_iter().filter(|name| !present.contains(name)) {
            let path = self.file.with_file_name(&name);
            let Some(environment) = environment_of(self.file, &name) else { continue };
            if !path.exists() {
                let between = lower_files(self.file, &environment)?;
                removed.push(Project {
                    declared: document.clone(),
                    between: between.iter().map(|path| Document::read(path)).collect::<Result<_>>()?,
                    environment: Some(Document::read_if_there(&path)?),
                });
            }
        }
        Ok(removed)
    }

    /// The documents of the base between the declaration and an environment's file, lowest first.
    fn below_at_base(&mut self, path: &Path) -> Result<Vec<Document>> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let environment = environment_of(self.file, &name).unwrap_or_default();
        let names = git::names_at(self.base, self.file)?.into_iter();
        let mut below: Vec<(String, String)> =
            names.filter_map(|name| Some((environment_of(self.file, &name)?, name))).collect();
        below.retain(|(parent, _)| is_layer_above(&environment, parent));
        below.sort();
        below.into_iter().map(|(_, name)| self.at_base(&self.file.with_file_name(name))).collect()
    }

    /// A document of the base. If it is invalid there, it counts as empty, so every flag that is on counts as new.
    fn at_base(&mut self, path: &Path) -> Result<Document> {
        match git::document_at(self.base, path) {
            Err(failure) if failure.exit == Exit::Findings => {
                let message = format!("cannot read the file at {}: every flag that is on counts as new", self.base);
                self.findings.push(Finding::new("base", Level::Warning, path, message));
                Document::parse_or_fail(path, empty(path).into())
            }
            other => other,
        }
    }

    /// Reports the flags that are still wider when each approved state is the one of the base.
    ///
    /// So a `go` covers the state of its flag, up to the approved percentage, and the effects on flags that require it.
    /// It covers no change of rules, segments or prerequisites.
    fn check_file(&mut self, before: &Snapshot, without: &Snapshot, state: &Document, approvals: &Approvals<'_>) {
        let name = state.name();
        let locations = Locations::of(state);
        for (key, _) in before.effects(without).into_iter().filter(|(_, effect)| *effect == Effect::Widens) {
            let key = key.as_str();
            let message = match approvals.missing.get(key) {
                Some(missing) => {
                    let missing = missing.join(", ");
                    format!("{key} was widened since {}, and its `go` in {name} lacks {missing}", self.base)
                }
                None => format!("{key} was widened since {} without a `go` in {name}", self.base),
            };
            // A widened declaration widens every environment; one finding is enough.
            if self.reported.insert(key.to_owned()) {
                let finding = locations.finding(WIDENS, Level::Error, &state.path, key, message);
                let env = environment_of(self.file, &name);
                let go = CommandLine::new(self.file, env.as_deref(), &["go", key]);
                let help = format!("undo it here, and widen the flag with `{go}`");
                self.findings.push(finding.with_help(help));
            }
        }
    }

    /// Reports the flags that are live by being declared, because an environment has a state of their name already.
    fn check_new_flags(&mut self, old: &Document, head: &Project, without: &Snapshot) {
        let state = head.state_document();
        let is_new = |key: &&FlagKey| !old.load.flags().contains(key.as_str());
        for key in head.declared.keys().filter(is_new).map(FlagKey::as_str) {
            let now = State::of(without.flag(key));
            if now == State::Off || !self.reported.insert(key.to_owned()) {
                continue;
            }
            let message =
                format!("{key} was declared since {}, and {} has a state of it already", self.base, state.name());
            let finding = Locations::of(state).finding(WIDENS, Level::Error, &state.path, key, message);
            self.findings.push(finding.with_help(format!("it would be {now} at once: turn it off there first")));
        }
    }

    fn check_gates(&mut self, document: &Document, old_gates: &Gates) {
        for weaker in self.gates.weaker_than(old_gates) {
            let message = format!("{weaker}, in a change that also widens a flag");
            let finding = Finding::new("gate-weakened", Level::Error, &document.path, message);
            let help = "change gates and widen flags in separate changes: the gates of the base decide";
            self.findings.push(finding.with_help(help));
        }
    }
}
