//! The one place that holds the snapshot in force.
//!
//! # The problem
//!
//! To borrow from an `ArcSwap` is wait-free, and still costs more than all the rest of a read.
//!
//! # The idea
//!
//! Each thread keeps a share of the snapshot it read last, and which edition of which cell that was. As long as the
//! cell's edition is the same, a read is one load and a compare.
//!
//! ```text
//! publisher:  put the next snapshot in place, then its edition
//! reader:     is it the edition I have?  ── yes ──▶ read my share
//!                                        ── no ───▶ borrow what is in place, keep a share of it under this edition
//! ```
//!
//! The order is what makes it right. Whoever sees an edition sees the snapshot that was put in place before it, or a newer
//! one; a newer one that is kept under the older edition is replaced at the next read. So no thread stays behind; and
//! as everything a thread reads comes this way, none goes back.
//!
//! # Limits
//!
//! A thread that reads no more keeps its share. So a large snapshot is never kept: what memory a thousand idle threads
//! would hold is worth more than some nanoseconds of each read.
//!
//! This is the only file that names arc-swap: the rest of the crate would not notice another cell.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;

use crate::snapshot::Snapshot;

/// Holds the snapshot in force. Readers never wait, not for each other and not for a writer.
#[derive(Debug)]
pub(crate) struct SnapshotCell {
    current: ArcSwap<Snapshot>,
    /// Never the same twice, and never that of another cell.
    edition: AtomicU64,
    /// Where threads keep their share of this cell.
    slot: usize,
}

/// How many shares a thread keeps. Cells of the same slot push each other out.
const SLOTS: usize = 4;
/// How many flags a snapshot may have at the most to be kept.
const MOST_FLAGS: usize = 16_384;

static EDITIONS: AtomicU64 = AtomicU64::new(0);
static CELLS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARES: [RefCell<Option<Share>>; SLOTS] = const { [const { RefCell::new(None) }; SLOTS] };
}

struct Share {
    edition: u64,
    snapshot: Arc<Snapshot>,
}

impl SnapshotCell {
    /// Reads the snapshot in force. Never handed out to users: `read` may read in turn, and returns.
    #[inline(always)]
    #[allow(clippy::inline_always)] // half of a read is what it takes to pass the closure on
    pub(crate) fn read<T>(&self, read: impl Fn(&Arc<Snapshot>) -> T) -> T {
        let edition = self.edition.load(Ordering::Acquire);
        let answer = SHARES.try_with(|shares| {
            let share = shares.get(self.slot)?.try_borrow().ok()?;
            let share = share.as_ref().filter(|share| share.edition == edition)?;
            Some(read(&share.snapshot))
        });
        match answer {
            Ok(Some(answer)) => answer,
            _ => self.read_in_place(edition, read),
        }
    }

    #[inline(never)]
    fn read_in_place<T>(&self, edition: u64, read: impl Fn(&Arc<Snapshot>) -> T) -> T {
        let snapshot = self.current.load();
        if snapshot.len() <= MOST_FLAGS {
            self.keep(Share { edition, snapshot: Arc::clone(&snapshot) });
        }
        read(&snapshot)
    }

    /// Keeps the share for this thread, unless a read that is under way uses the slot, or the thread is ending.
    fn keep(&self, share: Share) {
        let replaced = SHARES.try_with(|shares| shares.get(self.slot)?.try_borrow_mut().ok()?.replace(share));
        // Perhaps the last share: dropped when the slot is free again.
        drop(replaced);
    }

    /// Takes a share of what is in place, and leaves none with the thread: for publishers.
    pub(crate) fn latest(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Puts the next snapshot in force. One publisher at a time, who has a share of the one before.
    pub(crate) fn put(&self, next: Arc<Snapshot>) {
        self.current.store(next);
        self.edition.store(next_edition(), Ordering::Release);
    }
}

fn next_edition() -> u64 {
    EDITIONS.fetch_add(1, Ordering::Relaxed)
}

impl Default for SnapshotCell {
    fn default() -> Self {
        Self {
            current: ArcSwap::default(),
            edition: AtomicU64::new(next_edition()),
            slot: CELLS.fetch_add(1, Ordering::Relaxed) % SLOTS,
        }
    }
}
