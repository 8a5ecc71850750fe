//! The synchronization primitives of the read path, which the loom models replace.
//!
//! In a normal build these are the types of `std` and `arc-swap`. With `--cfg flagkit_loom` they are the types of
//! [loom](https://docs.rs/loom), which runs a test under every possible interleaving of its threads (`scripts/loom`).
//! loom has no model of `arc-swap`. A lock replaces it, so the models check the protocol around it, not `arc-swap`.
//!
//! # Why a module of its own
//!
//! A model covers only the accesses that loom observes. One atomic of `std` in the protocol would be invisible to it,
//! and the model would pass without a proof. With the choice in one file, the modelled protocol has the same steps and
//! the same orderings as the one that runs.
//!
//! `snapshot_cell`, `subscribers` and the call sites import from here. Code that no model runs imports from `std`.

#[cfg(not(flagkit_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};

#[cfg(not(flagkit_loom))]
pub(crate) use arc_swap::ArcSwap;
#[cfg(flagkit_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic::AtomicU64};

#[cfg(flagkit_loom)]
pub(crate) use self::loom_stand_ins::ArcSwap;

#[cfg(flagkit_loom)]
mod loom_stand_ins {
    //! Replacements for types that loom has no model of.

    use std::sync::{Arc, PoisonError};

    use super::Mutex;

    /// The methods of `arc_swap::ArcSwap` that `SnapshotCell` calls, on top of a lock.
    ///
    /// The lock gives the same guarantee as the original: a load returns the stored value, and all that was written
    /// before the store.
    #[derive(Debug)]
    pub(crate) struct ArcSwap<T>(Mutex<Arc<T>>);

    impl<T> ArcSwap<T> {
        pub(crate) fn from_pointee(value: T) -> Self {
            Self(Mutex::new(Arc::new(value)))
        }

        pub(crate) fn load(&self) -> Arc<T> {
            Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }

        pub(crate) fn store(&self, value: Arc<T>) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
        }
    }
}
