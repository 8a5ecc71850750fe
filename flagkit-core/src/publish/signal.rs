//! The signal that wakes and stops a source.
//!
//! # The problem
//!
//! A source spends its life waiting: for a change, for a timeout, for a response. It must react at once to a change, to
//! a user who requests a load, and to the end of the application. The three come from different threads.
//!
//! # How it works
//!
//! One lock guards the requests, and a condition variable wakes the thread of the source. A request that arrives while
//! the source works stays until its next wait, so none is lost. A stop comes before a load request, and that before a
//! wake-up. A stop is final: it is never taken back, and it runs the hooks of sources that block elsewhere.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A handle that wakes or stops one source. Clones control the same source.
///
/// A source waits on its [`Publisher`](crate::source::Publisher). Code that detects a change for the source (the
/// callback of a file watcher, a listener thread) holds a clone of the signal and wakes it. Every method except
/// [`wait`](Self::wait) returns at once, and may be called from any thread, any number of times.
///
/// # Signal versus channel
///
/// A signal carries no message and has no queue: ten wake-ups while the source is busy count as one. A source needs
/// no more, because it reads the current contents each time it wakes.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use flagkit_core::source::{Signal, Wake};
///
/// let signal = Signal::new();
/// signal.wake();
/// signal.wake();
/// assert_eq!(signal.wait(Duration::ZERO), Wake::Notified);
/// assert_eq!(signal.wait(Duration::ZERO), Wake::TimedOut);
/// signal.stop();
/// assert_eq!(signal.wait(Duration::ZERO), Wake::Stopped);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Signal(Arc<Shared>);

/// The state that all clones of a signal share.
#[derive(Debug, Default)]
struct Shared {
    requests: Mutex<Requests>,
    changed: Condvar,
    /// Written under the lock, so that a wait cannot miss it. Read without it, because each publish checks it.
    stopped: AtomicBool,
}

/// The requests that the source has not taken yet.
#[derive(Default)]
struct Requests {
    /// Set by `wake`.
    notified: bool,
    /// Set by `reload`.
    reload_requested: bool,
    /// Run by `stop`, without the lock.
    stop_hooks: Vec<Box<dyn FnOnce() + Send>>,
}

/// Shows the number of hooks, because a closure has nothing to show.
impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("notified", &self.notified)
            .field("reload_requested", &self.reload_requested)
            .field("stop_hooks", &self.stop_hooks.len())
            .finish()
    }
}

/// The reason why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wake {
    /// The source was stopped and must return: the flags ignore everything it publishes from now on.
    Stopped,
    /// [`Signal::wake`] was called.
    Notified,
    /// [`Signal::reload`] was called: the source must load, even if nothing seems to have changed.
    ReloadRequested,
    /// The timeout elapsed.
    TimedOut,
}

impl Signal {
    /// Creates a signal with no pending request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the source, now or at its next wait.
    pub fn wake(&self) {
        self.lock().notified = true;
        self.0.changed.notify_all();
    }

    /// Requests a load now, whether or not the source has detected a change.
    pub fn reload(&self) {
        self.lock().reload_requested = true;
        self.0.changed.notify_all();
    }

    /// Stops the source for good, and runs the [hooks](Self::on_stop) on this thread.
    pub fn stop(&self) {
        let hooks = {
            let mut requests = self.lock();
            self.0.stopped.store(true, Ordering::Release);
            std::mem::take(&mut requests.stop_hooks)
        };
        self.0.changed.notify_all();
        for hook in hooks {
            hook();
        }
    }

    /// Registers a hook that runs once, on the thread that stops the source. Runs it at once if the source is stopped.
    ///
    /// For sources that block outside a wait: the hook closes the socket or file that they block on.
    pub fn on_stop(&self, hook: impl FnOnce() + Send + 'static) {
        let mut requests = self.lock();
        if self.is_stopped() {
            drop(requests);
            hook();
        } else {
            requests.stop_hooks.push(Box::new(hook));
        }
    }

    /// Returns whether the source has been stopped.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Acquire)
    }

    /// Waits for a request or the timeout, and takes the request.
    ///
    /// Sources should call [`Publisher::wait`](crate::source::Publisher::wait) instead: it also records the end of the
    /// wait in the status.
    pub fn wait(&self, timeout: Duration) -> Wake {
        let is_idle = |requests: &mut Requests| !requests.notified && !requests.reload_requested && !self.is_stopped();
        let (mut requests, _) =
            self.0.changed.wait_timeout_while(self.lock(), timeout, is_idle).unwrap_or_else(PoisonError::into_inner);
        if self.is_stopped() {
            Wake::Stopped
        } else if std::mem::take(&mut requests.reload_requested) {
            // A load covers the change that a wake-up reports.
            requests.notified = false;
            Wake::ReloadRequested
        } else if std::mem::take(&mut requests.notified) {
            Wake::Notified
        } else {
            Wake::TimedOut
        }
    }

    /// No user code runs under this lock (hooks run after it), so the data is consistent even if it is poisoned.
    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wake_ups_before_the_wait_count_once() {
        let signal = Signal::new();
        signal.wake();
        signal.wake();
        assert_eq!(signal.wait(Duration::ZERO), Wake::Notified);
        assert_eq!(signal.wait(Duration::ZERO), Wake::TimedOut);
    }

    #[test]
    fn a_stop_stays_and_comes_before_a_wake_up() {
        let signal = Signal::new();
        signal.wake();
        signal.stop();
        assert_eq!(signal.wait(Duration::MAX), Wake::Stopped);
        assert_eq!(signal.wait(Duration::MAX), Wake::Stopped);
    }

    #[test]
    fn a_reload_request_comes_before_a_wake_up_and_covers_it() {
        let signal = Signal::new();
        signal.wake();
        signal.reload();
        assert_eq!(signal.wait(Duration::MAX), Wake::ReloadRequested);
        assert_eq!(signal.wait(Duration::ZERO), Wake::TimedOut);
    }

    #[test]
    fn hooks_run_once_at_the_stop_or_after_it() {
        let signal = Signal::new();
        let runs = Arc::new(Mutex::new(Vec::new()));
        let hook = |name: &'static str| {
            let (runs, signal) = (Arc::clone(&runs), signal.clone());
            // A hook may use the signal: no lock is held while it runs.
            move || runs.lock().expect("nobody panics").push((name, signal.is_stopped()))
        };
        signal.on_stop(hook("before"));
        assert!(runs.lock().expect("nobody panics").is_empty());
        signal.stop();
        signal.stop();
        signal.on_stop(hook("after"));
        assert_eq!(*runs.lock().expect("nobody panics"), [("before", true), ("after", true)]);
    }

    #[test]
    fn a_wait_on_another_thread_ends() {
        let signal = Signal::new();
        let waiter = std::thread::spawn({
            let signal = signal.clone();
            move || signal.wait(Duration::from_secs(60))
        });
        signal.wake();
        assert_eq!(waiter.join().expect("the waiter does not panic"), Wake::Notified);
    }
}
