//! What keeps sources running.

use std::time::{Duration, Instant};

use flagkit_core::Flags;

use crate::worker::Worker;

/// How long a drop waits for a source that does not stop. All sources here stop within milliseconds; this is for
/// those of others.
const GRACE: Duration = Duration::from_secs(1);

/// Keeps the sources running: dropped, it stops and joins their threads.
///
/// The flags stay as they were at that moment, for handles and for `flag!`. Keep it to the end of `main`.
///
/// Dropping it from a subscriber is fine: the thread the subscriber runs on ends after the call instead of being
/// waited for. A source that does not stop within a second is left behind.
#[must_use = "dropped at once, the sources stop and the flags never change; bind it to a name (`_` is none)"]
#[derive(Debug)]
pub struct Guard {
    flags: Flags,
    workers: Vec<Worker>,
}

impl Guard {
    pub(crate) fn new(flags: Flags) -> Self {
        Self { flags, workers: Vec::new() }
    }

    pub(crate) fn push(&mut self, worker: Worker) {
        self.workers.push(worker);
    }

    /// Returns the flags that the sources fill.
    pub fn flags(&self) -> &Flags {
        &self.flags
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.stop();
        }
        let deadline = Instant::now() + GRACE;
        for worker in self.workers.drain(..) {
            worker.join(deadline);
        }
    }
}
