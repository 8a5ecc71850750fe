//! The store: the state of a set of flags, and the one lock of the writing side.
//!
//! Every change passes through here, under a lock that no reader takes:
//!
//! ```text
//! Publisher ──load──▶ Layer ──merge──▶ Snapshot ──▶ SnapshotCell ──▶ readers
//!                                          ├──────▶ SnapshotHook (call sites)
//!                                          └──────▶ Subscribers, after the lock is released
//! ```
//!
//! # The problem
//!
//! Sources publish from their own threads, at any time, while readers read and subscribers react. A subscriber may
//! publish, subscribe or stop the sources again. Readers must not wait for any of this.
//!
//! # How it works
//!
//! One lock serializes publishers. Under it, a method updates its layer, merges all layers, and swaps the snapshot if
//! it differs. The order of the steps is fixed: the snapshot first, then the call sites, then the events. So a
//! subscriber that reads a flag gets at least the revision of its event.
//!
//! Every method that records the result of a source has the same shape:
//!
//! 1. Lock, and return if the source is stopped.
//! 2. Update the layer. The layer returns what has become worth an event.
//! 3. Merge and swap if a flag can have changed, and queue the events.
//! 4. Unlock. Then drop what was replaced, and then deliver.
//!
//! No user code runs under the lock, except for a verifier of approvals, which must not call back. Subscribers run after it is released, and so do the drops of errors and of old
//! snapshots, because both may own values with a user's `Drop`.

use std::fmt;
use std::mem;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::SystemTime;

use crate::model::FlagSet;
use crate::model::key::FlagKey;
use crate::model::provenance::Provenance;
use crate::publish::approvals::ApprovalVerifier;
use crate::publish::changes::Changes;
use crate::publish::event::{Change, Event, LoadFailure, StateChange, WarningsChange};
use crate::publish::layer::{Layer, Recorded};
use crate::publish::load::{Load, LoadError};
use crate::publish::merge::{LayerInput, merge};
use crate::publish::signal::Signal;
use crate::publish::snapshot::Snapshot;
use crate::publish::snapshot_cell::SnapshotCell;
use crate::publish::start_policy::StartPolicy;
use crate::publish::status::{SourceState, Status};
use crate::publish::subscribers::Subscribers;

/// A function that receives every snapshot, in order and under the lock of the store.
///
/// Its second argument lists the changed keys, sorted. It is `None` if more than those entries changed: then some
/// unchanged key may have another index. The registry of call sites is the only hook.
pub(crate) type SnapshotHook = fn(&Snapshot, Option<&[FlagKey]>);

/// The state of a set of flags: the layers, the current snapshot, and the subscribers.
///
/// Each [`Flags`](crate::Flags) and its clones share one store, and so does each
/// [`Publisher`](crate::source::Publisher) of its layers. Readers use only [`cell`](Self::cell), which takes no lock.
/// Publishers call one method per event of their source. Each method locks, updates a layer, merges if needed,
/// unlocks, and then delivers the events.
#[derive(Debug)]
pub(crate) struct Store {
    /// The current snapshot. The only part that readers use.
    cell: SnapshotCell,
    publishing: Mutex<Publishing>,
    /// Subscriptions refer to it, so that they do not keep the store alive.
    subscribers: Arc<Subscribers>,
    /// The process that has the publishing threads. Differs from the current process in a forked child.
    process: AtomicU32,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            cell: SnapshotCell::default(),
            publishing: Mutex::default(),
            subscribers: Arc::default(),
            process: AtomicU32::new(process::id()),
        }
    }
}

/// The part of the store that only publishers use, under the lock.
#[derive(Default)]
struct Publishing {
    /// Lowest first. Layers are only added, so a [`LayerIndex`] stays valid.
    layers: Vec<Layer>,
    /// `None` until the flags are installed. Flags that are read through a handle only have no hook.
    hook: Option<SnapshotHook>,
    /// Accepts or refuses each flag that includes subjects. `None` if no approvals are required.
    verifier: Option<Arc<dyn ApprovalVerifier>>,
    /// Earlier snapshots that readers still hold. The store keeps them, so that a publisher drops them: dropping a
    /// large snapshot takes time, which no reader should spend.
    retired: Vec<Arc<Snapshot>>,
}

impl fmt::Debug for Publishing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publishing").field("layers", &self.layers).finish_non_exhaustive()
    }
}

