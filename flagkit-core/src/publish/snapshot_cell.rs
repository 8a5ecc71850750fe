//! The one place that holds the snapshot in force.
//!
//! # The problem
//!
//! To borrow from an `ArcSwap` is wait-free, and still costs more than all the rest of a read.
//!
//! # The idea
//!
//! Snapshots are put in place as numbered editions. Each thread keeps the edition it read last; as long as the cell
//! announces the same number, a read is one load and a compare.
//!
//! ```text
//! publisher:  put the next edition in place, then announce its number
//! reader:     is it the number I have?  ── yes ──▶ read my share
//!                                       ── no ───▶ borrow what is in place, announce its number, keep a share of it
//! ```
//!
//! Whoever sees a number sees the edition that was put in place before it, or a newer one. A reader who comes upon an
//! edition before its publisher has announced it does so itself, so that nobody who hears from that reader reads an
//! older one. Numbers only grow.
//!
//! # Limits
//!
//! A thread that reads no more keeps its share. So a snapshot of very many flags is not kept: what memory a thousand idle
//! threads would hold is worth more than some nanoseconds of each read.
//!
//! This is the only file that uses arc-swap: the rest of the crate would not notice another cell.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as Count, AtomicUsize, Ordering};

use crate::publish::snapshot::Snapshot;
use crate::publish::sync::{ArcSwap, AtomicU64};

/// Holds the snapshot in force. Readers never wait, not for each other and not for a writer.
#[derive(Debug)]
pub(crate) struct SnapshotCell {
    current: ArcSwap<Edition>,
    /// The number of the newest edition that was announced.
    announced: AtomicU64,
    /// Where threads keep their share of this cell.
    slot: usize,
}

/// How many shares a thread keeps. Cells of the same slot push each other out.
const SLOTS: usize = 4;
/// How many flags a snapshot may have at the most to be kept.
const MOST_FLAGS: usize = 16_384;

/// Counts, and orders nothing.
static EDITIONS: Count = Count::new(0);
static CELLS: AtomicUsize = AtomicUsize::new(0);

#[cfg(not(flagkit_loom))]
thread_local! {
    static SHARES: [RefCell<Option<Edition>>; SLOTS] = const { [const { RefCell::new(None) }; SLOTS] };
}
#[cfg(flagkit_loom)]
loom::thread_local! {
    static SHARES: [RefCell<Option<Edition>>; SLOTS] = [const { RefCell::new(None) }; SLOTS];
}

/// A snapshot in its place.
#[derive(Clone, Debug)]
struct Edition {
    /// Greater than that of any edition before, of this cell or another.
    number: u64,
    snapshot: Arc<Snapshot>,
}

impl Edition {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { number: EDITIONS.fetch_add(1, Ordering::Relaxed), snapshot }
    }
}

impl SnapshotCell {
    /// Reads the snapshot in force. Never handed out to users: `read` may read in turn, and returns.
    #[inline(always)]
    #[allow(clippy::inline_always)] // half of a read is what it takes to pass the closure on
    pub(crate) fn read<T>(&self, read: impl Fn(&Arc<Snapshot>) -> T) -> T {
        let number = self.announced.load(Ordering::Acquire);
        let answer = SHARES.try_with(|shares| {
            let share = shares.get(self.slot)?.try_borrow().ok()?;
            let share = share.as_ref().filter(|share| share.number == number)?;
            Some(read(&share.snapshot))
        });
        match answer {
            Ok(Some(answer)) => answer,
            _ => self.read_in_place(read),
        }
    }

    #[inline(never)]
    fn read_in_place<T>(&self, read: impl Fn(&Arc<Snapshot>) -> T) -> T {
        let edition = self.current.load();
        self.announce(edition.number);
        if edition.snapshot.len() <= MOST_FLAGS {
            self.keep(Edition::clone(&edition));
        }
        read(&edition.snapshot)
    }

