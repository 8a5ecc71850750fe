//! The counters of one migration in this process.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::publish::LossCause;

/// The counters of a migration since the start of this process; see [`Migration::counters`](super::Migration::counters).
///
/// They only rise. They are read one after another, so a write or a read in progress may be in one and not in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// The reads for which both sides were compared.
    pub compared: u64,
    /// The compared reads with two different results.
    pub mismatched: u64,
    /// The shadow reads without a result: they failed, exceeded their time limit, or were dropped.
    pub comparisons_failed: u64,
    /// The second writes that failed after the authoritative write.
    pub second_writes_failed: u64,
    /// The second writes that did not happen: the future was dropped after the authoritative write, or code panicked.
    pub second_writes_abandoned: u64,
    /// The lost second writes that were [repaired](super::Migration::record_repaired).
    pub repaired: u64,
}

impl Counters {
    /// Returns the number of lost second writes that are not repaired. Each may be a row that differs on the two sides.
    pub fn unrepaired(&self) -> u64 {
        self.second_writes_failed.saturating_add(self.second_writes_abandoned).saturating_sub(self.repaired)
    }
}

/// The atomics of [`Counters`]. Each migration has them in its static.
#[derive(Debug, Default)]
pub(super) struct AtomicCounters {
    compared: AtomicU64,
    mismatched: AtomicU64,
    comparisons_failed: AtomicU64,
    second_writes_failed: AtomicU64,
    second_writes_abandoned: AtomicU64,
    repaired: AtomicU64,
}

impl AtomicCounters {
    pub(super) const fn new() -> Self {
        Self {
            compared: AtomicU64::new(0),
            mismatched: AtomicU64::new(0),
            comparisons_failed: AtomicU64::new(0),
            second_writes_failed: AtomicU64::new(0),
            second_writes_abandoned: AtomicU64::new(0),
            repaired: AtomicU64::new(0),
        }
    }

    /// Counts a comparison. The mismatch is counted first, so that no reader sees a share that is too low.
    pub(super) fn add_comparison(&self, is_same: bool) {
        if !is_same {
            add(&self.mismatched, 1);
        }
        add(&self.compared, 1);
    }

    pub(super) fn add_failed_comparison(&self) {
        add(&self.comparisons_failed, 1);
    }

    pub(super) fn add_lost_write(&self, cause: LossCause) {
        add(
            match cause {
                LossCause::Failed => &self.second_writes_failed,
                LossCause::Abandoned => &self.second_writes_abandoned,
            },
            1,
        );
    }

    /// Counts repaired writes, up to the number of lost ones: a repair gives no credit for a later loss.
    pub(super) fn add_repaired(&self, count: u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let mut repaired = load(&self.repaired);
        loop {
            let lost = load(&self.second_writes_failed).saturating_add(load(&self.second_writes_abandoned));
            let next = repaired.saturating_add(count).min(lost).max(repaired);
            match self.repaired.compare_exchange_weak(repaired, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(current) => repaired = current,
            }
        }
    }

    /// Reads all counters. `repaired` is read first, so that a repair during the reading is not subtracted too early.
    pub(super) fn load(&self) -> Counters {
        let load = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let (repaired, compared) = (load(&self.repaired), load(&self.compared));
        Counters {
            compared,
            mismatched: load(&self.mismatched),
            comparisons_failed: load(&self.comparisons_failed),
            second_writes_failed: load(&self.second_writes_failed),
            second_writes_abandoned: load(&self.second_writes_abandoned),
            repaired,
        }
    }
}

/// Release, so that a reader that finds a comparison also finds its mismatch.
fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Release);
}
