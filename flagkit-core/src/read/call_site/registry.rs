//! All call sites that have been reached, and the flags they follow.

use std::ptr;
use std::sync::{OnceLock, PoisonError, TryLockError};

use super::CallSite;
use super::state::Word;
use crate::model::key::FlagKey;
use crate::publish::indexed_map::NOWHERE;
use crate::publish::snapshot::Snapshot;
use crate::publish::sync::{Mutex, MutexGuard};
use crate::read::flags::Flags;

/// The process's registry. A site joins at its first hit and stays: sites are statics.
#[cfg(not(flagkit_loom))]
pub(super) static REGISTRY: Registry = Registry { flags: OnceLock::new(), sites: Mutex::new(Sites::new()) };
#[cfg(flagkit_loom)]
loom::lazy_static! {
    pub(super) static ref REGISTRY: Registry = Registry { flags: OnceLock::new(), sites: Mutex::new(Sites::new()) };
}

pub(super) struct Registry {
    flags: OnceLock<Flags>,
    sites: Mutex<Sites>,
}

struct Sites {
    /// The head of a list that runs through the sites themselves, so that joining it allocates nothing.
    first: Option<&'static CallSite>,
    /// The head of it when `by_key` was filled last: from there on all are in there.
    filed: Option<&'static CallSite>,
    /// In the order of their keys, for whoever publishes: a change concerns few of them.
    by_key: Vec<&'static CallSite>,
    /// How many tests want every read to ask.
    watchers: usize,
}

impl Sites {
    const fn new() -> Self {
        Self { first: None, filed: None, by_key: Vec::new(), watchers: 0 }
    }

    fn are_watched(&self) -> bool {
        self.watchers > 0
    }

    /// What a site remembers while no flags are installed. Makes no empty snapshot for that, which may allocate.
    fn nothing(&self) -> Word {
        if self.are_watched() { Word::asking(NOWHERE) } else { Word::DARK }
    }

    /// Rewrites the words of sites of one key.
    fn rewrite(&self, same: &[&'static CallSite], snapshot: &Snapshot) {
        if let Some(first) = same.first() {
            let word = Word::in_force(snapshot, first.key(), self.are_watched());
            for site in same {
                site.remember(word);
            }
        }
    }

    fn rewrite_all(&self, snapshot: &Snapshot) {
        for same in self.by_key.chunk_by(|a, b| a.key() == b.key()) {
            self.rewrite(same, snapshot);
        }
    }

    /// Takes in those that have joined since.
    fn file(&mut self) {
        let (mut next, known) = (self.first, self.by_key.len());
        while let Some(site) = next.filter(|site| !self.filed.is_some_and(|filed| ptr::eq(filed, *site))) {
            self.by_key.push(site);
            next = site.next();
        }
        self.filed = self.first;
        if self.by_key.len() > known {
            self.by_key.sort_by_key(|site| site.key());
        }
    }

    /// Those of a key.
    fn of(&self, key: &str) -> &[&'static CallSite] {
        let from = self.by_key.partition_point(|site| site.key() < key);
        let rest = self.by_key.get(from..).unwrap_or_default();
        let len = rest.iter().take_while(|site| site.key() == key).count();
        rest.get(..len).unwrap_or_default()
    }
}

impl Registry {
    #[inline]
    pub(super) fn flags(&'static self) -> Option<&'static Flags> {
        self.flags.get()
    }

    /// Makes the sites follow these flags; gives them back if they follow others already.
    pub(super) fn install(&self, flags: Flags) -> Result<(), Flags> {
        self.flags.set(flags)?;
        if let Some(flags) = self.flags.get() {
            flags.store().follow(|snapshot, changed| REGISTRY.refresh(snapshot, changed));
        }
        Ok(())
    }

    /// Adds a site at its first hit, unless somebody else is at the list: then the next hit will.
    ///
    /// No snapshot can be missed. A publisher puts its snapshot in force *before* it takes this lock to refresh the
    /// sites. So either this runs after that refresh and reads the new snapshot, or the refresh comes later and
    /// finds the site in the list. It rewrites the keys that changed since the snapshot before, and that is the oldest
    /// that can have been read here: the refresh for it is over, or finds the site too.
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
            Some(flags) => flags.store().cell().read(|snapshot| sites.rewrite(&[site], snapshot)),
            None => site.remember(sites.nothing()),
        }
    }

