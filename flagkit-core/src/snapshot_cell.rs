//! The one place that holds the snapshot in force.
//!
//! This is the only file that names arc-swap: the rest of the crate would not notice another cell.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::snapshot::Snapshot;

/// Holds the snapshot in force. Readers never wait, not for each other and not for a writer.
#[derive(Debug, Default)]
pub(crate) struct SnapshotCell(ArcSwap<Snapshot>);

impl SnapshotCell {
    /// Borrows the snapshot in force, for one evaluation. Never handed out to users: a thread has few such slots.
    #[inline]
    pub(crate) fn load(&self) -> impl Deref<Target = Arc<Snapshot>> {
        self.0.load()
    }

    /// Takes a share of the snapshot in force, to keep.
    pub(crate) fn load_full(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts the next snapshot in force and returns the one before.
    pub(crate) fn swap(&self, next: Arc<Snapshot>) -> Arc<Snapshot> {
        self.0.swap(next)
    }
}