impl Publishing {
    /// Returns the layer, unless its source has been stopped.
    ///
    /// Checked under the lock, so a publisher that waited for the lock while its source was stopped changes nothing.
    fn live_layer(&mut self, index: LayerIndex) -> Option<&mut Layer> {
        self.layers.get_mut(index.0).filter(|layer| !layer.signal.is_stopped())
    }

    /// Takes the retired snapshots that no reader holds any more. The caller drops them without the lock.
    fn release(&mut self) -> Vec<Arc<Snapshot>> {
        let retired = mem::take(&mut self.retired).into_iter();
        let (unused, held) = retired.partition(|snapshot| Arc::strong_count(snapshot) == 1);
        self.retired = held;
        unused
    }
}

/// The index of a layer in its store; 0 is the lowest layer. Layers are never removed, so an index stays valid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerIndex(usize);

/// Why the layers are merged.
#[derive(Clone, Copy, Debug)]
struct Cause {
    layer: LayerIndex,
    /// Whether the layer loaded, and had flags before. So no flag appears or disappears only because of the start.
    is_reload: bool,
}

impl Store {
    /// Returns the cell, which is all that a reader needs.
    #[inline]
    pub(crate) fn cell(&self) -> &SnapshotCell {
        &self.cell
    }

    /// Returns the subscribers, so that a handle can subscribe without the lock of the store.
    ///
    /// A subscriber that subscribes another one thus waits for no publisher.
    pub(crate) fn subscribers(&self) -> &Arc<Subscribers> {
        &self.subscribers
    }

    /// Adds a layer on top, which declares nothing yet.
    ///
    /// Nothing is merged: a new layer is transparent until a policy is set, so no flag can differ.
    pub(crate) fn add_layer(&self, provenance: Provenance, signal: Signal) -> LayerIndex {
        let mut publishing = self.lock();
        publishing.layers.push(Layer::new(provenance, signal));
        LayerIndex(publishing.layers.len() - 1)
    }

    /// Sets the hook, and calls it with the current snapshot.
    ///
    /// Both happen under the lock, so the hook misses no snapshot and receives none twice.
    pub(crate) fn set_hook(&self, hook: SnapshotHook) {
        let mut publishing = self.lock();
        publishing.hook = Some(hook);
        hook(&self.cell.latest(), None);
    }

    /// Replaces the signal that stops the layer.
    ///
    /// A layer with a stopped signal accepts loads again with a new one. Its flags and its status remain.
    pub(crate) fn replace_signal(&self, index: LayerIndex, signal: Signal) {
        if let Some(layer) = self.lock().layers.get_mut(index.0) {
            layer.signal = signal;
        }
    }

    /// Returns whether this process is a forked child that has not [recovered](Self::recover) the store.
    pub(crate) fn is_forked(&self) -> bool {
        self.process.load(Ordering::Relaxed) != process::id()
    }

    /// Prepares the store of a forked child for publishing. Returns `false` if a lock was held at the fork: then the
    /// lock stays held, and publishing would block for ever.
    pub(crate) fn recover(&self) -> bool {
        let is_unlocked = !matches!(self.publishing.try_lock(), Err(TryLockError::WouldBlock));
        let is_recovered = is_unlocked && self.subscribers.recover();
        if is_recovered {
            self.process.store(process::id(), Ordering::Relaxed);
        }
        is_recovered
    }

    /// Sets the start policy of a layer, which may make the layers below dark or visible.
    ///
    /// Merges at once, so that no read between this call and the first load finds a flag on that the layer may turn
    /// off.
    pub(crate) fn before_first_load(&self, index: LayerIndex, policy: StartPolicy) {
        let released = {
            let mut publishing = self.lock();
            let Some(layer) = publishing.layers.get_mut(index.0) else { return };
            layer.set_policy(policy);
            self.republish(&mut publishing, Cause { layer: index, is_reload: false })
        };
        drop(released);
        self.finish_publish();
    }

    /// Requires approvals from the next publish on.
    pub(crate) fn require_approvals(&self, verifier: Arc<dyn ApprovalVerifier>) {
        let replaced = self.lock().verifier.replace(verifier);
        drop(replaced);
    }

