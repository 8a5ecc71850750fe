//! The running instances of a migration, and the entry that all of them have its stage.

use std::thread;
use std::time::{Duration, Instant};

use super::elsewhere;
use super::migration::{Migration, states_stage};
use crate::evidence::are_at;
use crate::gate::Gate;
use crate::history::{History, Observation, SeenInstance};
use crate::instances::{self, Instance, TIMEOUT};
use crate::interrupts::Interrupts;
use crate::journal::{Entry, Journal, OBSERVE};
use crate::progress::Progress;
use crate::project::Document;
use crate::report::{Failure, Result};
use crate::write::Writer;

/// The time that a step waits for the instances, unless the gate's build check has another.
const WAIT: Duration = Duration::from_secs(60);
/// The time between two rounds of requests.
const INTERVAL: Duration = Duration::from_millis(250);

/// Requests the status of a migration from all instances of its gate.
pub(super) fn instances(gate: &Gate, name: &str) -> Vec<Instance> {
    instances::request(gate.instances.as_deref().unwrap_or_default(), name, TIMEOUT)
}

/// The instances, as the log records them.
pub(super) fn observation(gate: &Gate, instances: &[Instance]) -> Observation {
    let vouched = gate.instances.as_ref().is_some_and(Vec::is_empty);
    let seen = instances.iter().filter_map(Instance::status).map(|status| SeenInstance {
        instance: status.instance.clone(),
        release: status.release.clone(),
        compared: status.migration.counters.compared,
        mismatched: status.migration.counters.mismatched,
        comparisons_failed: Some(status.migration.counters.comparisons_failed),
    });
    Observation { vouched, instances: seen.collect() }
}

impl Migration<'_> {
    /// Records that every instance has the present stage, if that is so and the log does not say it yet.
    ///
    /// The migration is read again, so that its log has the entry. Returns whether there is a new entry.
    pub(super) fn record_observed(&mut self, instances: &[Instance]) -> Result<bool> {
        let is_settled = self.logged() == self.now;
        // The instances are those of an environment, if only that states the stage.
        let is_of_other_file = !states_stage(self.document(), self.name()) && elsewhere::is_stated(self.target);
        if !is_settled || is_of_other_file || self.history().observed().is_some() || !are_at(instances, self.now) {
            return Ok(false);
        }
        let written = record(self, self.now, observation(&self.gate, instances))?;
        self.journal = Journal::read(&self.target.file)?;
        Ok(written)
    }
}

/// Appends the entry that every instance has this progress, unless a step was written in the meantime.
pub(super) fn record(migration: &Migration<'_>, progress: Progress, observation: Observation) -> Result<bool> {
    let file = &migration.target.file;
    let path = &migration.document().path;
    let _writer = Writer::new(path)?;
    let journal = Journal::read(file)?;
    let history = History::of(&journal, migration.name(), &migration.document().name());
    let now = Migration::read(migration.target)?;
    if now.now != progress
        || history.observed().is_some()
        || history.progress().is_some_and(|logged| logged != progress)
    {
        return Ok(false);
    }
    let digest = Document::read_if_there(path)?.digest().unwrap_or_default();
    let mut entry = Entry::of_migration(OBSERVE, path, &digest, migration.name(), Some(progress), progress);
    entry.observed = Some(observation);
    let appended = Journal::append(file, [entry]);
    appended
        .map_err(|error| Failure::io(format!("cannot write the log {}: {error}", Journal::path(file).display())))?;
    Ok(true)
}

/// The end of a wait for the instances.
pub(super) enum Waited {
    /// Every instance has the stage.
    Reached(Vec<Instance>),
    /// The time is over.
    Missing(Vec<Instance>),
    Interrupted,
}

/// Waits until every instance has a progress, at most for the time of the gate.
pub(super) fn wait(interrupts: &Interrupts, gate: &Gate, name: &str, progress: Progress) -> Waited {
    let within = gate.build.as_ref().map_or(WAIT, |build| build.within.0);
    let (gate, name) = (gate.clone(), name.to_owned());
    let waited = interrupts.run_interruptible(move || {
        let deadline = Instant::now() + within;
        loop {
            let instances = instances(&gate, &name);
            if are_at(&instances, progress) {
                return Waited::Reached(instances);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Waited::Missing(instances);
            }
            thread::sleep(INTERVAL.min(left));
        }
    });
    waited.unwrap_or(Waited::Interrupted)
}
