//! Recordings of the flags that a test reads.
//!
//! A test that sets a flag proves nothing if the tested code never reads that flag: its key may be misspelled, or the
//! branch removed. A recording shows which flags were read, and so which of them a test should run both ways.

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
///
/// # Examples
///
/// ```
/// use flagkit_core::{flag, testing};
///
/// let recording = testing::record();
/// let _ = flag!("b") || flag!("a");
/// assert_eq!(recording.keys(), ["a", "b"]);
/// assert!(recording.was_read("a") && !recording.was_read("c"));
/// ```
#[derive(Debug)]
#[must_use = "dropping the recording ends it"]
pub struct Recording {
    /// Scopes refer to it weakly, so the drop of the recording ends it.
    buffer: Arc<RecordingBuffer>,
    _active: ActiveGuard,
    /// The recording belongs to the thread that began it, so it must not be sent to another.
    not_send: PhantomData<*const ()>,
}

impl Recording {
    /// Begins a recording in the innermost scope of this thread. The guard is counted before, because scopes are
    /// reached only while there is one.
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

    /// Returns whether a flag was read, by `flag!` or `variant!`, forced or not.
    pub fn was_read(&self, key: &str) -> bool {
        self.with_reads(|reads| reads.iter().any(|read| &*read.key == key))
    }

    /// Calls `run` with the reads so far. A poisoned lock holds good data, because a read is added in one step.
    fn with_reads<T>(&self, run: impl FnOnce(&[FlagRead]) -> T) -> T {
        run(&self.buffer.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
