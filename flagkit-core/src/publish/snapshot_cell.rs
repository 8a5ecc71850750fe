//! The cell that holds the current snapshot.
//!
//! # The problem
//!
//! A load from an `ArcSwap` is wait-free, but it costs more than the rest of a read.
//!
//! # The idea
//!
//! Each stored snapshot gets a version number. Each thread caches the snapshot it read last. While the version of the
//! cell equals the cached one, a read is one atomic load and a compare.
//!
//! ```text
//! publisher:  store the next snapshot, then publish its version
//! reader:     is the version the one I cached?  ── yes ──▶ read the cached snapshot
//!                                               ── no ───▶ load the snapshot, publish its version, cache it
//! ```
//!
//! # How it works
//!
//! A thread that reads a version also reads the snapshot stored before it, or a newer one. A reader may load a snapshot
//! before its publisher has published the version. It then publishes the version itself. So a third thread that
//! learns of the new snapshot from this reader never reads an older one. Versions only grow (modelled: `scripts/loom`).
//!
//! # Limits
//!
//! A thread that stops reading keeps its cached snapshot alive. So a snapshot of very many flags is not cached: the
//! memory that a thousand idle threads would hold matters more than some nanoseconds per read.
//!
//! # Why not `arc_swap::Cache`
//!
//! It takes 26 instructions more per read: 9 % of a percentage read through a handle, and 18 % of a read of an
//! undeclared flag. It has no model in loom, and a read within a read could not use it, as it needs a mutable borrow.
//!
//! This is the only file that uses `arc-swap`, so it is the only one to change for another cell.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as Counter, AtomicUsize, Ordering};

use crate::publish::snapshot::Snapshot;
use crate::publish::sync::{ArcSwap, AtomicU64};

/// The cell that holds the current snapshot. Readers never wait, neither for each other nor for a publisher.
///
/// Each store owns one. Handles and call sites [`read`](Self::read) it; the store replaces the snapshot under its lock.
#[derive(Debug)]
pub(crate) struct SnapshotCell {
    current: ArcSwap<Versioned>,
    /// The newest version that was published.
    version: AtomicU64,
    /// The index of this cell in the cache of each thread.
    slot: usize,
}

/// The number of snapshots that a thread caches. Cells with the same slot evict each other.
const SLOTS: usize = 4;
/// The largest number of flags of a snapshot that is cached.
const MAX_CACHED_FLAGS: usize = 16_384;

/// Relaxed, because only distinct numbers matter.
static NEXT_VERSION: Counter = Counter::new(0);
static NEXT_SLOT: AtomicUsize = AtomicUsize::new(0);

#[cfg(not(flagkit_loom))]
thread_local! {
    static CACHE: [RefCell<Option<Versioned>>; SLOTS] = const { [const { RefCell::new(None) }; SLOTS] };
}
#[cfg(flagkit_loom)]
loom::thread_local! {
    static CACHE: [RefCell<Option<Versioned>>; SLOTS] = [const { RefCell::new(None) }; SLOTS];
}

/// A snapshot with its version. The cell holds the current one, and threads cache clones.
#[derive(Clone, Debug)]
struct Versioned {
    /// Greater than every version before it, of this cell or another. So a version identifies the cell as well.
    version: u64,
    snapshot: Arc<Snapshot>,
}

impl Versioned {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { version: NEXT_VERSION.fetch_add(1, Ordering::Relaxed), snapshot }
    }
}

impl SnapshotCell {
    /// Calls `read` with the current snapshot.
    ///
    /// `read` evaluates or clones, and returns. It may itself read this or another cell, because the attributes of a
    /// subject are user code. Users receive no reference from here; they clone the `Arc`.
    #[inline(always)]
    #[allow(clippy::inline_always)] // not inlined, passing the closure takes half of the time of a read
    pub(crate) fn read<T>(&self, read: impl Fn(&Arc<Snapshot>) -> T) -> T {
        let version = self.version.load(Ordering::Acquire);
        let result = CACHE.try_with(|slots| {
            let cached = slots.get(self.slot)?.try_borrow().ok()?;
            let cached = cached.as_ref().filter(|cached| cached.version == version)?;
            Some(read(&cached.snapshot))
        });
        match result {
            Ok(Some(result)) => result,
            _ => self.read_uncached(read),
        }
    }

    #[inline(never)]
    fn read_uncached<T>(&self, read: impl Fn(&Arc<Snapshot>) -> T) -> T {
        let current = self.current.load();
        self.publish_version(current.version);
        if current.snapshot.len() <= MAX_CACHED_FLAGS {
            self.cache(Versioned::clone(&current));
        }
        read(&current.snapshot)
    }

