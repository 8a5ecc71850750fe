//! The call site: the static that each use of `flag!` expands to.
//!
//! # The problem
//!
//! If a flag check costs a hash-map lookup, people hoist it out of loops, cache it in fields, or leave it out. A cached
//! flag no longer follows its file.
//!
//! # The idea
//!
//! `flag!("key")` declares a static at the call site, and each publish *pushes* the state of the flag into it. A read
//! is one load of one word and a compare. A percentage rollout adds one hash of the id.
//!
//! ```text
//! 63            32 31             0
//! ┌───────────────┬───────────────┐
//! │  hash seed    │  threshold    │   0 = off for all, 2^31 = on for all, between: a rollout
//! └───────────────┴───────────────┘   above 2^31: a tag (unregistered; or evaluate: the high half is an index)
//! ```
//!
//! # How it works
//!
//! The first read of a site adds it to the registry (cold; it tries a lock and never waits for it). Each publish first
//! swaps the snapshot, and then updates the sites of the changed keys, under that lock.
//!
//! All accesses to one atomic are totally ordered, so a thread never reads an older state after a newer one from the
//! same site. A state that says "evaluate" is not the whole message: the read then loads the snapshot, which is other
//! memory. So the publisher stores the state with release ordering, and a read loads it with acquire ordering. A read
//! that finds "evaluate" thus finds the snapshot of that state, or a newer one. It loads the state again afterwards,
//! which extends the order to a state that has become complete meanwhile. `scripts/loom` models every ordered pair of
//! kinds of states. On x86-64 an acquire load is the same instruction as a relaxed one.
//!
//! # Limits
//!
//! Two sites have two words: a thread may read the new value of one flag and the old value of another. If two flags
//! must agree, take a [snapshot](crate::Flags::snapshot) and read both from it. A site lives as long as the process.
//!
//! # Files
//!
//! - `state`: the packed word.
//! - `registry`: the list of all sites, and the installed flags that they follow.
//! - `hook`: what the slow path calls in tests. `model`: the loom models.

#[cfg(feature = "testing")]
pub(crate) mod hook;
#[cfg(all(test, flagkit_loom))]
mod model;
mod registry;
mod state;

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use self::registry::REGISTRY;
use self::state::State;
use crate::bucketing::bucket::Threshold;
use crate::bucketing::bucketer::SimpleRollout;
use crate::error::write_report;
use crate::model::{Stage, Variant};
use crate::publish::snapshot::StageLookup;
use crate::publish::sync::AtomicU64;
use crate::read::flags::Flags;
use crate::subject::Subject;

/// The static that reads one flag at one use of `flag!`.
///
/// The code around it calls [`is_on`](Self::is_on) or [`is_on_for`](Self::is_on_for). The registry links all sites that
/// were read once into a list, and writes their states.
#[derive(Debug)]
pub struct CallSite {
    /// The bits of a [`State`].
    state: AtomicU64,
    key: &'static str,
    /// The site that was registered before this one. Set once, when this one is registered.
    next: OnceLock<Option<&'static CallSite>>,
}

impl CallSite {
    /// Creates a site for the key, which `flag!` has checked. An illegal key is never declared, hence dark.
    #[cfg(not(flagkit_loom))]
    pub const fn new(key: &'static str) -> Self {
        Self { state: AtomicU64::new(State::UNREGISTERED.to_bits()), key, next: OnceLock::new() }
    }

    /// Creates a site for the key. Not `const`, because the atomics of loom are not.
    #[cfg(flagkit_loom)]
    pub fn new(key: &'static str) -> Self {
        Self { state: AtomicU64::new(State::UNREGISTERED.to_bits()), key, next: OnceLock::new() }
    }

    /// Returns whether the flag is on for all subjects.
    #[inline]
    pub fn is_on(&'static self) -> bool {
        match self.state().rollout() {
            Some(rollout) => rollout.threshold == Threshold::ALL,
            None => self.evaluate_slow(&()),
        }
    }

    /// Returns whether the flag is on for the subject.
    #[inline]
    pub fn is_on_for<S: Subject + ?Sized>(&'static self, subject: &S) -> bool {
        match self.state().rollout() {
            Some(rollout) => is_included(rollout, subject),
            None => self.evaluate_slow(subject),
        }
    }

    /// Returns the stage of a migration that is at one stage everywhere. `None` if it must be looked up.
    #[inline]
    pub(crate) fn stage(&'static self) -> Option<Stage> {
        self.state().stage()
    }

