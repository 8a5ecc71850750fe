//! The plan of one unit of work: one stage for all of its reads and writes.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use super::error::WriteError;
use super::migration::AnyMigration;
use super::range::{BothPaths, NewPathOnly, Range};
use super::read::Read;
use super::write;
use crate::model::{Side, Stage};

/// The stage of a migration for one unit of work, with the reads and writes that it allows.
///
/// The range `R` decides which code is required. With [`Full`](super::Full), a plan takes the code of both paths. With
/// [`Contracted`](super::Contracted), it takes only the code of the new one. A plan never changes its stage, so a read and a write of one request cannot disagree.
///
/// Do not keep a plan longer than a request. Take a new one for each.
#[must_use = "a plan decides which sides this unit of work reads and writes"]
pub struct Plan<R> {
    migration: &'static AnyMigration,
    stage: Stage,
    range: PhantomData<fn() -> R>,
}

impl<R: Range> Plan<R> {
    #[inline]
    pub(super) fn new(migration: &'static AnyMigration, stage: Stage) -> Self {
        Self { migration, stage, range: PhantomData }
    }

    /// Returns the stage.
    pub fn stage(&self) -> Stage {
        self.stage
    }
}

impl<R: Range> Plan<R> {
    /// Writes to the authoritative side, and then to the other one if the stage says so.
    ///
    /// The result is the one of the authoritative side. If that write fails, the other side is not written. If the other
    /// write fails or does not finish, it is counted and reported to subscribers, and by `second_write = Fail` it is an
    /// error.
    ///
    /// Two columns of one row need no second write: use [`writes_old`](Self::writes_old) and
    /// [`writes_new`](Self::writes_new) in one statement.
    ///
    /// # Errors
    ///
    /// Returns the error of the authoritative side, or of the other side as above.
    pub fn write<T, E>(
        &self,
        old: impl FnOnce() -> Result<T, E>,
        new: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, WriteError<E>>
    where
        R: BothPaths,
    {
        write::write(self.migration, self.stage, old, new)
    }

    /// Does the same as [`write`](Self::write), with futures. Dropping the future between the two writes counts the
    /// second one as abandoned.
    ///
    /// # Errors
    ///
    /// Returns the error of the authoritative side, or of the other side as above.
    pub async fn write_async<T, E, O, N>(
        &self,
        old: impl FnOnce() -> O,
        new: impl FnOnce() -> N,
    ) -> Result<T, WriteError<E>>
    where
        R: BothPaths,
        O: Future<Output = Result<T, E>>,
        N: Future<Output = Result<T, E>>,
    {
        write::write_async(self.migration, self.stage, old, new).await
    }

    /// Prepares a read of the authoritative side: [`Read::run`], or [`Read::compare`] to compare the other one.
    pub fn read<O, N>(&self, old: O, new: N) -> Read<O, N>
    where
        R: BothPaths,
    {
        Read { migration: self.migration, stage: self.stage, old, new }
    }

    /// Writes to the new side, after the code of the old path was removed.
    pub fn write_new<T>(&self, new: impl FnOnce() -> T) -> T
    where
        R: NewPathOnly,
    {
        new()
    }

    /// Reads the new side, after the code of the old path was removed.
    pub fn read_new<T>(&self, new: impl FnOnce() -> T) -> T
    where
        R: NewPathOnly,
    {
        new()
    }

    /// Returns whether the old side is written, for code that writes both sides in one statement or transaction.
    pub fn writes_old(&self) -> bool
    where
        R: BothPaths,
    {
        self.stage.writes(Side::Old)
    }

    /// Returns whether the new side is written, for code that writes both sides in one statement or transaction.
    pub fn writes_new(&self) -> bool
    where
        R: BothPaths,
    {
        self.stage.writes(Side::New)
    }

    /// Returns whether the new side is authoritative, so that it is read.
    pub fn reads_new(&self) -> bool
    where
        R: BothPaths,
    {
        self.stage.authoritative() == Side::New
    }
}

impl<R: Range> fmt::Debug for Plan<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("key", &self.migration.key())
            .field("stage", &self.stage)
            .field("range", &R::NAME)
            .finish_non_exhaustive()
    }
}
