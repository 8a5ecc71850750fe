//! The place in the code where a flag is read.
//!
//! # The problem
//!
//! A flag check that costs a hash-map look-up is a check that people hoist out of loops, cache in fields, and leave
//! out. A cached flag does not follow its file any more.
//!
//! # The idea
//!
//! `flag!("key")` puts one static at the place of use, and the *flags push* what they know of the key into it. The
//! read is one relaxed load of one word and a compare; a plain percentage adds one hash of the id.
//!
//! ```text
//! 63            32 31             0
//! ┌───────────────┬───────────────┐
//! │  hash seed    │  threshold    │   0 = off for all, 2^31 = on for all, between: a rollout
//! └───────────────┴───────────────┘   above: a tag (not registered yet; ask the snapshot, and where to look in it)
//! ```
//!
//! # How it works
//!
//! The first hit of a site adds it to a list (cold, behind a lock that is only ever tried, never waited for).
//! Publishing a snapshot first swaps the snapshot, then rewrites the sites of the keys that changed, under that lock.
//!
//! The load may be relaxed: the word is the whole message, nothing else is read on its account, and the accesses to
//! one atomic are totally ordered, so a thread never sees an older word after a newer one from the same site. What has to
//! ask the snapshot looks at the word once more behind that, so that it holds for answers too (modelled: `scripts/loom`).
//!
//! # Limits
//!
//! Two sites are two words: a thread may see one flag of a change and not yet the other. Where two flags must agree,
//! pin a [snapshot](crate::Flags::snapshot) and read both through it. A site lives as long as the process.

mod registry;
mod state;

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use self::registry::REGISTRY;
use self::state::Word;
use crate::bucketing::bucket::Threshold;
use crate::bucketing::bucketer::PlainSplit;
use crate::publish::sync::AtomicU64;
use crate::read::flags::Flags;
use crate::subject::Subject;

/// One place in the code where one flag is read. Made by `flag!`.
#[derive(Debug)]
pub struct CallSite {
    word: AtomicU64,
    key: &'static str,
    /// The site that joined the list before this one. Set once, when this one joins.
    next: OnceLock<Option<&'static CallSite>>,
}

impl CallSite {
    /// Makes a site for the key, which `flag!` has checked. A key of illegal form is never declared, hence dark.
    #[cfg(not(flagkit_loom))]
    pub const fn new(key: &'static str) -> Self {
        Self { word: AtomicU64::new(Word::UNREGISTERED.to_bits()), key, next: OnceLock::new() }
    }

    #[cfg(flagkit_loom)]
    pub fn new(key: &'static str) -> Self {
        Self { word: AtomicU64::new(Word::UNREGISTERED.to_bits()), key, next: OnceLock::new() }
    }

    /// Tells whether the flag is on for everybody.
    #[inline]
    pub fn is_on(&'static self) -> bool {
        match self.word().split() {
            Some(split) => split.threshold == Threshold::EVERYBODY,
            None => self.ask(&()),
        }
    }

    /// Tells whether the flag is on for the subject.
    #[inline]
    pub fn is_on_for<S: Subject + ?Sized>(&'static self, subject: &S) -> bool {
        match self.word().split() {
            Some(split) => is_let_in(split, subject),
            None => self.ask(subject),
        }
    }

    /// Asks the snapshot, after a first hit has joined the list.
    #[inline(never)]
    fn ask<S: Subject + ?Sized>(&'static self, subject: &S) -> bool {
        if self.word() == Word::UNREGISTERED {
            REGISTRY.register(self);
        }
        #[cfg(feature = "testing")]
        if let Some(on) = crate::testing::frames::forced(self.key) {
            return on;
        }
        let place = self.word().place();
        let is_on = |flags: &Flags| flags.store().cell().read(|snapshot| snapshot.is_on_at(place, self.key, subject));
        let on = REGISTRY.flags().is_some_and(is_on);
        // A word that says it all by now was written for this snapshot or the one before, and the next read obeys it. So
        // does this one: else it would answer from the newer snapshot, and the next from the older.
        let on = self.word().split().map_or(on, |split| is_let_in(split, subject));
        #[cfg(feature = "testing")]
        crate::testing::frames::asked(self.key, on);
        on
    }

