//! The registry of all call sites that were read, and the flags they follow.
//!
//! # The problem
//!
//! A publish must update every site of a changed flag, and no site may miss a change while it registers. A site
//! registers at its first read, which must not wait or allocate.
//!
//! # The idea
//!
//! The sites form a linked list through themselves, so that a registration is a pointer and allocates nothing. The
//! publisher, which may allocate, keeps a second list that is sorted by key. It adds new sites to it before it updates.
//!
//! # How it works
//!
//! ```text
//! first read ──try_lock──▶ link into the list, store the state of the current snapshot
//! publish    ──lock──────▶ index the new sites, store the states of the changed keys
//! ```
//!
//! [`Registry::register`] argues why no site misses a snapshot. `model` checks it in every interleaving.

use std::ptr;
use std::sync::{OnceLock, PoisonError, TryLockError};

use super::CallSite;
use super::state::State;
use crate::model::key::FlagKey;
use crate::publish::indexed_map::NO_INDEX;
use crate::publish::snapshot::Snapshot;
use crate::publish::sync::{Mutex, MutexGuard};
use crate::read::flags::Flags;

/// The registry of the process. A site is added at its first read and never removed, because sites are statics.
#[cfg(not(flagkit_loom))]
pub(super) static REGISTRY: Registry = Registry { flags: OnceLock::new(), sites: Mutex::new(Sites::new()) };
#[cfg(flagkit_loom)]
loom::lazy_static! {
    pub(super) static ref REGISTRY: Registry = Registry { flags: OnceLock::new(), sites: Mutex::new(Sites::new()) };
}

/// The installed flags, and the call sites that follow them.
///
/// There is one, [`REGISTRY`]. A call site calls it at its first read. The store of the installed flags calls it at
/// each publish, as a [`SnapshotHook`](crate::publish::store::SnapshotHook). Test guards call it when they begin and
/// end.
pub(super) struct Registry {
    /// Set once by [`install`](super::install). A read loads it without the lock.
    flags: OnceLock<Flags>,
    /// A first read tries this lock and never waits for it. Publishers and test guards wait.
    sites: Mutex<Sites>,
}

/// The list of all registered sites, and an index of it by key. Only used under the registry's lock.
struct Sites {
    /// The head of a linked list through the sites themselves, so that a registration allocates nothing.
    first: Option<&'static CallSite>,
    /// The head of the list when `by_key` was last updated: this site and those after it are in the index.
    first_indexed: Option<&'static CallSite>,
    /// The sites sorted by key, for publishers: most changes concern few sites.
    by_key: Vec<&'static CallSite>,
    /// The number of test guards that force every read to the slow path.
    forced: usize,
}

impl Sites {
    /// Returns a list without sites. It is `const`, because the registry is a static.
    const fn new() -> Self {
        Self { first: None, first_indexed: None, by_key: Vec::new(), forced: 0 }
    }

    /// Returns whether every read takes the slow path, because a test guard is alive.
    fn is_forced(&self) -> bool {
        self.forced > 0
    }

    /// Returns the state of a site while no flags are installed. Needs no empty snapshot, which may allocate.
    fn empty_state(&self) -> State {
        if self.is_forced() { State::evaluate_at(NO_INDEX) } else { State::DARK }
    }

