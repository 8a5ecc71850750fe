//! What was asked, and what the answers were.

use std::marker::PhantomData;
use std::sync::{Arc, PoisonError};

use super::asked::FlagRead;
use super::frames::{self, Tape};
use super::watch::Watch;

/// Takes down what its thread asks, until it is dropped.
#[derive(Debug)]
#[must_use = "the recording ends when it is dropped"]
pub struct Recording {
    tape: Arc<Tape>,
    _watch: Watch,
    of_this_thread: PhantomData<*const ()>,
}

impl Recording {
    pub(super) fn begin() -> Self {
        let (watch, tape) = (Watch::new(), Arc::default());
        frames::begin_recording(&tape);
        Self { tape, _watch: watch, of_this_thread: PhantomData }
    }

    /// Returns what has been asked so far, in the order of asking.
    pub fn reads(&self) -> Vec<FlagRead> {
        self.read(<[FlagRead]>::to_vec)
    }

    /// Returns the keys that have been asked for, each once, in the order of the alphabet.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.read(|asked| asked.iter().map(|asked| asked.key.to_string()).collect());
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Tells whether a flag has been asked for.
    pub fn was_read(&self, key: &str) -> bool {
        self.read(|asked| asked.iter().any(|asked| &*asked.key == key))
    }

    fn read<T>(&self, read: impl FnOnce(&[FlagRead]) -> T) -> T {
        read(&self.tape.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
