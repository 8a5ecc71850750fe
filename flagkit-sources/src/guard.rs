//! Owns the running sources.

use std::mem;
use std::process;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flagkit_core::source::{OnFailedStart, StartPolicy};
use flagkit_core::tooling::{SourceState, SourceStatus};
use flagkit_core::{Flags, Status, Subscription};

use crate::error::Error;
use crate::worker::Worker;

/// How long a drop waits for a source that does not stop.
///
/// The sources of this crate stop within milliseconds, unless they are resolving a name or opening a connection.
const DROP_TIMEOUT: Duration = Duration::from_millis(100);

/// Stands for a timeout that is too long for the clock.
const DAY: Duration = Duration::from_secs(86_400);
const FORKED: &str =
    "was stopped by a fork, so its flags do not change in this process until Guard::restart_after_fork";

/// The longest time between two checks of the readiness.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Owns the running sources. Dropping it stops them and joins their threads.
///
/// After that the flags no longer change, for handles and for `flag!`. Keep the guard until the end of `main`.
///
/// A subscriber may drop the guard: the thread that the subscriber runs on is not joined, and ends after the call. A
/// drop does not wait for a source that needs more than 100 ms to stop; [`stop`](Guard::stop) can wait longer.
///
/// # After a fork
///
/// A child process has no copy of the threads after `fork(2)`. Its flags can be read as before, but they no longer
/// change. The [status](Guard::status) warns that all sources are stopped, and a drop joins no thread. If possible,
/// start the sources after the fork. Otherwise [restart them](Guard::restart_after_fork) in the child.
///
/// A lock that another thread held during the fork stays locked in the child. Until the restart, do not call
/// [`Flags::status`] and do not subscribe there. Reading takes no lock.
#[must_use = "dropping the guard stops the sources, so the flags never change; bind it to a name other than `_`"]
#[derive(Debug)]
pub struct Guard {
    flags: Flags,
    workers: Vec<Worker>,
    /// The process that has the threads; a forked child does not.
    process: u32,
    /// Decide which failed sources do not count for the readiness. One per layer.
    policies: Vec<StartPolicy>,
    /// What this crate subscribes to, until the guard is dropped.
    subscriptions: Vec<Subscription>,
}

/// How ready the flags are. The least ready source decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Readiness {
    /// At least one source has no flags yet, so the flags it may define are dark.
    Dark,
    /// All sources have flags, but at least one may not have the latest.
    Stale,
    /// All sources have the latest flags.
    Ready,
}

