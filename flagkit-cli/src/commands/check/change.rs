//! `check --base`: the gates of the base decide about the change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use flagkit_core::Snapshot;
use flagkit_core::tooling::Effect;

use super::approvals::Approvals;
use super::{Locations, WIDENS};
use crate::command_line::CommandLine;
use crate::findings::{Finding, Level};
use crate::gate::Gates;
use crate::git;
use crate::journal::{Entry, Journal};
use crate::project::{Document, Layered, Project, empty, environment_of};
use crate::report::{Exit, Result};

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
        let declared = Project { declared: document.clone(), environment: None };
        let removed = self.removed_environments(document, projects)?;
        let mut widens = false;
        // The declaration is below every environment, and a `go` for it is valid for all of them.
        let mut below = None;
        for head in [&declared].into_iter().chain(projects).chain(&removed) {
            let path = &head.state_document().path;
            let mut base = Project { declared: old.clone(), environment: None };
            if head.environment.is_some() {
                base.environment = Some(self.at_base(path)?);
            }
            let name = head.state_document().name();
            let of_file = entries.iter().copied().filter(|entry| entry.file == name);
            let approvals = Approvals::of(of_file, |entry| !known.contains(entry.hash.as_str()), &old_gates, head);
            let (before, after) = (base.flags().snapshot(), head.flags().snapshot());
            let unapproved = approvals.undo(head.state_document(), [&before, &after])?;
            let without = Layered::of(below.iter().chain([&unapproved])).snapshot();
            self.check_file(&before, &without, head.state_document(), &approvals);
            widens |= before.effects(&after).into_values().any(|effect| effect == Effect::Widens);
            below.get_or_insert(unapproved);
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
            if environment_of(self.file, &name).is_some() && !path.exists() {
                let environment = Some(Document::read_if_there(&path)?);
                removed.push(Project { declared: document.clone(), environment });
            }
        }
        Ok(removed)
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

    fn check_gates(&mut self, document: &Document, old_gates: &Gates) {
        for weaker in self.gates.weaker_than(old_gates) {
            let message = format!("{weaker}, in a change that also widens a flag");
            let finding = Finding::new("gate-weakened", Level::Error, &document.path, message);
            let help = "change gates and widen flags in separate changes: the gates of the base decide";
            self.findings.push(finding.with_help(help));
        }
    }
}
