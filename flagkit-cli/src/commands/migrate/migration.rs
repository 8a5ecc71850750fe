//! A migration as the files, the gate and the log state it.

use std::path::PathBuf;

use flagkit_core::{Flag, FlagKey};
use flagkit_sources::document::tree::nearest;
use serde_json::Value;

use super::check;
use crate::command_line::CommandLine;
use crate::gate::{Gate, Gates};
use crate::history::History;
use crate::journal::{Journal, baseline};
use crate::progress::Progress;
use crate::project::{Document, Project};
use crate::report::{Exit, Failure, Result};
use crate::tree::document_to_json;

/// The migration that a command is about.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Target {
    pub(in crate::commands) file: PathBuf,
    pub(in crate::commands) name: String,
    pub(in crate::commands) env: Option<String>,
}

impl Target {
    /// The command line of a subcommand for this migration, for a person to copy.
    pub(super) fn command_line(&self, words: &[&str]) -> String {
        let words = [&["migrate", self.name.as_str()], words].concat();
        CommandLine::new(&self.file, self.env.as_deref(), &words).to_string()
    }
}

/// A migration, read from the files.
pub(super) struct Migration<'t> {
    pub(super) target: &'t Target,
    pub(super) project: Project,
    pub(super) gates: Gates,
    pub(super) gate: Gate,
    pub(super) journal: Journal,
    /// The progress that the files state.
    pub(super) now: Progress,
}

/// What a migration is read for, which decides the errors that matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The gate and the log must be valid.
    Check,
    /// Nothing but the stage is required.
    Back,
}

impl<'t> Migration<'t> {
    pub(super) fn read(target: &'t Target) -> Result<Self> {
        Self::read_for(target, Purpose::Check)
    }

    /// Reads a migration for a step back, which needs neither a gate nor a log. Those that cannot be read count as none.
    pub(super) fn read_for_back(target: &'t Target) -> Result<Self> {
        Self::read_for(target, Purpose::Back)
    }

    fn read_for(target: &'t Target, purpose: Purpose) -> Result<Self> {
        let name = target.name.as_str();
        let project = Project::read(&target.file, target.env.as_deref())?;
        let snapshot = project.flags().snapshot();
        if !project.documents().any(|document| document.load.flags().contains(name)) {
            let keys = snapshot.keys().map(FlagKey::as_str);
            let migrations = keys.filter(|key| snapshot.flag(key).is_some_and(Flag::is_migration));
            return Err(unknown_migration(target, migrations));
        }
        let problems = check::problems_of(&project, name);
        let flag = snapshot.flag(name);
        let Some(now) = Progress::of(flag).filter(|_| problems.is_empty()) else {
            if flag.is_some() && problems.is_empty() {
                let go = CommandLine::new(&target.file, target.env.as_deref(), &["go", name]);
                return Err(Failure::usage(format!("{name} is no migration"))
                    .with_help(format!("its kind is not \"migration\"; `{go}` widens a flag")));
            }
            let message = format!("cannot move {name}: the migration has problems");
            return Err(Failure::new(Exit::CheckFailed, message).with_details(problems));
        };
        let gates = match Gates::read(&project.declared) {
            Err(_) if purpose == Purpose::Back => Gates::default(),
            gates => gates?,
        };
        let gate = gates.of(name).map(|(_, gate)| gate.clone()).unwrap_or_default();
        let journal = match Journal::read(&target.file) {
            Err(_) if purpose == Purpose::Back => Journal::default(),
            journal => journal?,
        };
        Ok(Self { target, project, gates, gate, journal, now })
    }

    pub(super) fn name(&self) -> &'t str {
        &self.target.name
    }

    /// Returns the document that states the stage after a step.
    pub(super) fn document(&self) -> &Document {
        self.project.state_document()
    }

    pub(super) fn history(&self) -> History<'_> {
        History::of(&self.journal, self.name(), &self.document().name())
    }

    /// Returns the attribute that partitions the data.
    pub(super) fn partition(&self) -> Option<String> {
        self.project.flags().snapshot().flag(self.name())?.partition().map(str::to_owned)
    }

    /// Returns the progress that the log states. Before the first entry it is the committed one.
    pub(super) fn logged(&self) -> Progress {
        let begin = || {
            let baseline = baseline(&self.target.file, &[]);
            baseline.get(&self.document().name())?.get(self.name())?.parse().ok()
        };
        self.history().progress().or_else(begin).unwrap_or(Progress::OFF)
    }

    /// Fails if a lower file states the stage. Two stages of one migration must not drift apart.
    pub(super) fn check_layer(&self) -> Result<()> {
        let document = self.document();
        let mut below = self.project.below_state();
        let Some(lower) = below.find(|lower| states_stage(lower, self.name())) else { return Ok(()) };
        let (own, lower) = (document.path.display(), lower.path.display());
        let message = format!("cannot advance {} in {own}: {lower} states its stage", self.name());
        Err(Failure::new(Exit::Conflict, message)
            .with_help(format!("state the stage in one file only: remove it from {lower}, or advance it there")))
    }
}

fn unknown_migration<'k>(target: &Target, migrations: impl Iterator<Item = &'k str>) -> Failure {
    let name = target.name.as_str();
    let failure = Failure::usage(format!("cannot find migration {name:?}"));
    if let Some(near) = nearest(name, migrations) {
        return failure.with_help(format!("did you mean `{near}`?"));
    }
    let new = CommandLine::new(&target.file, None, &["new", name, "--kind", "migration"]);
    failure.with_help(format!("`{new}` declares it"))
}

/// Returns whether a document states the stage of a migration.
pub(super) fn states_stage(document: &Document, name: &str) -> bool {
    let raw = document_to_json(document.format(), &document.text);
    let stage = raw.get("flags").and_then(|flags| flags.get(name)).and_then(|flag| flag.get("stage"));
    stage.is_some_and(Value::is_string)
}
