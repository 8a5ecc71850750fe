//! The history of one migration in one file, from the log: its steps, when it was observed, and its backfills.
//!
//! The order of the entries is what makes them evidence. A backfill counts only if it began after every instance wrote
//! both sides, and after the last request from before that ended. It would miss the rows that were written in between.

use std::collections::BTreeSet;

use flagkit_core::source::Stage;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::journal::{BACK, EXPAND, Entry, Journal, OBSERVE};
use crate::progress::Progress;

/// The instances at the time of an entry.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observation {
    /// Whether no instance can be observed, and a person vouches for them instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) vouched: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) instances: Vec<SeenInstance>,
}

/// One instance of an observation. Its counters are since its start, so later comparisons subtract these.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeenInstance {
    /// The random id of the process.
    pub(crate) instance: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) release: Option<String>,
    pub(crate) compared: u64,
    pub(crate) mismatched: u64,
    /// `None` if the entry does not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) comparisons_failed: Option<u64>,
}

/// A SQL file that was applied to the database.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppliedSql {
    /// The path, as messages showed it.
    pub(crate) file: String,
    /// The SHA-256 of its content.
    pub(crate) digest: String,
}

/// A finished backfill, as the person or the program that ran it reports it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backfill {
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) rows: u64,
    pub(crate) mismatches: u64,
}

/// The entries of one migration in one file, in the order of their times.
#[derive(Debug)]
pub(crate) struct History<'j> {
    entries: Vec<&'j Entry>,
    /// The progress when the log began. `None`: there is no log.
    start: Option<Progress>,
}

impl<'j> History<'j> {
    pub(crate) fn of(journal: &'j Journal, flag: &str, file: &str) -> Self {
        let mut entries = journal.chronological();
        entries.retain(|entry| entry.flag == flag && entry.file == file && entry.is_of_migration());
        let baselines = || journal.entries.iter().filter_map(|entry| entry.baseline.as_ref());
        let stated = baselines().find_map(|baseline| baseline.get(file)?.get(flag)?.parse().ok());
        let start = stated.or_else(|| baselines().next().map(|_| Progress::OFF));
        Self { entries, start }
    }

