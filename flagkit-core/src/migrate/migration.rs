//! The static that a migration of data is declared as.

use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::counters::{AtomicCounters, Counters};
use super::error::PlanError;
use super::list;
use super::plan::Plan;
use super::range::Range;
use super::write::OnLostWrite;
use crate::model::{Side, Stage};
use crate::publish::snapshot::StageLookup;
use crate::publish::{Event, LossCause, SecondWriteLoss};
use crate::read::call_site::CallSite;
use crate::read::handle::Handle;
use crate::read::installed;
use crate::subject::Subject;

/// A migration of data from an old path to a new one, as [`migration!`](crate::migration) declares it.
///
/// It is a static, which holds the stage in one word, as a call site of [`flag!`](crate::flag) does. `R` is the range of
/// stages that this build has code for.
pub struct Migration<R> {
    any: AnyMigration,
    range: PhantomData<fn() -> R>,
}

/// The part of a migration that does not depend on its range.
pub(super) struct AnyMigration {
    call_site: CallSite,
    /// The stage of the flag file that the build was made with. It is used until a source has loaded the migration.
    embedded: Option<Stage>,
    on_lost_write: OnLostWrite,
    counters: AtomicCounters,
    /// The migration that was listed before this one. Set once, when this one is listed.
    next: OnceLock<Option<&'static AnyMigration>>,
    pub(super) range: RangeOfBuild,
}

/// The range of stages of a build, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RangeOfBuild {
    pub(super) name: &'static str,
    pub(super) first: Stage,
    pub(super) last: Stage,
}

impl<R: Range> Migration<R> {
    /// Creates a migration. Only the expansion of `migration!` calls it.
    #[cfg(not(flagkit_loom))]
    #[doc(hidden)]
    pub const fn declare(key: &'static str, embedded: Option<Stage>, on_lost_write: OnLostWrite) -> Self {
        Self::new(CallSite::new(key), embedded, on_lost_write)
    }

    /// Creates a migration. Not `const`, because the atomics of loom are not.
    #[cfg(flagkit_loom)]
    #[doc(hidden)]
    pub fn declare(key: &'static str, embedded: Option<Stage>, on_lost_write: OnLostWrite) -> Self {
        Self::new(CallSite::new(key), embedded, on_lost_write)
    }

    const fn new(call_site: CallSite, embedded: Option<Stage>, on_lost_write: OnLostWrite) -> Self {
        let any = AnyMigration {
            call_site,
            embedded,
            on_lost_write,
            counters: AtomicCounters::new(),
            next: OnceLock::new(),
            range: RangeOfBuild { name: R::NAME, first: R::FIRST, last: R::LAST },
        };
        Self { any, range: PhantomData }
    }

    /// Returns the plan for one unit of work: the stage that all of its reads and writes use.
    ///
    /// Take one plan per request or transaction, and pass it on. It reads the [installed](crate::install) flags. Without
    /// a declaration there, it uses the stage that the build embeds.
    ///
    /// # Errors
    ///
    /// Returns an error if no stage is known, if the declaration is invalid and no earlier one was valid, if the key is no
    /// migration, if this build does not support the stage, or if the data is partitioned: then use
    /// [`plan_for`](Self::plan_for). Do not continue with a guess, because the old side may be stale.
    #[inline]
    pub fn plan(&'static self) -> Result<Plan<R>, PlanError> {
        self.plan_for(&())
    }

    /// Returns the plan for one unit of work on the data of a subject.
    ///
    /// If the migration has a `partition`, that attribute of the subject decides the stage.
    ///
    /// # Errors
    ///
    /// Returns an error in the cases of [`plan`](Self::plan), and if the subject lacks the attribute.
    #[inline]
    pub fn plan_for<S: Subject + ?Sized>(&'static self, subject: &S) -> Result<Plan<R>, PlanError> {
        match self.any.call_site.stage() {
            Some(stage) => self.plan_at(stage),
            None => self.plan_slow(subject),
        }
    }