impl Guard {
    /// Creates the guard of these flags, without sources. `policies` has one policy per source to come.
    pub(crate) fn new(flags: Flags, policies: Vec<StartPolicy>) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            subscriptions: vec![crate::tracing::subscribe(&flags)],
            #[cfg(not(feature = "tracing"))]
            subscriptions: Vec::new(),
            flags,
            workers: Vec::new(),
            process: process::id(),
            policies,
        }
    }

    /// Ends the subscription with the guard.
    pub(crate) fn hold(&mut self, subscription: Subscription) {
        self.subscriptions.push(subscription);
    }

    pub(crate) fn push(&mut self, worker: Worker) {
        self.workers.push(worker);
    }

    /// Returns the flags that the sources fill.
    pub fn flags(&self) -> &Flags {
        &self.flags
    }

    /// Makes every source load now, even without a sign of a change, and returns immediately.
    ///
    /// Call it after an operator's signal, or after a message that there are new flags. Environment variables are not
    /// read again.
    pub fn reload(&self) {
        // A forked child has no threads to notify, and a lock that was held during the fork stays locked.
        if self.is_forked() {
            return;
        }
        self.workers.iter().for_each(Worker::reload);
    }

    /// Returns the state of the sources, like [`Flags::status`].
    ///
    /// In a forked child all sources are stopped, with a warning that explains it. If the fork happened during a
    /// change, no source is listed.
    pub fn status(&self) -> Status {
        if !self.is_forked() {
            return self.flags.status();
        }
        // A lock that was held during the fork is never released, so the status may have no more than the revision.
        let mut status = self.flags.try_status().unwrap_or_default();
        status.revision = self.flags.snapshot().revision();
        for source in &mut status.sources {
            source.state = SourceState::Stopped;
            source.warnings = [FORKED.into()].into();
        }
        status
    }

    /// Restarts the sources in a forked child, and returns immediately. Does nothing in a process that was not forked.
    ///
    /// Until they have loaded, the flags stay the same as during the fork, and the sources are stale. A custom source
    /// restarts if it implements [`restarted`](flagkit_core::source::Source::restarted); otherwise it stays stopped.
    /// Subscriptions remain in the child.
    ///
    /// # Errors
    ///
    /// Returns an error if the fork happened during a change, which is rare and cannot be fixed in this child. Returns
    /// an error too if the system cannot start a thread for a source. The flags no longer change then.
    pub fn restart_after_fork(&mut self) -> Result<(), Error> {
        if !self.is_forked() {
            return Ok(());
        }
        self.flags.recover_after_fork().map_err(Error::fork)?;
        self.process = process::id();
        let (ready, _) = mpsc::channel();
        let mut failure = None;
        for worker in mem::take(&mut self.workers) {
            match worker.restart(ready.clone()) {
                Ok(worker) => self.workers.extend(worker),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Stops the sources, waits at most `timeout` for their threads, and returns whether all have ended.
    ///
    /// For sources that need more time than a drop allows. The flags no longer change, like after a drop.
    pub fn stop(mut self, timeout: Duration) -> bool {
        self.end(timeout)
    }

    fn end(&mut self, timeout: Duration) -> bool {
        let workers = mem::take(&mut self.workers);
        if self.is_forked() {
            // The child has no threads to join, only the memory of their handles. Dropping the subscription could wait
            // forever for a lock that was held during the fork.
            mem::forget(mem::take(&mut self.subscriptions));
            mem::forget(workers);
            return true;
        }
        workers.iter().for_each(Worker::stop);
        let now = Instant::now();
        let deadline = now.checked_add(timeout).unwrap_or(now + DAY);
        let still_running =
            workers.into_iter().map(|worker| worker.join(deadline)).filter(|has_ended| !has_ended).count();
        still_running == 0
    }

    /// Returns how ready the flags are.
    pub fn readiness(&self) -> Readiness {
        let sources = self.status().sources;
        let max = if self.is_forked() { Readiness::Stale } else { Readiness::Ready };
        sources.iter().zip(&self.policies).map(|(source, policy)| readiness(source, *policy)).fold(max, Readiness::min)
    }

    /// Waits at most `timeout` until the flags are [ready](Readiness::Ready), and returns how ready they are.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use flagkit_sources::{Builder, Env, Readiness};
    ///
    /// let guard = Builder::new().source(Env::new("FLAG_")).start()?;
    /// assert_eq!(guard.wait_until_ready(Duration::from_secs(5)), Readiness::Ready);
    /// # Ok::<(), flagkit_sources::Error>(())
    /// ```
    pub fn wait_until_ready(&self, timeout: Duration) -> Readiness {
        // Nothing changes in a forked child, and a lock that was held during the fork stays locked.
        if self.is_forked() {
            return self.readiness();
        }
        let (sender, changes) = mpsc::channel();
        // The subscription begins before the first check, so no change is lost between the two.
        let _subscription = self.flags.subscribe(move |_| {
            let _ = sender.send(());
        });
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let readiness = self.readiness();
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            if readiness == Readiness::Ready || left.is_zero() {
                return readiness;
            }
            // A subscriber that calls this receives no events until it returns, so the wait is in short steps.
            let _ = changes.recv_timeout(left.min(CHECK_INTERVAL));
        }
    }

    fn is_forked(&self) -> bool {
        self.process != process::id()
    }
}

fn readiness(source: &SourceStatus, policy: StartPolicy) -> Readiness {
    match (source.state, &source.last_error) {
        (SourceState::Fresh, _) => Readiness::Ready,
        (SourceState::Stale, _) => Readiness::Stale,
        (SourceState::Stopped, _) if source.loads > 0 => Readiness::Stale,
        (SourceState::Waiting | SourceState::Stopped, Some(error))
            if policy.on(error.kind()) == OnFailedStart::Skip =>
        {
            Readiness::Ready
        }
        _ => Readiness::Dark,
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end(DROP_TIMEOUT);
    }
}
