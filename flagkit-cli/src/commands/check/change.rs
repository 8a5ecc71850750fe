//! `check --base`: the gates of the base decide about the change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flagkit_core::tooling::Effect;
use flagkit_core::{FlagKey, Snapshot};

use super::approvers::{ListResult, check_change};
use super::base::Base;
use super::releases::{Layer, Releases, Scope};
use super::stages::{StageCheck, is_migration};
use super::verified::Verified;
use super::{Locations, WIDENS};
use crate::approvals::ApproverList;
use crate::command_line::CommandLine;
use crate::environment::{environment_file, environment_of, files_of, lower_files};
use crate::findings::{Finding, Level};
use crate::gate::Gates;
use crate::journal::{Entry, Journal};
use crate::project::{Document, Project};
use crate::report::Result;
use crate::state::State;

/// Checks the head against the base's gates: any flag that was widened must have met the gate's requirements.
///
/// A flag is compared in each environment, as a program there would evaluate it.
pub(super) struct ChangeCheck<'c> {
    base: &'c str,
    file: &'c Path,
    /// The gates of the head, which must not be weaker than those of the base.
    gates: &'c Gates,
    journal: &'c Journal,
    /// The list of approvers of the head.
    approvers: &'c ListResult,
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
        approvers: &'c ListResult,
        findings: &'c mut Vec<Finding>,
    ) -> Self {
        Self { base, file, gates, journal, approvers, findings, reported: BTreeSet::new() }
    }

    pub(super) fn run(mut self, document: &Document, projects: &[Project]) -> Result<()> {
        let base = Base::read(self.file, self.base, self.findings)?;
        let gates = base.gates().unwrap_or(self.gates);
        self.check_log(&base)?;
        // A removed entry still counts, so removing it never shortens a soak.
        let mut entries: Vec<&Entry> = self.journal.valid().collect();
        let hashes: BTreeSet<&str> = entries.iter().map(|entry| entry.hash.as_str()).collect();
        entries.extend(base.log.valid().filter(|entry| !hashes.contains(entry.hash.as_str())));
        entries.sort_by_key(|entry| entry.when);
        let of_file = |name: String| entries.iter().copied().filter(move |entry| entry.file == name);

        let declared = Project::new(document.clone());
        let removed = self.removed_environments(&base, document)?;
        let heads: Vec<(Layer, &Project)> =
            [&declared].into_iter().chain(projects).chain(&removed).map(|head| (self.layer(head), head)).collect();
        let last_valid = heads.iter().map(|(layer, _)| base.last_valid(layer.as_deref()));
        let last_valid: Vec<_> = last_valid.collect::<Result<_>>()?;
        let releases: BTreeMap<Layer, Releases<'_>> = heads
            .iter()
            .zip(&last_valid)
            .map(|((layer, head), last_valid)| {
                let (before, entries) = (base.snapshot(layer.as_deref()), of_file(head.state_document().name()));
                (layer.clone(), Releases::of(entries, &base, gates, (&before, last_valid), head))
            })
            .collect();
        let list = base.approvers()?;
        self.check_links(&base, &ApproverList::path_beside(self.file));
        let verified = Verified { base: &base, name: self.base, list: &list, gates };
        let mut widens = false;
        for ((layer, head), last_valid) in heads.iter().zip(&last_valid) {
            self.check_links(&base, &head.state_document().path);
            let (refusals, approved) = verified.flags(head, layer.as_deref(), last_valid);
            let scope = Scope {
                releases: &releases,
                head: head.documents().map(|document| (self.layer_of(document), document)).collect(),
                base: base.layers(layer.as_deref()),
                refusals,
                approved,
            };
            let before = base.snapshot(layer.as_deref());
            let without = scope.without_released(&before);
            let effects = before.effects(&without).into_iter();
            let is_switch = |key: &FlagKey| !is_migration(key.as_str(), [&before, &without]);
            for (key, _) in effects.filter(|(key, effect)| *effect == Effect::Widens && is_switch(key)) {
                self.report(key.as_str(), head, &scope);
            }
            self.check_new_flags(&base, head, &without);
            let after = head.flags().snapshot();
            let name = self.base;
            let stages = StageCheck { name, base: &base, last_valid, head, scope: &scope, entries: &entries };
            self.findings.extend(stages.findings([&before, &after], &mut self.reported));
            widens |= before.effects(&after).into_values().any(|effect| effect == Effect::Widens);
        }
        check_change(self.file, self.base, &list, self.approvers, widens, self.findings);
        if let Some(gates) = base.gates().filter(|_| widens) {
            self.check_gates(document, gates);
        }
        Ok(())
    }

    /// The layer of a project's own state.
    fn layer(&self, head: &Project) -> Layer {
        head.environment.as_ref().and_then(|environment| self.layer_of(environment))
    }

    fn layer_of(&self, document: &Document) -> Layer {
        environment_of(self.file, &document.name())
    }

    /// The environments of the base without a file in the head. They show what is declared.
    fn removed_environments(&self, base: &Base, document: &Document) -> Result<Vec<Project>> {
        let mut removed = Vec::new();
        for env in base.environments() {
            if files_of(self.file, env).is_empty() {
                let (path, between) = (environment_file(self.file, env)?, lower_files(self.file, env)?);
                removed.push(Project {
                    declared: document.clone(),
                    between: between.iter().map(|path| Document::read(path)).collect::<Result<_>>()?,
                    environment: Some(Document::read_if_there(&path)?),
                });
            }
        }
        Ok(removed)
    }

    /// Reports a file outside of the repository, which no revision contains.
    fn check_links(&mut self, base: &Base, path: &Path) {
        if let Some(target) = base.outside(path) {
            let message = format!("cannot compare: it is a link to {}, outside of the repository", target.display());
            self.findings.push(Finding::new("base", Level::Error, path, message));
        }
    }

    /// Reports entries of the base, or of a commit since, that the head has removed.
    fn check_log(&mut self, base: &Base) -> Result<()> {
        let path: PathBuf = self.journal.path.clone();
        self.check_links(base, &path);
        let removed = base.removed_entries(self.journal)?;
        let mut since = base.removed_since(self.journal)?;
        since.retain(|entry| !removed.contains(entry));
        self.report_removed(&removed, self.base);
        self.report_removed(&since, &format!("a commit since {}", self.base));
        Ok(())
    }

    fn report_removed(&mut self, removed: &[Entry], owner: &str) {
        let flags: BTreeSet<&str> = removed.iter().map(|entry| entry.flag.as_str()).collect();
        for flag in flags {
            let count = removed.iter().filter(|entry| entry.flag == flag).count();
            let entries = if count == 1 { "an entry".to_owned() } else { format!("{count} entries") };
            let message = format!("the log lacks {entries} of {flag} that {owner} has");
            let finding = Finding::new("log", Level::Error, &self.journal.path, message);
            let help = "restore the lines: entries are only added, also when a change is taken back";
            self.findings.push(finding.with_help(help));
        }
    }

    /// Reports a flag that is still wider when each released state is the one of the base.
    ///
    /// So a `go` covers the state of its flag, up to the released percentage, and the effects on flags that require it.
    /// It covers no change of rules, segments or prerequisites, unless people signed the definition.
    fn report(&mut self, key: &str, head: &Project, scope: &Scope<'_, '_>) {
        // A widened declaration widens every environment; one finding is enough.
        if !self.reported.insert(key.to_owned()) {
            return;
        }
        let env = scope.layer_of(key);
        let document = scope.head.iter().rev().find(|(layer, _)| layer.as_deref() == env);
        let removed = || env.and_then(|env| environment_file(self.file, env).ok());
        let path = document.map(|(_, document)| document.path.clone()).or_else(removed).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let missing = scope.releases_of(env).and_then(|releases| releases.missing.get(key));
        let message = match (missing, scope.refusals.get(key)) {
            (Some(missing), _) => {
                let missing = missing.join(", ");
                format!("{key} was widened since {}, and its `go` in {name} lacks {missing}", self.base)
            }
            (None, Some(reason)) => {
                format!("{key} was widened since {}, and is not approved in {name}: {reason}", self.base)
            }
            (None, None) => format!("{key} was widened since {} without a `go` in {name}", self.base),
        };
        let state = head.state_document();
        let finding = Locations::of(state).finding(WIDENS, Level::Error, &state.path, key, message);
        let go = CommandLine::new(self.file, env, &["go", key]);
        let help = format!("undo it here, and widen the flag with `{go}`");
        self.findings.push(finding.with_help(help));
    }

    /// Reports the flags that are live by being declared, because an environment has a state of their name already.
    fn check_new_flags(&mut self, base: &Base, head: &Project, without: &Snapshot) {
        let state = head.state_document();
        for key in head.declared.keys().map(FlagKey::as_str).filter(|key| !base.declares(key)) {
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
