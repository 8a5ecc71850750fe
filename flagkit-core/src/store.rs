//! The state behind a handle: layers in, snapshots out.
//!
//! Everything that changes goes through here, under one lock that no reader takes:
//!
//! ```text
//! Publisher ──load──▶ Layer ──merge──▶ Snapshot ──▶ SnapshotCell ──▶ readers
//!                                          ├──────▶ follower (call sites)
//!                                          └──────▶ Subscribers, after the lock is released
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::definition::FlagSet;
use crate::event::{Change, Event, Fault};
use crate::layer::Layer;
use crate::load::{Load, LoadError};
use crate::merge::merge;
use crate::provenance::Provenance;
use crate::signal::Signal;
use crate::snapshot::Snapshot;
use crate::snapshot_cell::SnapshotCell;
use crate::status::Status;
use crate::subscribers::Subscribers;

/// Told of each snapshot in order, under the publishing lock.
pub(crate) type Follower = fn(&Snapshot);

#[derive(Debug, Default)]
pub(crate) struct Store {
    cell: SnapshotCell,
    publishing: Mutex<Publishing>,
    subscribers: Arc<Subscribers>,
}

#[derive(Debug, Default)]
struct Publishing {
    layers: Vec<Layer>,
    follower: Option<Follower>,
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
        follower(&self.cell.load());
    }

    pub(crate) fn accept(&self, index: LayerIndex, load: Load, now: Option<SystemTime>) {
        let old = {
            let mut publishing = self.lock();
            let Some(layer) = publishing.layers.get_mut(index.0) else { return };
            if layer.signal.is_stopped() {
                return;
            }
            layer.accept(load, now);
            let old = self.republish(&mut publishing, index);
            // Of any layer: this load may have brought about a collision of another one's names.
            for layer in &mut publishing.layers {
                if let Some(problems) = layer.untold_problems() {
                    let layer = layer.provenance.clone();
                    self.subscribers.enqueue(Event::Faulty(Fault { layer, error: None, problems }));
                }
            }
            old
        };
        // The last share of a large snapshot is dropped here, on the publishing thread, where it delays nobody.
        drop(old);
        self.subscribers.deliver();
    }

    pub(crate) fn confirm(&self, index: LayerIndex, now: Option<SystemTime>) {
        if let Some(layer) = self.lock().layers.get_mut(index.0).filter(|layer| !layer.signal.is_stopped()) {
            layer.confirm(now);
        }
    }

    pub(crate) fn refuse(&self, index: LayerIndex, error: LoadError) {
        {
            let mut publishing = self.lock();
            let Some(layer) = publishing.layers.get_mut(index.0) else { return };
            if layer.signal.is_stopped() {
                return;
            }
            let error = Arc::new(error);
            if layer.refuse(Arc::clone(&error)) {
                let layer = layer.provenance.clone();
                self.subscribers.enqueue(Event::Faulty(Fault { layer, error: Some(error), problems: [].into() }));
            }
        }
        self.subscribers.deliver();
    }

    pub(crate) fn flag_set(&self, index: LayerIndex) -> Option<Arc<FlagSet>> {
        self.lock().layers.get(index.0).and_then(|layer| layer.flags().cloned())
    }

    pub(crate) fn status(&self) -> Status {
        let publishing = self.lock();
        Status {
            revision: self.cell.load().revision(),
            subscriber_panics: self.subscribers.panics(),
            sources: publishing.layers.iter().map(Layer::status).collect(),
        }
    }

    /// Merges the layers and, if that differs from the snapshot in force, puts it in force.
    fn republish(&self, publishing: &mut Publishing, cause: LayerIndex) -> Option<Arc<Snapshot>> {
        let current = self.cell.load_full();
        let layers: Vec<_> =
            publishing.layers.iter().map(|layer| (&layer.provenance, layer.flags().map(Arc::as_ref))).collect();
        let (next, collisions) = merge(current.revision() + 1, &layers);
        for (layer, collisions) in publishing.layers.iter_mut().zip(collisions) {
            layer.collisions = collisions;
        }
        let keys: Arc<[_]> = current.changed_keys(&next).into();
        if keys.is_empty() && current.has_same_folded(&next) {
            return None;
        }
        let next = Arc::new(next);
        self.cell.swap(Arc::clone(&next));
        if let Some(follower) = publishing.follower {
            follower(&next);
        }
        if let Some(layer) = publishing.layers.get(cause.0) {
            let (revision, layer) = (next.revision(), layer.provenance.clone());
            self.subscribers.enqueue(Event::Changed(Change { revision, layer, keys }));
        }
        Some(current)
    }

    /// Nothing that runs under the lock is a user's, so a poisoned one still holds good data.
    fn lock(&self) -> MutexGuard<'_, Publishing> {
        self.publishing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