    fn announce(&self, number: u64) {
        // Read first: with a large snapshot every read comes by, and all but the first find it done.
        if self.announced.load(Ordering::Acquire) < number {
            self.announced.fetch_max(number, Ordering::AcqRel);
        }
    }

    /// Keeps the share for this thread, unless a read that is under way uses the slot, or the thread is ending.
    fn keep(&self, share: Edition) {
        let replaced = SHARES.try_with(|shares| shares.get(self.slot)?.try_borrow_mut().ok()?.replace(share));
        // Perhaps the last share: dropped when the slot is free again.
        drop(replaced);
    }

    /// Takes a share of what is in place, and leaves none with the thread: for publishers.
    pub(crate) fn latest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.load().snapshot)
    }

    /// Puts the next snapshot in force. One publisher at a time, who has a share of the one before.
    pub(crate) fn put(&self, next: Arc<Snapshot>) {
        let edition = Edition::new(next);
        let number = edition.number;
        self.current.store(Arc::new(edition));
        self.announce(number);
    }
}

impl Default for SnapshotCell {
    fn default() -> Self {
        let edition = Edition::new(Arc::default());
        Self {
            announced: AtomicU64::new(edition.number),
            current: ArcSwap::from_pointee(edition),
            slot: CELLS.fetch_add(1, Ordering::Relaxed) % SLOTS,
        }
    }
}

#[cfg(all(test, not(flagkit_loom)))]
mod tests {
    use super::*;
    use crate::publish::indexed_map::Table;

    fn snapshot(revision: u64) -> Arc<Snapshot> {
        Arc::new(Snapshot::new(revision, Box::default(), Table::default(), Vec::new()))
    }

    /// Answers would be right without it: it is what makes a read cheap.
    #[test]
    fn a_thread_reads_what_it_keeps_until_another_is_announced() {
        let cell = SnapshotCell::default();
        let read = || cell.read(|snapshot| snapshot.revision());
        let kept = || SHARES.with(|shares| shares[cell.slot].borrow().as_ref().map(|share| share.number));
        cell.put(snapshot(1));
        let number = cell.announced.load(Ordering::Acquire);
        assert_eq!((read(), kept()), (1, Some(number)));

        // What is kept says something else than what is in place, to tell which of them is read.
        cell.keep(Edition { number, snapshot: snapshot(7) });
        assert_eq!((read(), kept()), (7, Some(number)));
        let nested = cell.read(|outer| (outer.revision(), read()));
        assert_eq!(nested, (7, 7), "a read within a read");
        cell.put(snapshot(2));
        assert_eq!((read(), kept()), (2, Some(cell.announced.load(Ordering::Acquire))));
    }
}

#[cfg(all(test, flagkit_loom))]
mod model {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;
    use crate::publish::indexed_map::Table;

    fn snapshot(revision: u64) -> std::sync::Arc<Snapshot> {
        std::sync::Arc::new(Snapshot::new(revision, Box::default(), Table::default(), Vec::new()))
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
            cell.put(snapshot(1));
            read(&cell);
            cell.put(snapshot(2));
            assert_eq!(revision(&cell), 2, "who has put it reads it");
            reader.join().expect("no panic");
        });
    }

    #[test]
    fn who_hears_of_a_snapshot_from_a_reader_reads_no_older_one() {
        loom::model(|| {
            let cell = Arc::new(SnapshotCell::default());
            let told = Arc::new(AtomicU64::new(0));
            let first = {
                let (cell, told) = (Arc::clone(&cell), Arc::clone(&told));
                thread::spawn(move || told.store(revision(&cell), Ordering::Release))
            };
            let second = {
                let (cell, told) = (Arc::clone(&cell), Arc::clone(&told));
                thread::spawn(move || {
                    let heard = told.load(Ordering::Acquire);
                    assert!(revision(&cell) >= heard);
                })
            };
            cell.put(snapshot(1));
            first.join().expect("no panic");
            second.join().expect("no panic");
        });
    }
}
