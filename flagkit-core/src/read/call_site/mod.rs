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
//! - `hook`: what the slow path calls in tests.

#[cfg(feature = "testing")]
pub(crate) mod hook;
mod registry;
mod state;

use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use self::registry::REGISTRY;
use self::state::State;
use crate::bucketing::bucket::Threshold;
use crate::bucketing::bucketer::SimpleRollout;
use crate::model::Variant;
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

    fn key(&self) -> &'static str {
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
#[derive(Debug, thiserror::Error)]
#[error("cannot install the flags: this process has installed flags already")]
pub struct InstallError(Flags);

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

#[cfg(all(test, flagkit_loom))]
mod model {
    use loom::thread;

    use super::*;
    use crate::model::key::FlagKey;
    use crate::model::provenance::Provenance;
    use crate::model::{Flag, FlagSet};
    use crate::publish::publisher::Publisher;

    fn set(flag: Flag) -> FlagSet {
        FlagSet::from_iter([(FlagKey::new("k").expect("a key"), flag)])
    }

    /// Installs flags for one run of a model, and returns the publisher of their layer.
    fn installed(flag: Flag) -> Publisher {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("model:"));
        publisher.publish(set(flag));
        assert!(install(flags).is_ok());
        publisher
    }

    fn site() -> &'static CallSite {
        Box::leak(Box::new(CallSite::new("k")))
    }

    /// Checks the model under all interleavings with at most this many involuntary switches of threads.
    fn check(switches: usize, model: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(switches);
        builder.check(model);
    }

    #[test]
    fn a_site_that_joins_during_a_publish_is_not_left_stale() {
        check(3, || {
            let (publisher, site) = (installed(Flag::off()), site());
            let reader = thread::spawn(move || {
                let answers = [site.is_on(), site.is_on(), site.is_on()];
                assert!(answers.is_sorted(), "an older answer after a newer one: {answers:?}");
            });
            publisher.publish(set(Flag::on()));
            reader.join().expect("no panic");
            assert!(site.is_on());
            assert_ne!(site.state(), State::UNREGISTERED);
        });
    }

    #[test]
    fn a_site_that_has_joined_follows() {
        check(3, || {
            let (publisher, site) = (installed(Flag::off()), site());
            assert!(!site.is_on());
            let reader = thread::spawn(move || {
                let answers = [site.is_on(), site.is_on()];
                assert!(answers.is_sorted(), "{answers:?}");
            });
            publisher.publish(set(Flag::on()));
            assert!(site.is_on(), "the publisher reads its own flags");
            reader.join().expect("no panic");
        });
    }

    #[test]
    fn a_seed_is_never_seen_with_the_threshold_of_another() {
        check(3, || {
            let part =
                |salt: &str, percent: &str| Flag::on().with_salt(salt).with_rollout(percent.parse().expect("it"));
            let (publisher, site) = (installed(part("first", "25")), site());
            site.is_on_for("u1");
            let before = site.state();
            let reader = thread::spawn(move || [site.state(), site.state()]);
            publisher.publish(set(part("second", "75")));
            let after = site.state();
            assert_ne!(before, after);
            let states = reader.join().expect("no panic");
            let positions = states.map(|state| [before, after].iter().position(|known| *known == state));
            assert!(matches!(positions, [Some(0), Some(0 | 1)] | [Some(1), Some(1)]), "{states:?}");
        });
    }

    #[test]
    fn no_older_answer_comes_after_a_newer_one_when_rules_come_and_go() {
        check(2, || {
            let evaluated = || Flag::on().with_bucket_by("account").with_rollout("50".parse().expect("it"));
            let (publisher, site) = (installed(evaluated()), site());
            assert!(!site.is_on(), "no subject, so no account");
            let reader = thread::spawn(move || {
                let answers = [site.is_on(), site.is_on()];
                // Evaluated, off, on: the last one published is on.
                assert!(answers.is_sorted(), "{answers:?}");
            });
            publisher.publish(set(Flag::off()));
            publisher.publish(set(Flag::on()));
            reader.join().expect("no panic");
            assert!(site.is_on());
        });
    }

    #[test]
    fn two_sites_join_at_once() {
        check(2, || {
            let (publisher, first, second) = (installed(Flag::off()), site(), site());
            let readers = [first, second].map(|site| thread::spawn(move || site.is_on()));
            publisher.publish(set(Flag::on()));
            for reader in readers {
                reader.join().expect("no panic");
            }
            assert!(first.is_on() && second.is_on());
        });
    }
}
