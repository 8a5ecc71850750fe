//! What threads meet at: a word, a lock, a place for a snapshot.
//!
//! With `--cfg flagkit_loom` they are those of loom, which runs a test in every order in which threads can meet at them
//! (`scripts/loom`). arc-swap is not among what loom knows: a lock stands for it, and what is tried is our protocol around it.

#[cfg(not(flagkit_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};

#[cfg(not(flagkit_loom))]
pub(crate) use arc_swap::ArcSwap;
#[cfg(flagkit_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic::AtomicU64};

#[cfg(flagkit_loom)]
pub(crate) use self::instead::ArcSwap;

#[cfg(flagkit_loom)]
mod instead {
    use std::sync::{Arc, PoisonError};

    use super::Mutex;

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