    fn publish_version(&self, version: u64) {
        // The load comes first, because every read of a large snapshot calls this, and mostly finds it published.
        if self.version.load(Ordering::Acquire) < version {
            self.version.fetch_max(version, Ordering::AcqRel);
        }
    }

    /// Caches the snapshot for this thread, unless an outer read uses the slot, or the thread is ending.
    fn cache(&self, current: Versioned) {
        let replaced = CACHE.try_with(|slots| slots.get(self.slot)?.try_borrow_mut().ok()?.replace(current));
        // This may be the last reference, so it is dropped after the slot is released.
        drop(replaced);
    }

    /// Returns the current snapshot without caching it for this thread. For publishers.
    pub(crate) fn latest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.load().snapshot)
    }

    /// Replaces the current snapshot. Only one publisher may call this at a time, and it must hold the previous
    /// snapshot.
    pub(crate) fn store(&self, next: Arc<Snapshot>) {
        let next = Versioned::new(next);
        let version = next.version;
        self.current.store(Arc::new(next));
        self.publish_version(version);
    }
}

impl Default for SnapshotCell {
    fn default() -> Self {
        let empty = Versioned::new(Arc::default());
        Self {
            version: AtomicU64::new(empty.version),
            current: ArcSwap::from_pointee(empty),
            slot: NEXT_SLOT.fetch_add(1, Ordering::Relaxed) % SLOTS,
        }
    }
}

#[cfg(all(test, not(flagkit_loom)))]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use crate::publish::indexed_map::IndexedMap;

    fn snapshot(revision: u64) -> Arc<Snapshot> {
        Arc::new(Snapshot::new(revision, Box::default(), IndexedMap::default(), Vec::new(), BTreeMap::new()))
    }

    /// Results would be correct without the cache; this checks that it makes reads cheap.
    #[test]
    fn a_thread_reads_its_cached_snapshot_until_another_version_is_published() {
        let cell = SnapshotCell::default();
        let read = || cell.read(|snapshot| snapshot.revision());
        let cached = || CACHE.with(|slots| slots[cell.slot].borrow().as_ref().map(|cached| cached.version));
        cell.store(snapshot(1));
        let version = cell.version.load(Ordering::Acquire);
        assert_eq!((read(), cached()), (1, Some(version)));

        // The cached snapshot differs from the stored one, to show which of them is read.
        cell.cache(Versioned { version, snapshot: snapshot(7) });
        assert_eq!((read(), cached()), (7, Some(version)));
        let nested = cell.read(|outer| (outer.revision(), read()));
        assert_eq!(nested, (7, 7), "a read within a read");
        cell.store(snapshot(2));
        assert_eq!((read(), cached()), (2, Some(cell.version.load(Ordering::Acquire))));
    }
}

#[cfg(all(test, flagkit_loom))]
mod model {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;
    use std::collections::BTreeMap;

    use crate::publish::indexed_map::IndexedMap;

    fn snapshot(revision: u64) -> std::sync::Arc<Snapshot> {
        std::sync::Arc::new(Snapshot::new(revision, Box::default(), IndexedMap::default(), Vec::new(), BTreeMap::new()))
    }

    fn revision(cell: &SnapshotCell) -> u64 {
        cell.read(|snapshot| snapshot.revision())
    }

    #[test]
    fn no_thread_reads_an_older_snapshot_after_a_newer_one() {
        loom::model(|| {
            let cell = Arc::new(SnapshotCell::default());
            let read = |cell: &SnapshotCell| {
                let all = [revision(cell), revision(cell)];
                assert!(all.is_sorted(), "{all:?}");
            };
            let reader = {
                let cell = Arc::clone(&cell);
                thread::spawn(move || read(&cell))
            };
            cell.store(snapshot(1));
            read(&cell);
            cell.store(snapshot(2));
            assert_eq!(revision(&cell), 2, "the publisher reads its own snapshot");
            reader.join().expect("no panic");
        });
    }

    #[test]
    fn a_thread_that_learns_of_a_snapshot_from_a_reader_reads_no_older_one() {
        loom::model(|| {
            let cell = Arc::new(SnapshotCell::default());
            let shared = Arc::new(AtomicU64::new(0));
            let first = {
                let (cell, shared) = (Arc::clone(&cell), Arc::clone(&shared));
                thread::spawn(move || shared.store(revision(&cell), Ordering::Release))
            };
            let second = {
                let (cell, shared) = (Arc::clone(&cell), Arc::clone(&shared));
                thread::spawn(move || {
                    let seen = shared.load(Ordering::Acquire);
                    assert!(revision(&cell) >= seen);
                })
            };
            cell.store(snapshot(1));
            first.join().expect("no panic");
            second.join().expect("no panic");
        });
    }
}
