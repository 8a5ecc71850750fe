//! Reading: the authoritative side for the caller, and the other one to compare it.

use std::fmt;
use std::future::Future;

use super::migration::AnyMigration;
use crate::model::{Side, Stage};

/// A read of a migration with code for both sides; see [`Plan::read`](super::Plan::read).
#[must_use = "a read does nothing until `run` is called"]
pub struct Read<O, N> {
    pub(super) migration: &'static AnyMigration,
    pub(super) stage: Stage,
    pub(super) old: O,
    pub(super) new: N,
}

/// A read that also compares the two sides, at the stages that do so; see [`Read::compare`].
#[must_use = "a read does nothing until `run` is called"]
pub struct ComparedRead<O, N, C> {
    read: Read<O, N>,
    is_same: C,
}

/// The read of the other side, which is compared with the result that the caller got.
///
/// Run it where the caller does not wait for it: on another thread, or in another task. Its error and its time cannot
/// reach the caller. If it is dropped before it has finished, it counts as a failed comparison.
#[must_use = "the comparison is skipped unless `run` is called"]
pub struct ShadowRead<O, N, T, C> {
    other: Other<O, N>,
    expected: T,
    is_same: C,
    pending: PendingComparison,
}

/// The code of the side that is not authoritative.
enum Other<O, N> {
    Old(O),
    New(N),
}

/// A comparison that has not finished. Dropping it counts a failed comparison.
struct PendingComparison {
    migration: &'static AnyMigration,
    is_finished: bool,
}

impl PendingComparison {
    fn finish(mut self, is_same: bool) {
        self.is_finished = true;
        self.migration.counters().add_comparison(is_same);
    }
}

impl Drop for PendingComparison {
    fn drop(&mut self) {
        if !self.is_finished {
            self.migration.counters().add_failed_comparison();
        }
    }
}

impl<O, N> Read<O, N> {
    /// Reads the authoritative side.
    ///
    /// # Errors
    ///
    /// Returns the error of that side.
    pub fn run<T, E>(self) -> Result<T, E>
    where
        O: FnOnce() -> Result<T, E>,
        N: FnOnce() -> Result<T, E>,
    {
        match self.stage.authoritative() {
            Side::Old => (self.old)(),
            Side::New => (self.new)(),
        }
    }

    /// Does the same as [`run`](Self::run), with futures.
    ///
    /// # Errors
    ///
    /// Returns the error of the authoritative side.
    pub async fn run_async<T, E, OF, NF>(self) -> Result<T, E>
    where
        O: FnOnce() -> OF,
        N: FnOnce() -> NF,
        OF: Future<Output = Result<T, E>>,
        NF: Future<Output = Result<T, E>>,
    {
        match self.stage.authoritative() {
            Side::Old => (self.old)().await,
            Side::New => (self.new)().await,
        }
    }

    /// Compares the two sides at the stages `shadow` and `live`. `is_same` gets the result of the caller first.
    pub fn compare<T, E, C>(self, is_same: C) -> ComparedRead<O, N, C>
    where
        O: FnOnce() -> Result<T, E>,
        C: FnOnce(&T, &T) -> bool,
    {
        ComparedRead { read: self, is_same }
    }

    /// Does the same as [`compare`](Self::compare), for code that returns futures.
    pub fn compare_async<T, E, OF, C>(self, is_same: C) -> ComparedRead<O, N, C>
    where
        O: FnOnce() -> OF,
        OF: Future<Output = Result<T, E>>,
        C: FnOnce(&T, &T) -> bool,
    {
        ComparedRead { read: self, is_same }
    }
}

