//! What keeps sources running.

use std::mem;
use std::process;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flagkit_core::source::{OnFailedStart, StartPolicy};
use flagkit_core::tooling::{SourceState, SourceStatus};
use flagkit_core::{Flags, Status};

use crate::error::Error;
use crate::worker::Worker;

/// How long a drop waits for a source that does not stop. The sources here stop within milliseconds, but for one that
/// is resolving a name or opening a connection.
const GRACE: Duration = Duration::from_millis(100);

/// As good as for ever: the clock has an end.
const DAY: Duration = Duration::from_secs(86_400);
const FORKED: &str = "was stopped by a fork: its flags stay as they are here, until Guard::restart_after_fork";

/// Between two looks while waiting for readiness.
const STEP: Duration = Duration::from_millis(100);

/// Keeps the sources running: dropped, it stops and joins their threads.
///
/// The flags stay as they were at that moment, for handles and for `flag!`. Keep it to the end of `main`.
///
/// Dropping it from a subscriber is fine: the thread the subscriber runs on ends after the call instead of being
/// waited for. A source that does not stop within a tenth of a second is left behind; [`stop`](Guard::stop) waits
/// longer.
///
/// # After a fork
///
/// Threads do not survive `fork(2)` in the child: there, flags are read as before and no longer change, the
/// [status](Guard::status) warns that all sources are stopped, and a drop waits for nobody. Start the sources after
/// the fork where you can, or else [start them again](Guard::restart_after_fork) in the child. A lock that another
/// thread held at the fork stays locked in the child, so leave [`Flags::status`] and subscriptions alone there until
/// then; reading takes no lock.
#[must_use = "dropped at once, the sources stop and the flags never change; bind it to a name (`_` is none)"]
#[derive(Debug)]
pub struct Guard {
    flags: Flags,
    workers: Vec<Worker>,
    /// The process that has the threads.
    process: u32,
    /// Which layers may be done without.
    policy: StartPolicy,
    #[cfg(feature = "tracing")]
    trace: Option<flagkit_core::Subscription>,
}

/// How ready the flags are: that of the source that is least so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Readiness {
    /// A source has no flags yet, and what it may say is dark.
    Dark,
    /// All sources have flags; those of one or more are not the latest.
    Stale,
    /// All sources have the latest flags.
    Ready,
}

impl Guard {
    pub(crate) fn new(flags: Flags, policy: StartPolicy) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            trace: Some(crate::trace::subscribe(&flags)),
            flags,
            workers: Vec::new(),
            process: process::id(),
            policy,
        }
    }

    pub(crate) fn push(&mut self, worker: Worker) {
        self.workers.push(worker);
    }

    /// Returns the flags that the sources fill.
    pub fn flags(&self) -> &Flags {
        &self.flags
    }

    /// Has every source load now, whether or not it sees a reason to, and returns at once.
    ///
    /// For an operator's signal, or a message that says there is something new. Environment variables are not read
    /// again.
    pub fn reload(&self) {
        // In a forked child nobody is there to hear it, and what was locked at the fork stays locked.
        if self.is_forked() {
            return;
        }
        self.workers.iter().for_each(Worker::reload);
    }

    /// Tells how the sources are doing: as [`Flags::status`]. In a forked child they are stopped, with a warning that
    /// says why, or not listed at all when the fork came amid a change.
    pub fn status(&self) -> Status {
        if !self.is_forked() {
            return self.flags.status();
        }
        // Whoever held the lock at the fork holds it for ever: then there is only this much to tell.
        let mut status = self.flags.try_status().unwrap_or_default();
        status.revision = self.flags.snapshot().revision();
        for source in &mut status.sources {
            source.state = SourceState::Stopped;
            source.warnings = [FORKED.into()].into();
        }
        status
    }

    /// Starts the sources again in a forked child, and returns at once. In a process that was not forked it does
    /// nothing.
    ///
    /// Until they have loaded, the flags stay as they were at the fork and the sources are stale. A source of your own
    /// starts again if it has a [successor](flagkit_core::source::Source::restarted); else it stays stopped. Subscriptions hold in
    /// the child too.
    ///
    /// # Errors
    ///
    /// Returns an error when the fork came amid a change, which happens rarely and cannot be mended in this child, and
    /// when the system has no thread for a source. The flags stay as they are then.
    pub fn restart_after_fork(&mut self) -> Result<(), Error> {
        if !self.is_forked() {
            return Ok(());
        }
        flagkit_core::tooling::recover_after_fork(&self.flags).map_err(Error::fork)?;
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

    /// Stops the sources and waits for their threads to end, for so long at the most; tells whether all have.
    ///
    /// For sources that need longer than a drop waits; the flags stay as they are, as after a drop.
    pub fn stop(mut self, patience: Duration) -> bool {
        self.end(patience)
    }

    fn end(&mut self, patience: Duration) -> bool {
        let workers = mem::take(&mut self.workers);
        if self.is_forked() {
            // There are no threads to join or to let go of, only the memory of their handles; and a lock that one of
            // them held at the fork stays held.
            #[cfg(feature = "tracing")]
            mem::forget(self.trace.take());
            mem::forget(workers);
            return true;
        }
        workers.iter().for_each(Worker::stop);
        let now = Instant::now();
        let deadline = now.checked_add(patience).unwrap_or(now + DAY);
        let left_behind =
            workers.into_iter().map(|worker| worker.join(deadline)).filter(|has_ended| !has_ended).count();
        left_behind == 0
    }

    /// Tells how ready the flags are.
    pub fn readiness(&self) -> Readiness {
        let sources = self.status().sources;
        let most = if self.is_forked() { Readiness::Stale } else { Readiness::Ready };
        sources.iter().map(|source| readiness(source, self.policy)).fold(most, Readiness::min)
    }

    /// Waits until the flags are [ready](Readiness::Ready), for so long at the most, and tells how ready they are.
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
        // Nothing turns in a forked child, and what was locked at the fork stays locked.
        if self.is_forked() {
            return self.readiness();
        }
        let (turned, turns) = mpsc::channel();
        // Subscribed before the first look: what turns in between is seen by one or the other.
        let _subscription = self.flags.subscribe(move |_| {
            let _ = turned.send(());
        });
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let readiness = self.readiness();
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            if readiness == Readiness::Ready || left.is_zero() {
                return readiness;
            }
            // Within a subscriber nothing is told before it returns, so the wait is in short steps.
            let _ = turns.recv_timeout(left.min(STEP));
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
        self.end(GRACE);
    }
}
