//! The migrations among the flags of a revert, which have no state off.
//!
//! A migration that fell back to `off` after its reads moved would read stale data. So a revert brings it one stage back
//! and only if its stage is certain: if programs accept all files. Otherwise programs keep the stage that they have.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use flagkit_core::Snapshot;
use flagkit_core::source::Stage;

use super::layers::{Layers, committed_migrations, migrations_of};
use super::{RevertArgs, Step};
use crate::command_line::CommandLine;
use crate::commands::migrate::{BackArgs, Target, back};
use crate::commands::show::is_about;
use crate::edit;
use crate::journal::{Entry, Journal};
use crate::progress::Progress;
use crate::project::{Document, Layered, Project};
use crate::report::{Exit, Failure, Result};

/// Returns the keys that are migrations, or may be, by any file that says so: the layers, the log, and the last commit.
///
/// The log and the commit count only if a file is damaged. Otherwise the files are complete.
pub(super) fn keys(file: &Path, layers: &Layers) -> BTreeSet<String> {
    let mut keys: BTreeSet<String> =
        layers.all().flat_map(|layer| layer.recovered().migrations.iter().cloned()).collect();
    if is_certain(file, layers) {
        return keys;
    }
    keys.extend(layers.lost_names(file).migrations);
    let entries = Journal::read(file).unwrap_or_default().entries.into_iter();
    keys.extend(entries.filter(Entry::is_of_migration).map(|entry| entry.flag));
    keys.extend(layers.all().flat_map(|layer| committed_migrations(&layer.path)));
    keys
}

/// Returns whether programs accept all files, so that the stages follow from them.
fn is_certain(file: &Path, layers: &Layers) -> bool {
    layers.all().all(|layer| layer.document.is_ok()) && !layers.may_have_lost_names(file)
}

/// Brings one migration one stage back. The same as `migrate NAME back`.
pub(super) fn revert(file: &Path, layers: &Layers, name: &str, args: &RevertArgs) -> Result {
    if let Some(to) = args.to {
        let revert = CommandLine::new(file, args.env.as_deref(), &["revert", name]);
        let message = format!("cannot revert {name} to {to}: it is a migration, which goes back one stage at a time");
        return Err(Failure::new(Exit::Conflict, message).with_help(format!("`{revert}` brings it one stage back")));
    }
    // The log says which stage programs loaded last.
    if !is_certain(file, layers) && last_step(file, layers, name).is_none() {
        let mut invalid = layers.all().filter(|layer| layer.document.is_err());
        let path = invalid.next().map_or(&layers.target.path, |layer| &layer.path).display();
        let message =
            format!("cannot bring {name} back: {path} is not valid, so the stage of the migration is unknown");
        let help = format!("running programs keep its stage; repair {path}, or restore it from git, and try again");
        return Err(Failure::new(Exit::Conflict, message).with_help(help));
    }
    let target = Target { file: file.to_owned(), name: name.to_owned(), env: args.env.clone() };
    let accept_stale_data = args.accept_stale_data;
    back(&target, &BackArgs { to: None, accept_stale_data, reason: args.reason.clone(), dry_run: args.dry_run })
}

/// Returns the stage after the last step of a migration in the target.
fn last_step(file: &Path, layers: &Layers, name: &str) -> Option<String> {
    let file_name = layers.target.path.file_name().unwrap_or_default().to_string_lossy();
    let journal = Journal::read(file).unwrap_or_default();
    let mut entries = journal.chronological().into_iter().rev();
    let last = entries.find(|entry| entry.flag == name && entry.file == file_name && entry.is_step());
    last.map(|entry| entry.to.clone())
}

/// The migrations in a revert of all flags.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The steps back.
    pub(super) steps: Vec<Step>,
    /// What happens to the other migrations, one line for each.
    pub(super) notes: String,
}

impl Plan {
    /// Plans the steps back. `before` has the flags of the files, if programs accept all of them.
    pub(super) fn new(file: &Path, layers: &Layers, keys: &BTreeSet<String>, args: &RevertArgs) -> Self {
        let mut plan = Self::default();
        let before = layers.project().filter(|_| is_certain(file, layers)).map(|project| project.flags());
        let is_disputed = |name: &str| {
            let problems = before.iter().flat_map(|before| &before.problems);
            problems.into_iter().any(|(_, problem)| is_about(problem.path(), name))
        };
        let snapshot = before.as_ref().map(Layered::snapshot);
        for name in keys {
            let progress = snapshot.as_ref().and_then(|snapshot| Progress::of(snapshot.flag(name)));
            let Some(from) = progress.filter(|_| !is_disputed(name)) else {
                plan.note_unknown(file, layers, name, args);
                continue;
            };
            match from.safely_back() {
                Some(to) => plan.steps.push(Step { flag: name.clone(), from, to }),
                None if from == Progress::OFF => {}
                None => {
                    let why = if from.stage == Stage::Contracted {
                        "its old data may be gone"
                    } else {
                        "its old data is stale"
                    };
                    let _ = writeln!(plan.notes, "{name} stays at {from}: {why}; the way on is forward");
                }
            }
        }
        plan
    }

    /// Plans no step, because the text of the file cannot be kept.
    pub(super) fn unknown(file: &Path, layers: &Layers, keys: &BTreeSet<String>, args: &RevertArgs) -> Self {
        let mut plan = Self::default();
        for name in keys {
            plan.note_unknown(file, layers, name, args);
        }
        plan
    }

    /// Drops the steps, because the text cannot be edited like that.
    pub(super) fn give_up(&mut self) {
        for Step { flag, from, .. } in self.steps.drain(..) {
            let _ =
                writeln!(self.notes, "{flag} stays at {from}: write its `stage` on a line of its own, and try again");
        }
    }

    fn note_unknown(&mut self, file: &Path, layers: &Layers, name: &str, args: &RevertArgs) {
        let path = layers.target.path.display();
        let logged = last_step(file, layers, name).map(|stage| format!("; the log says {stage}")).unwrap_or_default();
        let revert = CommandLine::new(file, args.env.as_deref(), &["revert", name]);
        let _ = writeln!(
            self.notes,
            "{name} is a migration with an unknown stage{logged}: running programs keep it, and others have none; \
             write its `stage` into {path}, and then run `{revert}`"
        );
    }

    /// Returns the text with the steps.
    pub(super) fn apply(&self, project: &Project, text: String) -> Result<String> {
        let format = project.state_document().format();
        self.steps.iter().try_fold(text, |text, step| edit::set_stage(format, &text, &step.flag, step.to))
    }

    /// Returns whether each migration is where the plan brings it, and each other one where it was.
    pub(super) fn is_done(&self, keys: &BTreeSet<String>, [before, after]: [&Snapshot; 2]) -> bool {
        let mut keys = keys.iter();
        keys.all(|key| {
            let step = self.steps.iter().find(|step| step.flag == *key);
            let was = Progress::of(before.flag(key));
            Progress::of(after.flag(key)) == step.map_or(was, |step| Some(step.to))
        })
    }
}

/// Returns the migrations in a file of an environment that a revert of the other files leaves in use.
pub(super) fn in_use(document: &Document) -> Vec<(String, Progress)> {
    let flags = document.load.flags();
    let progress = |key: String| Progress::of(flags.get(&key)).map(|progress| (key, progress));
    migrations_of(document).filter_map(progress).filter(|(_, progress)| progress.safely_back().is_some()).collect()
}
