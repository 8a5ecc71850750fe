//! The state behind a handle: layers in, snapshots out.
//!
//! Everything that changes goes through here, under one lock that no reader takes:
//!
//! ```text
//! Publisher ──load──▶ Layer ──merge──▶ Snapshot ──▶ SnapshotCell ──▶ readers
//!                                          ├──────▶ follower (call sites)
//!                                          └──────▶ Subscribers, after the lock is released
//! ```

use std::mem;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::SystemTime;

use crate::model::FlagSet;
use crate::model::key::FlagKey;
use crate::model::provenance::Provenance;
use crate::publish::event::{Change, Event, LoadFailure, StateChange, WarningsChange};
use crate::publish::layer::{Layer, Noted};
use crate::publish::load::{Load, LoadError};
use crate::publish::merge::{Laying, merge};
use crate::publish::signal::Signal;
use crate::publish::snapshot::Snapshot;
use crate::publish::snapshot_cell::SnapshotCell;
use crate::publish::start_policy::StartPolicy;
use crate::publish::status::{SourceState, Status};
use crate::publish::subscribers::Subscribers;

/// Told of each snapshot in order, under the publishing lock, and of the keys, in order, whose entry is another in it
/// than in the one before, if all others are where they were.
pub(crate) type Follower = fn(&Snapshot, Option<&[FlagKey]>);

#[derive(Debug)]
pub(crate) struct Store {
    cell: SnapshotCell,
    publishing: Mutex<Publishing>,
    subscribers: Arc<Subscribers>,
    /// The process that has the threads that publish.
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

#[derive(Debug, Default)]
struct Publishing {
    layers: Vec<Layer>,
    follower: Option<Follower>,
    /// Snapshots that were in force and that readers still have a share of. Kept so that it is a publisher who drops
    /// them, and no reader has to wait for that.
    retired: Vec<Arc<Snapshot>>,
}

impl Publishing {
    /// The layer, unless its source has been stopped.
    fn live_layer(&mut self, index: LayerIndex) -> Option<&mut Layer> {
        self.layers.get_mut(index.0).filter(|layer| !layer.signal.is_stopped())
    }

    /// Takes out what no reader has a share of any more: to be dropped without the lock.
    fn release(&mut self) -> Vec<Arc<Snapshot>> {
        let retired = mem::take(&mut self.retired).into_iter();
        let (gone, held) = retired.partition(|snapshot| Arc::strong_count(snapshot) == 1);
        self.retired = held;
        gone
    }
}

/// Which layer of a store: its place in the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerIndex(usize);

impl Store {
    #[inline]
    pub(crate) fn cell(&self) -> &SnapshotCell {
        &self.cell
    }

    pub(crate) fn subscribers(&self) -> &Arc<Subscribers> {
        &self.subscribers
    }

    /// Lays a new, silent layer on top.
    pub(crate) fn add_layer(&self, provenance: Provenance, signal: Signal) -> LayerIndex {
        let mut publishing = self.lock();
        publishing.layers.push(Layer::new(provenance, signal));
        LayerIndex(publishing.layers.len() - 1)
    }

    /// Has every snapshot told to `follower`, the present one first.
    pub(crate) fn follow(&self, follower: Follower) {
        let mut publishing = self.lock();
        publishing.follower = Some(follower);
        follower(&self.cell.latest(), None);
    }

    /// Has another signal stop the layer.
    pub(crate) fn hand_over(&self, index: LayerIndex, signal: Signal) {
        if let Some(layer) = self.lock().layers.get_mut(index.0) {
            layer.signal = signal;
        }
    }

    /// Whether a process that was forked off has these flags, and not recovered them.
    pub(crate) fn is_forked(&self) -> bool {
        self.process.load(Ordering::Relaxed) != process::id()
    }

    /// In a forked child: whether nothing was locked at the fork, so that publishing may go on.
    pub(crate) fn recover(&self) -> bool {
        let is_free = !matches!(self.publishing.try_lock(), Err(TryLockError::WouldBlock));
        let is_recovered = is_free && self.subscribers.recover();
        if is_recovered {
            self.process.store(process::id(), Ordering::Relaxed);
        }
        is_recovered
    }

    pub(crate) fn before_first_load(&self, index: LayerIndex, policy: StartPolicy) {
        let old = {
            let mut publishing = self.lock();
            let Some(layer) = publishing.layers.get_mut(index.0) else { return };
            layer.policy = policy;
            self.republish(&mut publishing, index)
        };
        drop(old);
        self.subscribers.deliver();
    }

    pub(crate) fn accept(&self, index: LayerIndex, load: Load, now: Option<SystemTime>) {
        let old = {
            let mut publishing = self.lock();
            let Some(layer) = publishing.live_layer(index) else { return };
            let before = layer.health();
            let Noted { news, forgotten } = layer.accept(load, now);
            let turn = layer.turned(before, now);
            let snapshot = self.republish(&mut publishing, index);
            // Of any layer: this load may have brought about a collision of another one's names.
            for layer in &mut publishing.layers {
                if let Some(problems) = layer.untold_problems() {
                    let layer = layer.provenance.clone();
                    self.subscribers.enqueue(Event::LoadFailed(LoadFailure { layer, error: None, problems }));
                }
            }
            self.tell(&publishing, index, news, turn);
            (forgotten, snapshot)
        };
        // Dropped without the lock: the error may carry anything, the snapshots may be large.
        drop(old);
        self.subscribers.deliver();
    }

