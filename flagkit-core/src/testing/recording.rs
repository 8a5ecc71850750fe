//! Recordings of the flags that a test reads.

use std::marker::PhantomData;
use std::sync::{Arc, PoisonError};

use super::guard::ActiveGuard;
use super::scopes::{self, RecordingBuffer};
use crate::model::Variant;

/// One read of a flag, as collected by a [`Recording`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlagRead {
    /// The key of the flag.
    pub key: Box<str>,
    /// The result of `flag!`; for `variant!`, whether there was a variant.
    pub on: bool,
    /// The result of `variant!`. `None` for `flag!`.
    pub variant: Option<Variant>,
    /// Whether an override of the test decided the result.
    pub is_forced: bool,
}

/// A guard that records the reads of its thread until it is dropped; see [`record`](super::record).
///
/// A recording that begins inside a future with [`OverrideExt::with_flags`](super::OverrideExt::with_flags) follows the
/// task instead of the thread. Recordings may overlap: each receives all reads.
#[derive(Debug)]
#[must_use = "dropping the recording ends it"]
pub struct Recording {
    buffer: Arc<RecordingBuffer>,
    _active: ActiveGuard,
    not_send: PhantomData<*const ()>,
}

impl Recording {
    pub(super) fn begin() -> Self {
        let (active, buffer) = (ActiveGuard::new(), Arc::default());
        scopes::begin_recording(&buffer);
        Self { buffer, _active: active, not_send: PhantomData }
    }

    /// Returns the reads so far, oldest first.
    pub fn reads(&self) -> Vec<FlagRead> {
        self.with_reads(<[FlagRead]>::to_vec)
    }

    /// Returns the keys that were read so far, sorted and without duplicates.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.with_reads(|reads| reads.iter().map(|read| read.key.to_string()).collect());
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Returns whether a flag was read.
    pub fn was_read(&self, key: &str) -> bool {
        self.with_reads(|reads| reads.iter().any(|read| &*read.key == key))
    }

    fn with_reads<T>(&self, run: impl FnOnce(&[FlagRead]) -> T) -> T {
        run(&self.buffer.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