    /// Returns the last step: an `advance`, a `back` or a `contract`.
    pub(crate) fn last_step(&self) -> Option<&'j Entry> {
        self.steps().next_back()
    }

    fn steps(&self) -> impl DoubleEndedIterator<Item = &'j Entry> {
        self.entries.iter().copied().filter(|entry| entry.is_step())
    }

    /// Returns the progress that the steps have led to, or the one when the log began. `None`: there is no log.
    pub(crate) fn progress(&self) -> Option<Progress> {
        self.steps().fold(self.start, |before, entry| entry.progress_after(before))
    }

    /// Returns the observation that every instance has reached the present progress.
    pub(crate) fn observed(&self) -> Option<&'j Entry> {
        let last = self.last_step();
        let since =
            self.entries.iter().rev().take_while(|entry| Some(entry.hash.as_str()) != last.map(|last| &*last.hash));
        let mut observed = since.filter(|entry| entry.verb == OBSERVE);
        observed.find(|entry| entry.progress() == self.progress()).copied()
    }

    /// Returns when every instance was first observed to write both sides, without an interruption since then.
    pub(crate) fn both_written_since(&self) -> Option<Timestamp> {
        let since_off = self.since_off();
        let mut observed = since_off.iter().filter(|entry| entry.verb == OBSERVE);
        observed.find(|entry| entry.progress() == Some(Progress::at(Stage::DualWrite))).map(|entry| entry.when)
    }

    /// Returns the time after which a backfill may begin.
    ///
    /// A request that was planned at `off` writes only the old side, also after the backfill has read its row. When it
    /// has ended is not observable, so the gate states how long it can last.
    pub(crate) fn drained_at(&self, drain: SignedDuration) -> Option<Timestamp> {
        self.both_written_since().map(|written| written.saturating_add(drain).unwrap_or(Timestamp::MAX))
    }

    /// Returns the last entry that the SQL that adds the new side was applied.
    pub(crate) fn expanded(&self) -> Option<&'j Entry> {
        self.entries.iter().rev().copied().find(|entry| entry.verb == EXPAND)
    }

    /// Returns the last backfill if it counts: it began after the drain, and left no mismatch.
    pub(crate) fn backfill(&self, drain: SignedDuration) -> Option<&'j Backfill> {
        let drained = self.drained_at(drain)?;
        // A later one with mismatches shows that the sides differ again.
        self.last_backfill().filter(|backfill| backfill.started > drained && backfill.mismatches == 0)
    }

    /// Returns the last backfill since the migration left `off`, whether it counts or not.
    pub(crate) fn last_backfill(&self) -> Option<&'j Backfill> {
        self.since_off().iter().rev().find_map(|entry| entry.backfill.as_ref())
    }

    /// Returns the entries since the migration was last at `off`, where the new side was not written.
    fn since_off(&self) -> &[&'j Entry] {
        // Also a part of the partitions at `off`: there, the old side is written without the new one.
        let is_off =
            |entry: &&Entry| entry.is_step() && entry.progress().is_some_and(|to| to.stages()[0] == Stage::Off);
        let begin = self.entries.iter().rposition(is_off).map_or(0, |at| at + 1);
        self.entries.get(begin..).unwrap_or_default()
    }

    /// Returns the releases that ran at the last step to `complete`. They contain code for the old side.
    pub(crate) fn releases_at_complete(&self) -> BTreeSet<&'j str> {
        let is_complete = |entry: &&Entry| entry.progress().is_some_and(|progress| progress.stage == Stage::Complete);
        let steps = self.steps().rev().take_while(is_complete);
        let instances = steps.filter_map(|entry| entry.observed.as_ref()).flat_map(|observed| &observed.instances);
        instances.filter_map(|instance| instance.release.as_deref()).collect()
    }

    /// Returns whether the file is where a step back without an entry leaves it.
    ///
    /// A step back is free, so it happens even if the log cannot be written, and also by hand.
    pub(crate) fn is_back_unlogged(&self, now: Progress) -> bool {
        self.progress().is_some_and(|logged| logged.stage.is_reversible() && logged.leads_back_to(now))
    }

    /// Returns the errors of the steps, and of the progress that the file has now. `line` renders an entry.
    pub(crate) fn errors(&self, flag: &str, file: &str, now: Progress, line: impl Fn(&Entry) -> String) -> Vec<String> {
        let mut errors = Vec::new();
        let mut before = self.start;
        for entry in self.steps() {
            let [from, to] = [&entry.from, &entry.to].map(|text| text.parse::<Progress>().ok());
            if let Some(reason) = step_error(entry, before, from, to) {
                errors.push(format!("{flag}: {reason} in {file}: {}", line(entry)));
            }
            before = entry.progress_after(before);
        }
        match before {
            Some(logged) if logged != now => {
                let last = match self.last_step() {
                    Some(last) if last.progress() == before => "its last entry says",
                    Some(_) => "its steps led only to",
                    None => "the log began with",
                };
                let why = "it was changed by hand, or the log was cut";
                errors.push(format!("{flag} is at {now} in {file}, but {last} {logged}: {why}"));
            }
            _ => {}
        }
        errors
    }
}

/// Returns what is wrong with a step. `before` is the progress that the steps before it have led to.
fn step_error(entry: &Entry, before: Option<Progress>, from: Option<Progress>, to: Option<Progress>) -> Option<String> {
    let Some(to) = to else { return Some(format!("got {:?}, expected a stage", entry.to)) };
    let is_back = entry.verb == BACK;
    // A step back starts wherever the file is, so after an edit by hand it can still end further on than the steps did.
    let ends_further_on = is_back && before.is_some_and(|before| to > before);
    if let Some(before) = before.filter(|before| !ends_further_on && !before.stage.is_adjacent_to(to.stage)) {
        return Some(format!("a step from {before} to {to} skips a stage"));
    }
    let (Some(from), false) = (from, is_back) else { return None };
    if before.is_some_and(|before| before != from) {
        return Some(format!("a step starts at {from}, but no step led there"));
    }
    (!from.leads_to(to)).then(|| format!("the step from {from} to {to} is not allowed"))
}