    pub(crate) fn confirm(&self, index: LayerIndex, now: Option<SystemTime>) {
        let error = {
            let mut publishing = self.lock();
            let Some(layer) = publishing.live_layer(index) else { return };
            let before = layer.health();
            let error = layer.confirm(now);
            let turn = layer.turned(before, now);
            self.tell(&publishing, index, None, turn);
            (error, publishing.release())
        };
        drop(error);
        self.subscribers.deliver();
    }

    pub(crate) fn warn(&self, index: LayerIndex, warnings: Arc<[Box<str>]>) {
        if let Some(layer) = self.lock().live_layer(index) {
            let (news, layer) = (layer.warn(warnings), layer.provenance.clone());
            if let Some(warnings) = news {
                self.subscribers.enqueue(Event::WarningsChanged(WarningsChange { layer, warnings }));
            }
        }
        self.subscribers.deliver();
    }

    pub(crate) fn waits(&self, index: LayerIndex, until: Option<SystemTime>) {
        if let Some(layer) = self.lock().live_layer(index) {
            layer.waits(until);
        }
    }

    pub(crate) fn refuse(&self, index: LayerIndex, error: LoadError, now: Option<SystemTime>) {
        let old = {
            let mut publishing = self.lock();
            let Some(layer) = publishing.live_layer(index) else { return };
            let before = layer.health();
            let Noted { news, forgotten } = layer.refuse(error, now);
            let turn = layer.turned(before, now);
            self.tell(&publishing, index, news, turn);
            // What a layer without a good load means may depend on its error.
            (forgotten, self.republish(&mut publishing, index))
        };
        drop(old);
        self.subscribers.deliver();
    }

    pub(crate) fn flag_set(&self, index: LayerIndex) -> Option<Arc<FlagSet>> {
        self.lock().layers.get(index.0).and_then(|layer| layer.flags().cloned())
    }

    pub(crate) fn status(&self) -> Status {
        self.status_of(&self.lock())
    }

    /// The status, unless somebody is changing it right now.
    pub(crate) fn try_status(&self) -> Option<Status> {
        match self.publishing.try_lock() {
            Ok(publishing) => Some(self.status_of(&publishing)),
            Err(TryLockError::Poisoned(publishing)) => Some(self.status_of(&publishing.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn status_of(&self, publishing: &Publishing) -> Status {
        Status {
            revision: self.cell.read(|snapshot| snapshot.revision()),
            subscriber_panics: self.subscribers.panics(),
            sources: publishing.layers.iter().map(Layer::status).collect(),
        }
    }

    fn tell(
        &self,
        publishing: &Publishing,
        index: LayerIndex,
        error: Option<Arc<LoadError>>,
        turn: Option<(SourceState, SourceState)>,
    ) {
        let Some(layer) = publishing.layers.get(index.0).map(|layer| &layer.provenance) else { return };
        if error.is_some() {
            self.subscribers.enqueue(Event::LoadFailed(LoadFailure {
                layer: layer.clone(),
                error,
                problems: [].into(),
            }));
        }
        if let Some((from, to)) = turn {
            self.subscribers.enqueue(Event::StateChanged(StateChange { layer: layer.clone(), from, to }));
        }
    }

    /// Merges the layers and, if that differs from the snapshot in force, puts it in force. Returns what to drop.
    fn republish(&self, publishing: &mut Publishing, cause: LayerIndex) -> Vec<Arc<Snapshot>> {
        let current = self.cell.latest();
        let layers: Vec<_> = publishing
            .layers
            .iter()
            .map(|layer| Laying {
                provenance: &layer.provenance,
                flags: layer.flags().map(Arc::as_ref),
                veils: layer.veils(),
            })
            .collect();
        let (next, collisions) = merge(&current, &layers);
        for (layer, collisions) in publishing.layers.iter_mut().zip(collisions) {
            layer.collisions = collisions;
        }
        let changes = current.changes(&next);
        if changes.are_none() {
            return publishing.release();
        }
        let keys: Arc<[_]> = changes.keys.into();
        let next = Arc::new(next);
        self.cell.put(Arc::clone(&next));
        publishing.retired.push(current);
        if let Some(follower) = publishing.follower {
            follower(&next, changes.are_in_place.then_some(&*keys));
        }
        if let Some(layer) = publishing.layers.get(cause.0) {
            let (revision, layer) = (next.revision(), layer.provenance.clone());
            self.subscribers.enqueue(Event::Changed(Change { revision, layer, keys }));
        }
        publishing.release()
    }

    /// Nothing that runs under the lock is a user's, drops included, so a poisoned one still holds good data.
    fn lock(&self) -> MutexGuard<'_, Publishing> {
        self.publishing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Flag;
    use crate::read::flags::Flags;

    #[test]
    fn a_poisoned_lock_is_taken_all_the_same() {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("test:"));
        std::thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let _held = flags.store().publishing.lock();
                panic!("amid a change");
            });
            assert!(holder.join().is_err());
        });
        assert!(flags.store().publishing.is_poisoned());
        assert!(!flags.is_on("a", &()));
        publisher.publish(FlagSet::from_iter([(FlagKey::new("a").expect("a key"), Flag::on())]));
        assert!(flags.is_on("a", &()));
        assert_eq!(flags.status().sources[0].loads, 1);
        assert_eq!(flags.try_status().map(|status| status.revision), Some(1));
    }
}