    /// Looks up the stage of a migration in the snapshot. Registers the site if it is new and `may_register` allows it.
    #[inline(never)]
    pub(crate) fn stage_slow<S: Subject + ?Sized>(&'static self, subject: &S, may_register: bool) -> StageLookup {
        if may_register && self.state() == State::UNREGISTERED {
            REGISTRY.register(self);
        }
        #[cfg(feature = "testing")]
        if let Some(stage) = hook::read_hook().and_then(|hook| hook.forced_stage(self.key)) {
            return StageLookup::At(stage);
        }
        let look_up = |flags: &Flags| flags.store().cell().read(|snapshot| snapshot.look_up_stage(self.key, subject));
        let found = REGISTRY.flags().map_or(StageLookup::NotFound, look_up);
        // As in `evaluate_slow`: if the state holds the stage by now, this read uses it.
        self.stage().map_or(found, StageLookup::At)
    }

    /// Registers the site if it is new, and evaluates the flag in the snapshot.
    #[inline(never)]
    fn evaluate_slow<S: Subject + ?Sized>(&'static self, subject: &S) -> bool {
        if self.state() == State::UNREGISTERED {
            REGISTRY.register(self);
        }
        #[cfg(feature = "testing")]
        if let Some(on) = hook::read_hook().and_then(|hook| hook.forced(self.key)) {
            return on;
        }
        let index = self.state().index();
        let is_on = |flags: &Flags| flags.store().cell().read(|snapshot| snapshot.is_on_at(index, self.key, subject));
        let on = REGISTRY.flags().is_some_and(is_on);
        // If the state holds a complete answer by now, this read uses it, as the next read will. Otherwise this read
        // could answer from a newer snapshot, and the next one from an older state.
        let on = self.state().rollout().map_or(on, |rollout| is_included(rollout, subject));
        #[cfg(feature = "testing")]
        if let Some(hook) = hook::read_hook() {
            hook.record(self.key, on);
        }
        on
    }

    #[inline]
    fn state(&self) -> State {
        // Pairs with the store below: a read that finds "evaluate" must find the snapshot it refers to, or a newer one.
        State::from_bits(self.state.load(Ordering::Acquire))
    }

    pub(crate) fn key(&self) -> &'static str {
        self.key
    }

    /// Replaces the state. Called under the registry's lock, so that states follow snapshots in order.
    fn store(&self, state: State) {
        // Publishes the snapshot together with the state: the publisher has stored it before.
        self.state.store(state.to_bits(), Ordering::Release);
    }

    /// Sets the next site of the list, if it is not set. Returns whether this call has set it.
    fn link(&'static self, next: Option<&'static Self>) -> bool {
        self.next.set(next).is_ok()
    }

    fn next(&self) -> Option<&'static Self> {
        self.next.get().copied().flatten()
    }
}

#[inline]
fn is_included<S: Subject + ?Sized>(rollout: SimpleRollout, subject: &S) -> bool {
    match rollout.threshold {
        Threshold::NONE => false,
        Threshold::ALL => true,
        threshold => rollout.point(subject).is_some_and(|point| point.is_below(threshold)),
    }
}

/// Returns the subject's variant from the installed flags. `variant!` calls this; a variant never fits into a state.
#[inline]
pub(crate) fn installed_variant<S: Subject + ?Sized>(key: &str, subject: &S) -> Option<Variant> {
    #[cfg(feature = "testing")]
    if let Some(variant) = hook::read_hook().and_then(|hook| hook.forced_variant(key)) {
        return variant;
    }
    let variant = installed().and_then(|flags| flags.variant(key, subject));
    #[cfg(feature = "testing")]
    if let Some(hook) = hook::read_hook() {
        hook.record_variant(key, variant.as_ref());
    }
    variant
}

/// Installs the flags that `flag!` and `variant!` read, once for the life of the process.
///
/// Call it from an application; a library leaves it to the application that uses the library. Until then, every flag
/// is dark.
///
/// # Errors
///
/// Returns an error if flags are already installed. Those stay installed.
///
/// # Examples
///
/// ```standalone_crate
/// use flagkit_core::{Flag, FlagKey, FlagSet, Flags, flag};
///
/// assert!(!flag!("new-checkout"));
/// let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("new-checkout")?, Flag::on())]));
/// flagkit_core::install(flags).expect("installed only here");
/// assert!(flag!("new-checkout"));
/// # Ok::<(), flagkit_core::Error>(())
/// ```
pub fn install(flags: Flags) -> Result<(), InstallError> {
    REGISTRY.install(flags).map_err(InstallError)
}

/// The error of [`install`]: flags are already installed. It carries the flags that were not installed.
#[derive(thiserror::Error)]
#[error("cannot install the flags: this process has installed flags already")]
pub struct InstallError(Flags);

impl fmt::Debug for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_report(self, f)
    }
}

impl InstallError {
    /// Returns the flags that could not be installed.
    pub fn into_flags(self) -> Flags {
        self.0
    }
}

/// Returns whether the registry's lock is free. In a forked child, a lock that was held at the fork never becomes free.
pub(crate) fn is_registry_unlocked() -> bool {
    REGISTRY.is_unlocked()
}

/// Returns the [installed](install) flags, if any.
pub fn installed() -> Option<&'static Flags> {
    REGISTRY.flags()
}