    /// Accepts a load: its flags replace those of the layer, and the merged snapshot is published.
    ///
    /// `now` is the time of the publisher's clock, or `None` if it has none.
    ///
    /// The events are the change, new problems of any layer, an error of the load, and a state change, in this order.
    pub(crate) fn accept(&self, index: LayerIndex, load: Load, now: Option<SystemTime>) {
        let released = {
            let mut publishing = self.lock();
            let Some(layer) = publishing.live_layer(index) else { return };
            let (before, cause) = (layer.state(), Cause { layer: index, is_reload: layer.flags().is_some() });
            let Recorded { unreported, replaced } = layer.accept(load, now);
            let state_change = layer.record_state_change(before, now);
            let snapshots = self.republish(&mut publishing, cause);
            // All layers, because this load may have caused a problem with a flag of another layer.
            for layer in &mut publishing.layers {
                if let Some(problems) = layer.unreported_problems() {
                    let layer = layer.provenance.clone();
                    self.subscribers.enqueue(Event::LoadFailed(LoadFailure { layer, error: None, problems }));
                }
            }
            self.notify(&publishing, index, unreported, state_change);
            (replaced, snapshots)
        };
        // Dropped without the lock: the error may own any value, and the snapshots may be large.
        drop(released);
        self.finish_publish();
    }

    /// Records that a source found its flags unchanged. Nothing is merged, because no flag can differ.
    pub(crate) fn unchanged(&self, index: LayerIndex, now: Option<SystemTime>) {
        let released = {
            let mut publishing = self.lock();
            let Some(layer) = publishing.live_layer(index) else { return };
            let before = layer.state();
            let error = layer.unchanged(now);
            let state_change = layer.record_state_change(before, now);
            self.notify(&publishing, index, None, state_change);
            (error, publishing.release())
        };
        drop(released);
        self.subscribers.deliver();
    }

    /// Records that a source could not load. The flags of its layer stay in effect.
    ///
    /// This still merges. Before the first good load, the kind of the error selects whether the layer hides those
    /// below it.
    pub(crate) fn fail(&self, index: LayerIndex, error: LoadError, now: Option<SystemTime>) {
        let released = {
            let mut publishing = self.lock();
            let Some(layer) = publishing.live_layer(index) else { return };
            let before = layer.state();
            let Recorded { unreported, replaced } = layer.fail(error, now);
            let state_change = layer.record_state_change(before, now);
            self.notify(&publishing, index, unreported, state_change);
            // Whether a layer without a good load hides the layers below may depend on its error.
            (replaced, self.republish(&mut publishing, Cause { layer: index, is_reload: false }))
        };
        drop(released);
        self.finish_publish();
    }

    /// Replaces the warnings of a source, and reports them if one is new.
    ///
    /// Warnings affect no flag, so nothing is merged. A warning that ends causes no event; the status shows the rest.
    pub(crate) fn set_warnings(&self, index: LayerIndex, warnings: Arc<[Box<str>]>) {
        if let Some(layer) = self.lock().live_layer(index) {
            let (with_new, layer) = (layer.set_warnings(warnings), layer.provenance.clone());
            if let Some(warnings) = with_new {
                self.subscribers.enqueue(Event::WarningsChanged(WarningsChange { layer, warnings }));
            }
        }
        self.subscribers.deliver();
    }

    /// Records when a source checks next. Only the status shows it, so there is no event.
    pub(crate) fn set_next_try(&self, index: LayerIndex, time: Option<SystemTime>) {
        if let Some(layer) = self.lock().live_layer(index) {
            layer.set_next_try(time);
        }
    }

    /// Returns the last good flags of a layer.
    pub(crate) fn flag_set(&self, index: LayerIndex) -> Option<Arc<FlagSet>> {
        self.lock().layers.get(index.0).and_then(|layer| layer.flags().cloned())
    }

    /// Returns the status. Waits while a publisher changes the flags.
    pub(crate) fn status(&self) -> Status {
        self.status_of(&self.lock())
    }

