//! Writing to both sides: the authoritative one first, and what happens if the other one is lost.

use std::future::Future;

use super::error::WriteError;
use super::migration::AnyMigration;
use crate::model::{Side, Stage};
use crate::publish::LossCause;

/// What a write returns if the authoritative side was written and the other one failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLostWrite {
    /// The result of the authoritative side. The loss is counted and reported to subscribers.
    #[default]
    Report,
    /// [`WriteError::Second`], in addition to that.
    Fail,
}

/// The order of the writes at a stage. The evaluation of a plan is this one value.
pub(super) struct WriteOrder {
    pub(super) first: Side,
    pub(super) second: Option<Side>,
}

impl WriteOrder {
    pub(super) fn at(stage: Stage) -> Self {
        let first = stage.authoritative();
        Self { first, second: Some(first.other()).filter(|side| stage.writes(*side)) }
    }
}

/// A second write that has not finished. Dropping it counts the write as abandoned.
///
/// It exists from the end of the authoritative write to the end of the second one. So a panic and a dropped future are
/// counted too.
struct PendingWrite {
    migration: &'static AnyMigration,
    stage: Stage,
    side: Side,
    is_finished: bool,
}

impl PendingWrite {
    fn new(migration: &'static AnyMigration, stage: Stage, side: Side) -> Self {
        Self { migration, stage, side, is_finished: false }
    }

    /// Ends the write with its result, which decides the result of the whole.
    fn finish<T, E>(mut self, written: T, second: Result<T, E>) -> Result<T, WriteError<E>> {
        self.is_finished = true;
        match second {
            Ok(_) => Ok(written),
            Err(error) => {
                self.migration.lose_write(self.stage, self.side, LossCause::Failed);
                match self.migration.on_lost_write() {
                    OnLostWrite::Report => Ok(written),
                    OnLostWrite::Fail => Err(WriteError::Second(error)),
                }
            }
        }
    }
}

impl Drop for PendingWrite {
    fn drop(&mut self) {
        if !self.is_finished {
            self.migration.lose_write(self.stage, self.side, LossCause::Abandoned);
        }
    }
}

/// Writes to the sides that the stage writes, in its order.
pub(super) fn write<T, E>(
    migration: &'static AnyMigration,
    stage: Stage,
    old: impl FnOnce() -> Result<T, E>,
    new: impl FnOnce() -> Result<T, E>,
) -> Result<T, WriteError<E>> {
    let WriteOrder { first, second } = WriteOrder::at(stage);
    match (first, second) {
        (Side::Old, None) => old().map_err(WriteError::Authoritative),
        (Side::New, None) => new().map_err(WriteError::Authoritative),
        (Side::Old, Some(side)) => write_both(PendingSide { migration, stage, side }, old, new),
        (Side::New, Some(side)) => write_both(PendingSide { migration, stage, side }, new, old),
    }
}

/// The second side of a write, before the authoritative side is written.
struct PendingSide {
    migration: &'static AnyMigration,
    stage: Stage,
    side: Side,
}

fn write_both<T, E>(
    PendingSide { migration, stage, side }: PendingSide,
    first: impl FnOnce() -> Result<T, E>,
    second: impl FnOnce() -> Result<T, E>,
) -> Result<T, WriteError<E>> {
    let written = first().map_err(WriteError::Authoritative)?;
    let pending = PendingWrite::new(migration, stage, side);
    pending.finish(written, second())
}

/// Does the same as [`write`], with futures.
pub(super) async fn write_async<T, E, O, N>(
    migration: &'static AnyMigration,
    stage: Stage,
    old: impl FnOnce() -> O,
    new: impl FnOnce() -> N,
) -> Result<T, WriteError<E>>
where
    O: Future<Output = Result<T, E>>,
    N: Future<Output = Result<T, E>>,
{
    let WriteOrder { first, second } = WriteOrder::at(stage);
    match (first, second) {
        (Side::Old, None) => old().await.map_err(WriteError::Authoritative),
        (Side::New, None) => new().await.map_err(WriteError::Authoritative),
        (Side::Old, Some(side)) => write_both_async(PendingSide { migration, stage, side }, old, new).await,
        (Side::New, Some(side)) => write_both_async(PendingSide { migration, stage, side }, new, old).await,
    }
}

async fn write_both_async<T, E, A, B>(
    PendingSide { migration, stage, side }: PendingSide,
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B,
) -> Result<T, WriteError<E>>
where
    A: Future<Output = Result<T, E>>,
    B: Future<Output = Result<T, E>>,
{
    let written = first().await.map_err(WriteError::Authoritative)?;
    let pending = PendingWrite::new(migration, stage, side);
    let second = second().await;
    pending.finish(written, second)
}