    /// Returns the plan for one unit of work from a [`Flags`](crate::Flags) or a [`Snapshot`](crate::Snapshot) instead of
    /// the installed flags.
    ///
    /// # Errors
    ///
    /// Returns an error in the cases of [`plan_for`](Self::plan_for).
    pub fn plan_in<H: Handle + ?Sized, S: Subject + ?Sized>(
        &'static self,
        handle: &H,
        subject: &S,
    ) -> Result<Plan<R>, PlanError> {
        list::add(&self.any);
        self.plan_at(self.any.stage_of(handle.stage(self.any.key(), subject))?)
    }

    /// Finds the stage in the snapshot, and registers the migration at its first plan.
    #[inline(never)]
    fn plan_slow<S: Subject + ?Sized>(&'static self, subject: &S) -> Result<Plan<R>, PlanError> {
        // If the list is in use, the next plan tries again. Until then, the call site stays unregistered.
        let lookup = self.any.call_site.stage_slow(subject, list::add(&self.any));
        self.plan_at(self.any.stage_of(lookup)?)
    }

    #[inline]
    fn plan_at(&'static self, stage: Stage) -> Result<Plan<R>, PlanError> {
        if stage < R::FIRST || stage > R::LAST {
            let (first, last) = (R::FIRST, R::LAST);
            return Err(PlanError::Unsupported { key: self.any.key(), stage, first, last });
        }
        Ok(Plan::new(&self.any, stage))
    }

    /// Adds the migration to [`migrations`](super::migrations), which a status page shows.
    ///
    /// Its first plan does that too. Call this at the start of the program, so that an instance that has not used the
    /// migration yet is counted as well.
    pub fn register(&'static self) {
        list::add_waiting(&self.any);
    }

    /// Returns the counters since the start of this process.
    pub fn counters(&self) -> Counters {
        self.any.counters.load()
    }

    /// Records that this number of lost second writes was repaired, for example by a second backfill of the rows that
    /// differ.
    ///
    /// No stage is advanced while there are unrepaired ones. Pass the number of losses that were [counted](Self::counters)
    /// before the repair began. More than the losses counted so far has no effect.
    pub fn record_repaired(&self, count: u64) {
        self.any.counters.add_repaired(count);
    }

    /// Returns the key.
    pub fn key(&self) -> &'static str {
        self.any.key()
    }
}

impl AnyMigration {
    pub(super) fn key(&self) -> &'static str {
        self.call_site.key()
    }

    pub(super) fn on_lost_write(&self) -> OnLostWrite {
        self.on_lost_write
    }

    pub(super) fn counters(&self) -> &AtomicCounters {
        &self.counters
    }

    /// Returns the stage that a look-up found, or the embedded one where no layer declares the migration.
    pub(super) fn stage_of(&self, lookup: StageLookup) -> Result<Stage, PlanError> {
        let key = self.key();
        match lookup {
            StageLookup::At(stage) => Ok(stage),
            StageLookup::NotFound => self.embedded.ok_or(PlanError::Unknown { key }),
            StageLookup::Invalid => Err(PlanError::Invalid { key }),
            StageLookup::NoPartition => Err(PlanError::MissingPartition { key }),
            StageLookup::NotAMigration => Err(PlanError::NotAMigration { key }),
        }
    }

    /// Counts a lost second write, and reports it to the subscribers of the installed flags.
    pub(super) fn lose_write(&self, stage: Stage, side: Side, cause: LossCause) {
        self.counters.add_lost_write(cause);
        if let Some(flags) = installed() {
            let subscribers = flags.store().subscribers();
            subscribers.enqueue(Event::SecondWriteLost(SecondWriteLoss { key: self.key(), stage, side, cause }));
            subscribers.deliver();
        }
    }

    /// Returns whether the list of migrations holds this one.
    pub(super) fn is_listed(&self) -> bool {
        self.next.get().is_some()
    }

    /// Sets the next migration of the list, if it is not set. Returns whether this call has set it.
    pub(super) fn link(&'static self, next: Option<&'static Self>) -> bool {
        self.next.set(next).is_ok()
    }

    pub(super) fn next(&self) -> Option<&'static Self> {
        self.next.get().copied().flatten()
    }
}

impl<R: Range> fmt::Debug for Migration<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counters = self.counters();
        f.debug_struct("Migration")
            .field("key", &self.key())
            .field("range", &R::NAME)
            .field("counters", &counters)
            .finish_non_exhaustive()
    }
}
