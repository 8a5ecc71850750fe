//! All call sites that have been reached, and the flags they follow.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use super::CallSite;
use crate::flags::Flags;
use crate::snapshot::Snapshot;

/// The process's registry. A site joins at its first hit and stays: sites are statics.
pub(super) static REGISTRY: Registry = Registry { flags: OnceLock::new(), first: Mutex::new(None) };

pub(super) struct Registry {
    flags: OnceLock<Flags>,
    /// The head of a list that runs through the sites themselves, so that joining it allocates nothing.
    first: Mutex<Option<&'static CallSite>>,
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
            flags.store().follow(|snapshot| REGISTRY.refresh(snapshot));
        }
        Ok(())
    }

    /// Adds a site at its first hit, unless somebody else is at the list: then the next hit will.
    ///
    /// No snapshot can be missed. A publisher puts its snapshot in force *before* it takes this lock to refresh the
    /// sites. So either this runs after that refresh and reads the new snapshot, or the refresh comes later and
    /// finds the site in the list.
    #[cold]
    pub(super) fn register(&self, site: &'static CallSite) {
        let mut first = match self.first.try_lock() {
            Ok(first) => first,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if site.link(*first) {
            *first = Some(site);
        }
        match self.flags.get() {
            Some(flags) => flags.store().cell().read(|snapshot| site.refresh(snapshot)),
            None => site.darken(),
        }
    }

    pub(super) fn is_free(&self) -> bool {
        !matches!(self.first.try_lock(), Err(TryLockError::WouldBlock))
    }

    fn refresh(&self, snapshot: &Snapshot) {
        let first = self.lock();
        let mut next = *first;
        while let Some(site) = next {
            site.refresh(snapshot);
            next = site.next();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<&'static CallSite>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
