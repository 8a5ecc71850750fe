//! `check --base`: the stages of migrations, which move one at a time and by logged steps.
//!
//! Programs follow the file. A change that skips a stage therefore makes processes at stages that must not coexist, and
//! a change back after `complete` makes them read stale data.

use std::collections::{BTreeMap, BTreeSet};

use flagkit_core::source::Stage;
use flagkit_core::{Flag, FlagKey, Snapshot};

use super::base::{Base, LastValid};
use super::releases::Scope;
use super::{Locations, WIDENS};
use crate::command_line::CommandLine;
use crate::findings::{Finding, Level};
use crate::journal::{BACK, CONTRACT, Entry};
use crate::progress::Progress;
use crate::project::{Definitions, Project};

/// A stage that was skipped since the base.
pub(super) const STAGE_SKIPPED: &str = "stage-skipped";
/// A stage from which the migration cannot go back, and did.
pub(super) const STALE_DATA: &str = "stale-data";
/// Partitions that another salt or attribute moves to another stage.
pub(super) const PARTITIONS_MOVED: &str = "partitions-moved";
/// A migration that is gone before its old data is.
pub(super) const MIGRATION_REMOVED: &str = "migration-removed";

/// The migrations of one environment, before and after the change.
pub(super) struct StageCheck<'c, 'e> {
    /// The name of the base revision.
    pub(super) name: &'c str,
    pub(super) base: &'c Base,
    pub(super) last_valid: &'c BTreeMap<String, LastValid>,
    pub(super) head: &'c Project,
    pub(super) scope: &'c Scope<'c, 'e>,
    /// The entries of all files, in the order of time.
    pub(super) entries: &'c [&'e Entry],
}

/// A migration at the base and now.
struct Change<'k> {
    key: &'k str,
    was: Progress,
    is: Progress,
}

impl StageCheck<'_, '_> {
    /// Returns a finding for each migration that must not change like this, except the ones in `reported`.
    pub(super) fn findings(&self, [before, after]: [&Snapshot; 2], reported: &mut BTreeSet<String>) -> Vec<Finding> {
        let keys: BTreeSet<&FlagKey> = before.keys().chain(after.keys()).collect();
        let migrations = keys.into_iter().map(FlagKey::as_str).filter(|key| is_migration(key, [before, after]));
        let found = migrations.filter_map(|key| self.finding(key, [before, after]));
        found.filter(|finding| finding.flag.as_ref().is_none_or(|flag| reported.insert(flag.clone()))).collect()
    }

    fn finding(&self, key: &str, [before, after]: [&Snapshot; 2]) -> Option<Finding> {
        let last_valid = self.last_valid.get(key).and_then(|valid| valid.progress);
        let known = Progress::of(before.flag(key)).or(last_valid);
        let was = known.unwrap_or(Progress::OFF);
        let is_declared = self.head.declared.load.flags().contains(key);
        let flag = after.flag(key);
        if !is_declared || flag.is_some_and(|flag| !flag.is_migration()) {
            return self.removed(key, was, is_declared);
        }
        // An invalid migration is a finding of its own. Programs keep its stage.
        let is = Progress::of(flag)?;
        let change = Change { key, was, is };
        if known.is_none() && !self.base.declares(key) && is != Progress::OFF {
            let message = format!("{key} was declared since {} at stage {is}", self.name);
            let help = "a migration begins at stage off: remove the stage, merge the change, and then advance";
            return Some(self.at_state(WIDENS, key, message).with_help(help));
        }
        let bucketing = |flag: &Flag| (flag.salt().unwrap_or(key).to_owned(), flag.partition().map(str::to_owned));
        let is_partial = !was.is_whole() || !is.is_whole();
        if is_partial && before.flag(key).map(bucketing) != flag.map(bucketing) && known.is_some() {
            let message =
                format!("{key} has another salt or partition since {}, and a part of its data at {is}", self.name);
            let help = "restore it: other partitions would be at the stage, and some could move by two; change it while \
                        all partitions are at one stage";
            return Some(self.at_state(PARTITIONS_MOVED, key, message).with_help(help));
        }
        self.moved(&change)
    }

    /// Returns the finding for a migration that moved.
    fn moved(&self, Change { key, was, is }: &Change<'_>) -> Option<Finding> {
        if is == was {
            return None;
        }
        if self.is_logged(key, *was, *is) {
            return self.unapproved(key, *was, *is);
        }
        let (name, back) = (self.name, is.stages()[1] < was.stages()[1]);
        if is.reads_stale_data_after(*was) {
            let message = format!("{key} went back from {was} to {is} since {name}, and its old data is stale");
            let help = "restore the stage; to go back all the same, repair the old data and run `flagkit revert` with \
                        `--accept-stale-data`";
            return Some(self.at_state(STALE_DATA, key, message).with_help(help));
        }
        if !is.is_one_step_from(*was) {
            let message = format!("{key} moved from {was} to {is} since {name}, and a stage between them was skipped");
            let command = if back { "back" } else { "advance" };
            let help = format!("undo it here, and move one stage at a time with `{}`", self.command(key, command));
            return Some(self.at_state(STAGE_SKIPPED, key, message).with_help(help));
        }
        if !is.is_beyond(*was) {
            return None;
        }
        let command = if is.stage == Stage::Contracted { "contract" } else { "advance" };
        let lacks = self.lacks(key, *is);
        let reason = if lacks.is_empty() {
            format!("without an entry `{command}` in the log")
        } else {
            format!("and its `{command}` lacks {lacks}")
        };
        let comma = if lacks.is_empty() { "" } else { "," };
        let message = format!("{key} moved from {was} to {is} since {name}{comma} {reason}");
        let help = format!("undo it here, and move it with `{}`", self.command(key, command));
        Some(self.at_state(WIDENS, key, message).with_help(help))
    }