impl<O, N, C> ComparedRead<O, N, C> {
    /// Reads the authoritative side. If it succeeds and the stage compares, passes the other read to `spawn`.
    ///
    /// `spawn` runs it elsewhere, and returns at once: the caller waits for the authoritative side only. The pool
    /// `flagkit_sources::ShadowPool` runs it on a thread, within a time limit.
    ///
    /// # Errors
    ///
    /// Returns the error of the authoritative side.
    pub fn run<T, E>(self, spawn: impl FnOnce(ShadowRead<O, N, T, C>)) -> Result<T, E>
    where
        O: FnOnce() -> Result<T, E>,
        N: FnOnce() -> Result<T, E>,
        C: FnOnce(&T, &T) -> bool,
        T: Clone,
    {
        let Self { read: Read { migration, stage, old, new }, is_same } = self;
        let (result, other) = match stage.authoritative() {
            Side::Old => (old(), Other::New(new)),
            Side::New => (new(), Other::Old(old)),
        };
        if let (Ok(value), true) = (&result, stage.compares()) {
            spawn(ShadowRead::new(migration, other, value.clone(), is_same));
        }
        result
    }

    /// Does the same as [`run`](Self::run), with futures.
    ///
    /// Pass the shadow read to the timer and the executor of your runtime:
    /// `|shadow| { tokio::spawn(tokio::time::timeout(limit, shadow.run_async())); }`.
    ///
    /// # Errors
    ///
    /// Returns the error of the authoritative side.
    pub async fn run_async<T, E, OF, NF>(self, spawn: impl FnOnce(ShadowRead<O, N, T, C>)) -> Result<T, E>
    where
        O: FnOnce() -> OF,
        N: FnOnce() -> NF,
        OF: Future<Output = Result<T, E>>,
        NF: Future<Output = Result<T, E>>,
        C: FnOnce(&T, &T) -> bool,
        T: Clone,
    {
        let Self { read: Read { migration, stage, old, new }, is_same } = self;
        let (result, other) = match stage.authoritative() {
            Side::Old => (old().await, Other::New(new)),
            Side::New => (new().await, Other::Old(old)),
        };
        if let (Ok(value), true) = (&result, stage.compares()) {
            spawn(ShadowRead::new(migration, other, value.clone(), is_same));
        }
        result
    }
}

impl<O, N, T, C> ShadowRead<O, N, T, C> {
    fn new(migration: &'static AnyMigration, other: Other<O, N>, expected: T, is_same: C) -> Self {
        Self { other, expected, is_same, pending: PendingComparison { migration, is_finished: false } }
    }

    /// Reads the other side, and counts whether the results are the same.
    pub fn run<E>(self)
    where
        O: FnOnce() -> Result<T, E>,
        N: FnOnce() -> Result<T, E>,
        C: FnOnce(&T, &T) -> bool,
    {
        self.run_if(|| true);
    }

    /// Reads the other side, and compares the results if `is_in_time` returns `true` after the read.
    ///
    /// A read that took too long would compare data of two different times. It counts as a failed comparison.
    pub fn run_if<E>(self, is_in_time: impl FnOnce() -> bool)
    where
        O: FnOnce() -> Result<T, E>,
        N: FnOnce() -> Result<T, E>,
        C: FnOnce(&T, &T) -> bool,
    {
        let result = match self.other {
            Other::Old(old) => old(),
            Other::New(new) => new(),
        };
        if let (Ok(value), true) = (result, is_in_time()) {
            self.pending.finish((self.is_same)(&self.expected, &value));
        }
    }

    /// Does the same as [`run`](Self::run), with futures. Limit its time with the timer of your runtime.
    pub async fn run_async<E, OF, NF>(self)
    where
        O: FnOnce() -> OF,
        N: FnOnce() -> NF,
        OF: Future<Output = Result<T, E>>,
        NF: Future<Output = Result<T, E>>,
        C: FnOnce(&T, &T) -> bool,
    {
        let result = match self.other {
            Other::Old(old) => old().await,
            Other::New(new) => new().await,
        };
        if let Ok(value) = result {
            self.pending.finish((self.is_same)(&self.expected, &value));
        }
    }
}

impl<O, N> fmt::Debug for Read<O, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read").field("key", &self.migration.key()).field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl<O, N, C> fmt::Debug for ComparedRead<O, N, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComparedRead").field("read", &self.read).finish_non_exhaustive()
    }
}

impl<O, N, T, C> fmt::Debug for ShadowRead<O, N, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShadowRead").field("key", &self.pending.migration.key()).finish_non_exhaustive()
    }
}