    pub(super) fn is_free(&self) -> bool {
        !matches!(self.sites.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Rewrites the words of the sites whose key is among those that changed, or of all.
    fn refresh(&self, snapshot: &Snapshot, changed: Option<&[FlagKey]>) {
        let mut sites = self.lock();
        sites.file();
        match changed {
            Some(keys) if keys.len() < sites.by_key.len() => {
                for key in keys {
                    sites.rewrite(sites.of(key.as_str()), snapshot);
                }
            }
            _ => sites.rewrite_all(snapshot),
        }
    }

    /// Has every read of every site ask, until [`unwatch`](Registry::unwatch) has been called as often.
    #[cfg(feature = "testing")]
    pub(super) fn watch(&'static self) {
        let mut sites = self.lock();
        sites.watchers += 1;
        if sites.watchers == 1 {
            self.rewrite_all(&mut sites);
        }
    }

    #[cfg(feature = "testing")]
    pub(super) fn unwatch(&'static self) {
        let mut sites = self.lock();
        sites.watchers -= 1;
        if sites.watchers == 0 {
            self.rewrite_all(&mut sites);
        }
    }

    #[cfg(feature = "testing")]
    fn rewrite_all(&self, sites: &mut Sites) {
        sites.file();
        match self.flags.get() {
            Some(flags) => flags.store().cell().read(|snapshot| sites.rewrite_all(snapshot)),
            None => {
                for site in &sites.by_key {
                    site.remember(sites.nothing());
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sites> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(flagkit_loom)))]
mod tests {
    use super::super::is_free;
    #[cfg(feature = "testing")]
    use super::super::{unwatch, watch};
    use super::*;
    use crate::model::provenance::Provenance;
    use crate::model::{Flag, FlagSet};

    static EARLY: CallSite = CallSite::new("search");
    static LATE: CallSite = CallSite::new("search");
    static OTHER: CallSite = CallSite::new("basket");

    fn set(flags: [(&str, Flag); 2]) -> FlagSet {
        flags.into_iter().map(|(key, flag)| (FlagKey::new(key).expect("a key"), flag)).collect()
    }

    fn words() -> [Word; 3] {
        [&EARLY, &LATE, &OTHER].map(CallSite::word)
    }

    /// The only test in this program that installs flags. Answers would be right without the words: those are what makes
    /// a read one load, so they are what is looked at.
    #[test]
    fn a_site_remembers_what_is_in_force() {
        let part = Flag::on().with_rollout("50".parse().expect("a percentage"));
        assert_eq!(words(), [Word::UNREGISTERED; 3]);
        assert!(!EARLY.is_on());
        assert_eq!(words(), [Word::DARK, Word::UNREGISTERED, Word::UNREGISTERED], "nothing is installed");

        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("test:"));
        publisher.publish(set([("search", Flag::on()), ("basket", part.clone())]));
        assert!(REGISTRY.install(flags.clone()).is_ok());
        let force = |key| Word::in_force(&flags.snapshot(), key, false);
        assert_eq!(words(), [force("search"), Word::UNREGISTERED, Word::UNREGISTERED], "who came first follows");
        assert!(EARLY.is_on() && LATE.is_on() && !OTHER.is_on());
        assert_eq!(words(), [force("search"), force("search"), force("basket")]);
        assert!(words().iter().all(|word| word.split().is_some()), "all is in the word");

        publisher.publish(set([("search", Flag::off()), ("basket", part.clone())]));
        assert_eq!(words(), [Word::DARK, Word::DARK, force("basket")]);
        publisher.publish(set([("search", Flag::off()), ("basket", part.with_bucket_by("account"))]));
        assert_eq!(words(), [Word::DARK, Word::DARK, force("basket")]);
        assert_eq!(OTHER.word().split(), None, "what takes more than a word is asked for");
        publisher.publish(FlagSet::new());
        assert_eq!(words(), [Word::DARK; 3]);

        #[cfg(feature = "testing")]
        {
            watch();
            watch();
            assert!(words().iter().all(|word| word.split().is_none()), "every read asks");
            publisher.publish(set([("search", Flag::on()), ("basket", Flag::on())]));
            assert!(words().iter().all(|word| word.split().is_none()), "after a publish too");
            unwatch();
            assert!(words().iter().all(|word| word.split().is_none()), "somebody else watches");
            unwatch();
            assert_eq!(words(), [force("search"), force("search"), force("basket")]);
        }

        assert!(is_free());
        let held = REGISTRY.lock();
        assert!(!is_free());
        drop(held);
        assert!(is_free());
    }
}