    /// Returns the finding for a logged step forward that lacks approvals of people.
    fn unapproved(&self, key: &str, was: Progress, is: Progress) -> Option<Finding> {
        let reason = self.scope.refusals.get(key).filter(|_| is.is_beyond(was))?;
        let message = format!("{key} moved from {was} to {is} since {}, and is not approved: {reason}", self.name);
        let help = format!("undo it here, and move it with `{}`", self.command(key, "advance"));
        Some(self.at_state(WIDENS, key, message).with_help(help))
    }

    /// Returns the finding for a migration that is not declared any more, or is declared as another flag.
    fn removed(&self, key: &str, was: Progress, is_declared: bool) -> Option<Finding> {
        // Without a migration, programs use the old side, as they do at `off`, or the new one, as they do at the end.
        if was == Progress::OFF || was == Progress::at(Stage::Contracted) {
            return None;
        }
        let what = if is_declared { "became another flag" } else { "was removed" };
        let message = format!("{key} {what} since {} at stage {was}", self.name);
        let help = "declare the migration again; it can be removed at stage contracted, or at off";
        Some(self.at_state(MIGRATION_REMOVED, key, message).with_help(help))
    }

    /// Returns whether steps of the log that are newer than the base lead from one stage to the other.
    fn is_logged(&self, key: &str, was: Progress, is: Progress) -> bool {
        let mut at = was;
        for entry in self.steps(key) {
            let [from, to] = [&entry.from, &entry.to].map(|text| text.parse::<Progress>().ok());
            let (Some(to), true) = (to, from == Some(at)) else { continue };
            // The command asks before it leaves `complete` backwards, so such an entry is a decision.
            if to.is_one_step_from(at) && self.missing(entry).is_empty() {
                at = to;
            }
        }
        at == is
    }

    /// Returns the steps of a migration that are newer than the base, in the file with its stage.
    fn steps(&self, key: &str) -> impl Iterator<Item = &Entry> {
        let env = self.scope.layer_of(key);
        let document = self.scope.head.iter().rev().find(|(layer, _)| layer.as_deref() == env);
        let file = document.map(|(_, document)| document.name()).unwrap_or_default();
        let is_new = move |entry: &Entry| match self.last_valid.get(key) {
            Some(valid) => valid.is_new(entry),
            None => self.base.is_new(entry),
        };
        let entries = self.entries.iter().copied();
        entries.filter(move |entry| entry.flag == key && entry.is_step() && entry.file == file && is_new(entry))
    }

    /// Returns what a step to this progress lacks, for a message.
    fn lacks(&self, key: &str, is: Progress) -> String {
        let steps = self.steps(key).filter(|entry| entry.progress() == Some(is));
        steps.last().map(|entry| self.missing(entry).join(", ")).unwrap_or_default()
    }

    /// Returns the requirements that a step forward does not meet.
    fn missing(&self, entry: &Entry) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if entry.verb == BACK {
            return missing;
        }
        if self.base.gates().is_some_and(|gates| entry.gate.as_ref() != Some(&gates.digest(&entry.flag))) {
            missing.push("the same gate");
        }
        if entry.definition.as_ref() != Some(&Definitions::of(self.head).digest(&entry.flag)) {
            missing.push("the current definition of the migration");
        }
        let is_last = entry.to.parse().is_ok_and(|to: Progress| to.stage == Stage::Contracted);
        if is_last != (entry.verb == CONTRACT) {
            missing.push("the certificate that no running build uses the old data");
        }
        missing
    }

    fn at_state(&self, rule: &'static str, key: &str, message: String) -> Finding {
        let state = self.head.state_document();
        Locations::of(state).finding(rule, Level::Error, &state.path, key, message)
    }

    fn command(&self, key: &str, command: &str) -> CommandLine {
        CommandLine::new(&self.head.declared.path, self.scope.layer_of(key), &["migrate", key, command])
    }
}

/// Returns whether a key is a migration before or after the change.
pub(super) fn is_migration(key: &str, snapshots: [&Snapshot; 2]) -> bool {
    snapshots.iter().any(|snapshot| snapshot.flag(key).is_some_and(Flag::is_migration))
}