    #[inline]
    fn word(&self) -> Word {
        Word::from_bits(self.word.load(Ordering::Relaxed))
    }

    fn key(&self) -> &'static str {
        self.key
    }

    /// Rewrites the word. Called under the registry's lock, so that words follow snapshots in order.
    fn remember(&self, word: Word) {
        self.word.store(word.to_bits(), Ordering::Relaxed);
    }

    /// Sets the next site in the list, the first time; tells whether this was it.
    fn link(&'static self, next: Option<&'static Self>) -> bool {
        self.next.set(next).is_ok()
    }

    fn next(&self) -> Option<&'static Self> {
        self.next.get().copied().flatten()
    }
}

#[inline]
fn is_let_in<S: Subject + ?Sized>(split: PlainSplit, subject: &S) -> bool {
    match split.threshold {
        Threshold::NOBODY => false,
        Threshold::EVERYBODY => true,
        threshold => split.point(subject).is_some_and(|point| point.is_below(threshold)),
    }
}

/// Installs the flags that `flag!` reads, once for the life of the process.
///
/// For applications; a library leaves this to the application it becomes part of. Before it, and without it, every
/// `flag!` is dark.
///
/// # Errors
///
/// Returns an error when flags are installed already. Those stay in force.
///
/// # Examples
///
/// ```standalone_crate
/// use flagkit_core::{Flag, FlagKey, FlagSet, Flags, flag};
///
/// assert!(!flag!("new-checkout"));
/// let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("new-checkout")?, Flag::on())]));
/// flagkit_core::install(flags).expect("nobody else installs flags here");
/// assert!(flag!("new-checkout"));
/// # Ok::<(), flagkit_core::KeyError>(())
/// ```
pub fn install(flags: Flags) -> Result<(), InstallError> {
    REGISTRY.install(flags).map_err(InstallError)
}

/// Flags are installed for this process already.
#[derive(Debug)]
pub struct InstallError(Flags);

impl InstallError {
    /// Returns the flags that could not be installed.
    pub fn into_flags(self) -> Flags {
        self.0
    }
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flags are installed for this process already; install them once")
    }
}

impl Error for InstallError {}

/// Has every read of every site ask, as long as tests want to have a say.
#[cfg(feature = "testing")]
pub(crate) fn watch() {
    REGISTRY.watch();
}

/// The end of that.
#[cfg(feature = "testing")]
pub(crate) fn unwatch() {
    REGISTRY.unwatch();
}

/// Whether nobody is adding a site or rewriting the sites.
pub(crate) fn is_free() -> bool {
    REGISTRY.is_free()
}

/// Returns the flags that are [installed](install), if any are.
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

    /// Flags that are installed, for one run of a model.
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

    /// In all orders with so many switches of threads where none is needed.
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
            assert_ne!(site.word(), Word::UNREGISTERED);
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
            assert!(site.is_on(), "who has published reads it");
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
            let before = site.word();
            let reader = thread::spawn(move || [site.word(), site.word()]);
            publisher.publish(set(part("second", "75")));
            let after = site.word();
            assert_ne!(before, after);
            let words = reader.join().expect("no panic");
            let places = words.map(|word| [before, after].iter().position(|known| *known == word));
            assert!(matches!(places, [Some(0), Some(0 | 1)] | [Some(1), Some(1)]), "{words:?}");
        });
    }

    #[test]
    fn no_older_answer_comes_after_a_newer_one_when_rules_come_and_go() {
        check(2, || {
            let asking = || Flag::on().with_bucket_by("account").with_rollout("50".parse().expect("it"));
            let (publisher, site) = (installed(asking()), site());
            assert!(!site.is_on(), "nobody in particular has no account");
            let reader = thread::spawn(move || {
                let answers = [site.is_on(), site.is_on()];
                // Asked, off and on: what is on was published last.
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