    /// Updates the states of sites that all have the same key. The state is built once for all of them.
    fn update(&self, same_key: &[&'static CallSite], snapshot: &Snapshot) {
        if let Some(first) = same_key.first() {
            let state = State::for_key(snapshot, first.key(), self.is_forced());
            for site in same_key {
                site.store(state);
            }
        }
    }

    /// Updates the states of all indexed sites, with one look-up per key.
    fn update_all(&self, snapshot: &Snapshot) {
        for same_key in self.by_key.chunk_by(|a, b| a.key() == b.key()) {
            self.update(same_key, snapshot);
        }
    }

    /// Adds the sites that were registered since the last call to the index.
    ///
    /// A new site is put before the head of the list, so the walk ends at the head of the last call.
    fn index_new_sites(&mut self) {
        let (mut next, known) = (self.first, self.by_key.len());
        while let Some(site) = next.filter(|site| !self.first_indexed.is_some_and(|known| ptr::eq(known, *site))) {
            self.by_key.push(site);
            next = site.next();
        }
        self.first_indexed = self.first;
        if self.by_key.len() > known {
            self.by_key.sort_by_key(|site| site.key());
        }
    }

    /// Returns the indexed sites of a key.
    fn sites_for(&self, key: &str) -> &[&'static CallSite] {
        let from = self.by_key.partition_point(|site| site.key() < key);
        let rest = self.by_key.get(from..).unwrap_or_default();
        let len = rest.iter().take_while(|site| site.key() == key).count();
        rest.get(..len).unwrap_or_default()
    }
}

impl Registry {
    /// Returns the installed flags, if any.
    #[inline]
    pub(super) fn flags(&'static self) -> Option<&'static Flags> {
        self.flags.get()
    }

    /// Makes the sites follow these flags. Returns the flags if others are installed already.
    ///
    /// The flags are set before the hook. The store calls the hook at once, and that updates the sites that were read
    /// before.
    pub(super) fn install(&self, flags: Flags) -> Result<(), Flags> {
        self.flags.set(flags)?;
        if let Some(flags) = self.flags.get() {
            flags.store().set_hook(|snapshot, changed| REGISTRY.refresh(snapshot, changed));
        }
        Ok(())
    }

    /// Adds a site at its first read. If another thread holds the lock, the next read tries again.
    ///
    /// The site misses no snapshot. A publisher stores its snapshot *before* it takes this lock to refresh the sites.
    /// There are two cases:
    ///
    /// - This call runs after that refresh, and reads the new snapshot.
    /// - The refresh runs later, and finds the site in the list. It updates the keys that changed since the previous
    ///   snapshot. This call cannot have read an older one, because the refresh for the previous snapshot either ran
    ///   before, or finds the site too.
    #[cold]
    pub(super) fn register(&self, site: &'static CallSite) {
        let mut sites = match self.sites.try_lock() {
            Ok(sites) => sites,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if site.link(sites.first) {
            sites.first = Some(site);
        }
        match self.flags.get() {
            Some(flags) => flags.store().cell().read(|snapshot| sites.update(&[site], snapshot)),
            None => site.store(sites.empty_state()),
        }
    }

    /// Returns whether no thread holds the lock.
    pub(super) fn is_unlocked(&self) -> bool {
        !matches!(self.sites.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Updates the sites of the changed keys, or all sites if `changed` is `None`.
    ///
    /// If at least as many keys changed as there are sites, one walk over all sites is the shorter way.
    fn refresh(&self, snapshot: &Snapshot, changed: Option<&[FlagKey]>) {
        let mut sites = self.lock();
        sites.index_new_sites();
        match changed {
            Some(keys) if keys.len() < sites.by_key.len() => {
                for key in keys {
                    sites.update(sites.sites_for(key.as_str()), snapshot);
                }
            }
            _ => sites.update_all(snapshot),
        }
    }

    /// Makes every read of every site take the slow path, until as many calls of [`restore_fast_path`].
    ///
    /// [`restore_fast_path`]: Registry::restore_fast_path
    #[cfg(feature = "testing")]
    pub(super) fn force_slow_path(&'static self) {
        let mut sites = self.lock();
        sites.forced += 1;
        if sites.forced == 1 {
            self.update_all(&mut sites);
        }
    }

    /// Undoes one call of `force_slow_path`. The last one gives each site the state of its flag again.
    #[cfg(feature = "testing")]
    pub(super) fn restore_fast_path(&'static self) {
        let mut sites = self.lock();
        sites.forced -= 1;
        if sites.forced == 0 {
            self.update_all(&mut sites);
        }
    }

    /// Updates all sites from the current snapshot, after the first test guard begins or the last one ends.
    #[cfg(feature = "testing")]
    fn update_all(&self, sites: &mut Sites) {
        sites.index_new_sites();
        match self.flags.get() {
            Some(flags) => flags.store().cell().read(|snapshot| sites.update_all(snapshot)),
            None => {
                for site in &sites.by_key {
                    site.store(sites.empty_state());
                }
            }
        }
    }

    /// No user code runs under this lock, so the data is consistent even if the lock is poisoned.
    fn lock(&self) -> MutexGuard<'_, Sites> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(flagkit_loom)))]
mod tests {
    #[cfg(feature = "testing")]
    use super::super::hook::{ReadHook, force_slow_path, restore_fast_path};
    use super::super::is_registry_unlocked;
    use super::*;
    use crate::model::provenance::Provenance;
    use crate::model::{Flag, FlagSet};
    #[cfg(feature = "testing")]
    use crate::model::{Stage, Variant};

    /// A hook that forces and records nothing.
    #[cfg(feature = "testing")]
    struct NoOverrides;

    #[cfg(feature = "testing")]
    impl ReadHook for NoOverrides {
        fn forced(&self, _: &str) -> Option<bool> {
            None
        }

        fn forced_variant(&self, _: &str) -> Option<Option<Variant>> {
            None
        }

        fn forced_stage(&self, _: &str) -> Option<Stage> {
            None
        }

        fn record(&self, _: &str, _: bool) {}

        fn record_variant(&self, _: &str, _: Option<&Variant>) {}
    }

    static EARLY: CallSite = CallSite::new("search");
    static LATE: CallSite = CallSite::new("search");
    static OTHER: CallSite = CallSite::new("basket");

    fn set(flags: [(&str, Flag); 2]) -> FlagSet {
        flags.into_iter().map(|(key, flag)| (FlagKey::new(key).expect("a key"), flag)).collect()
    }

    fn states() -> [State; 3] {
        [&EARLY, &LATE, &OTHER].map(CallSite::state)
    }

    /// The only test in this program that installs flags. Answers would be right without the states: those are what
    /// makes a read one load, so they are what is looked at.
    #[test]
    fn a_site_holds_the_state_of_its_flag() {
        let part = Flag::on().with_rollout("50".parse().expect("a percentage"));
        assert_eq!(states(), [State::UNREGISTERED; 3]);
        assert!(!EARLY.is_on());
        assert_eq!(states(), [State::DARK, State::UNREGISTERED, State::UNREGISTERED], "nothing is installed");

        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("test:"));
        publisher.publish(set([("search", Flag::on()), ("basket", part.clone())]));
        assert!(REGISTRY.install(flags.clone()).is_ok());
        let expected = |key| State::for_key(&flags.snapshot(), key, false);
        assert_eq!(
            states(),
            [expected("search"), State::UNREGISTERED, State::UNREGISTERED],
            "the registered site follows"
        );
        assert!(EARLY.is_on() && LATE.is_on() && !OTHER.is_on());
        assert_eq!(states(), [expected("search"), expected("search"), expected("basket")]);
        assert!(states().iter().all(|state| state.rollout().is_some()), "every answer is in the state");

        publisher.publish(set([("search", Flag::off()), ("basket", part.clone())]));
        assert_eq!(states(), [State::DARK, State::DARK, expected("basket")]);
        publisher.publish(set([("search", Flag::off()), ("basket", part.with_bucket_by("account"))]));
        assert_eq!(states(), [State::DARK, State::DARK, expected("basket")]);
        assert_eq!(OTHER.state().rollout(), None, "a flag that does not fit is evaluated");
        publisher.publish(FlagSet::new());
        assert_eq!(states(), [State::DARK; 3]);

        #[cfg(feature = "testing")]
        {
            force_slow_path(&NoOverrides);
            force_slow_path(&NoOverrides);
            assert!(states().iter().all(|state| state.rollout().is_none()), "every read takes the slow path");
            publisher.publish(set([("search", Flag::on()), ("basket", Flag::on())]));
            assert!(states().iter().all(|state| state.rollout().is_none()), "after a publish too");
            restore_fast_path();
            assert!(states().iter().all(|state| state.rollout().is_none()), "one call is still in effect");
            restore_fast_path();
            assert_eq!(states(), [expected("search"), expected("search"), expected("basket")]);
        }

        assert!(is_registry_unlocked());
        let held = REGISTRY.lock();
        assert!(!is_registry_unlocked());
        drop(held);
        assert!(is_registry_unlocked());
    }
}