    /// Returns the status, or `None` if the lock is held. For callers that must not wait, such as a forked child.
    pub(crate) fn try_status(&self) -> Option<Status> {
        match self.publishing.try_lock() {
            Ok(publishing) => Some(self.status_of(&publishing)),
            Err(TryLockError::Poisoned(publishing)) => Some(self.status_of(&publishing.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Builds the status under the lock, so that its revision and its sources belong together.
    fn status_of(&self, publishing: &Publishing) -> Status {
        Status {
            revision: self.cell.read(|snapshot| snapshot.revision()),
            subscriber_panics: self.subscribers.panics(),
            sources: publishing.layers.iter().map(Layer::status).collect(),
        }
    }

    /// Queues the events about an error and a state change of one layer.
    ///
    /// The error comes first, because it is the reason for the change. Called under the lock, so that events have the
    /// order of the changes; a method delivers them after it has unlocked.
    fn notify(
        &self,
        publishing: &Publishing,
        index: LayerIndex,
        error: Option<Arc<LoadError>>,
        state_change: Option<(SourceState, SourceState)>,
    ) {
        let Some(layer) = publishing.layers.get(index.0).map(|layer| &layer.provenance) else { return };
        if error.is_some() {
            self.subscribers.enqueue(Event::LoadFailed(LoadFailure {
                layer: layer.clone(),
                error,
                problems: [].into(),
            }));
        }
        if let Some((from, to)) = state_change {
            self.subscribers.enqueue(Event::StateChanged(StateChange { layer: layer.clone(), from, to }));
        }
    }

    /// Lets the verifier record what it verified, and delivers the events. Both run without the lock.
    fn finish_publish(&self) {
        let verifier = self.lock().verifier.clone();
        if let Some(verifier) = verifier {
            verifier.published();
        }
        self.subscribers.deliver();
    }

    /// Merges the layers and publishes the result, unless it equals the current snapshot.
    ///
    /// The event names the layer of the cause. Returns retired snapshots, which the caller drops without the lock.
    ///
    /// Problems are replaced even if no flag differs: a load can fix one problem and cause another. Readers have the
    /// new snapshot before the hook updates the call sites, and the event is queued last.
    fn republish(&self, publishing: &mut Publishing, cause: Cause) -> Vec<Arc<Snapshot>> {
        let current = self.cell.latest();
        let layers: Vec<_> = publishing
            .layers
            .iter()
            .map(|layer| LayerInput {
                provenance: &layer.provenance,
                flags: layer.flags().map(Arc::as_ref),
                hides_lower_layers: layer.hides_lower_layers(),
                is_pending: layer.is_pending(),
            })
            .collect();
        let have_loaded = publishing.layers.iter().all(|layer| layer.flags().is_some());
        let is_pending = publishing.layers.iter().any(Layer::is_pending);
        let is_settled = have_loaded || cause.is_reload && !is_pending;
        let (next, problems) = merge(&current, &layers, publishing.verifier.as_deref(), is_settled);
        for (layer, problems) in publishing.layers.iter_mut().zip(problems) {
            layer.merge_problems = problems;
        }
        let changes = Changes::between(&current, &next);
        if changes.is_empty() {
            return publishing.release();
        }
        let keys: Arc<[_]> = changes.keys.into();
        let next = Arc::new(next);
        self.cell.store(Arc::clone(&next));
        publishing.retired.push(current);
        if let Some(hook) = publishing.hook {
            hook(&next, changes.is_complete.then_some(&*keys));
        }
        if let Some(layer) = publishing.layers.get(cause.layer.0) {
            let (revision, layer) = (next.revision(), layer.provenance.clone());
            self.subscribers.enqueue(Event::Changed(Change { revision, layer, keys }));
        }
        publishing.release()
    }

    /// Of user code, only a verifier of approvals runs under this lock, before the snapshot is replaced. So the data is
    /// consistent even if the lock is poisoned.
    fn lock(&self) -> MutexGuard<'_, Publishing> {
        self.publishing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Flag;
    use crate::publish::publisher::Publisher;

    #[test]
    fn a_poisoned_lock_is_taken_all_the_same() {
        let store = Arc::new(Store::default());
        let signal = Signal::new();
        let layer = store.add_layer(Provenance::new("test:"), signal.clone());
        let publisher = Publisher::new(Arc::clone(&store), layer, signal);
        let is_on = || store.cell().read(|snapshot| snapshot.is_on("a", &()));
        std::thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let _held = store.publishing.lock();
                panic!("amid a change");
            });
            assert!(holder.join().is_err());
        });
        assert!(store.publishing.is_poisoned());
        assert!(!is_on());
        publisher.publish(FlagSet::from_iter([(FlagKey::new("a").expect("a key"), Flag::on())]));
        assert!(is_on());
        assert_eq!(store.status().sources[0].loads, 1);
        assert_eq!(store.try_status().map(|status| status.revision), Some(1));
    }
}
