//! The migrations of this process, for its status.

use std::iter;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::counters::Counters;
use super::migration::AnyMigration;
use crate::bucketing::Percent;
use crate::model::{Flag, Stage};
use crate::publish::snapshot::StageLookup;
use crate::read::installed;

/// The head of a linked list through the migrations themselves, so that adding one allocates nothing.
///
/// A plan only tries this lock; a status waits for it.
static FIRST: Mutex<Option<&'static AnyMigration>> = Mutex::new(None);

/// The state of one migration in this process; see [`migrations`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationStatus {
    /// The key.
    pub key: &'static str,
    /// The stage in effect. With a partition, it is the stage that the rollout moves to. `None` if none is known.
    pub stage: Option<Stage>,
    /// The attribute that partitions the data, if there is one.
    pub partition: Option<String>,
    /// The share of the partitions at the stage. The others are at the one before it.
    pub rollout: Percent,
    /// The name of the range: `full` or `contracted`.
    pub range: &'static str,
    /// The first stage that this build supports.
    pub first: Stage,
    /// The last stage that this build supports.
    pub last: Stage,
    /// The counters since the start of this process.
    pub counters: Counters,
}

/// Returns the state of every migration that this process has planned or [registered](super::Migration::register),
/// sorted by key.
///
/// # Examples
///
/// ```
/// use flagkit_core::migrate::migrations;
/// use flagkit_core::migration;
///
/// migration! { static SPLIT_NAME: "split-name", range = Full }
///
/// SPLIT_NAME.register();
/// let status = migrations();
/// assert_eq!((status[0].key, status[0].range), ("split-name", "full"));
/// ```
pub fn migrations() -> Vec<MigrationStatus> {
    let first = *lock();
    let mut migrations: Vec<_> = iter::successors(first, |migration| migration.next()).map(status).collect();
    migrations.sort_by_key(|migration| migration.key);
    migrations
}

fn status(migration: &'static AnyMigration) -> MigrationStatus {
    let key = migration.key();
    let snapshot = installed().map(crate::Flags::snapshot);
    let flag = snapshot.as_ref().and_then(|snapshot| snapshot.flag(key));
    let found = snapshot.as_ref().map_or(StageLookup::NotFound, |snapshot| snapshot.look_up_stage(key, &()));
    MigrationStatus {
        key,
        // The same look-up as a plan, so that no instance reports a stage at which it cannot plan.
        stage: match found {
            StageLookup::NoPartition => flag.and_then(Flag::stage),
            found => migration.stage_of(found).ok(),
        },
        partition: flag.and_then(Flag::partition).map(ToOwned::to_owned),
        rollout: flag.map_or(Percent::HUNDRED, Flag::rollout),
        range: migration.range.name,
        first: migration.range.first,
        last: migration.range.last,
        counters: migration.counters().load(),
    }
}

/// Adds a migration at its first plan. Returns `false` if another thread uses the list, so that it is added later.
pub(super) fn add(migration: &'static AnyMigration) -> bool {
    if migration.is_listed() {
        return true;
    }
    match FIRST.try_lock() {
        Ok(mut first) => add_before(&mut first, migration),
        Err(TryLockError::Poisoned(poisoned)) => add_before(&mut poisoned.into_inner(), migration),
        Err(TryLockError::WouldBlock) => return false,
    }
    true
}

/// Adds a migration, and waits for the list if another thread uses it.
pub(super) fn add_waiting(migration: &'static AnyMigration) {
    add_before(&mut lock(), migration);
}

fn add_before(first: &mut Option<&'static AnyMigration>, migration: &'static AnyMigration) {
    if migration.link(*first) {
        *first = Some(migration);
    }
}

/// Nothing panics under this lock, so the list is consistent even if the lock is poisoned.
fn lock() -> MutexGuard<'static, Option<&'static AnyMigration>> {
    FIRST.lock().unwrap_or_else(PoisonError::into_inner)
}
