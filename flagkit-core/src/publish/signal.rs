//! What wakes a source, and what stops it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Wakes the source it belongs to, or tells it to stop.
///
/// A source waits on its [`Publisher`](crate::source::Publisher); whoever notices something on its behalf (a file watcher's
/// callback, a listener thread) holds a clone of the signal and wakes it. Both calls return at once and may be made
/// from any thread, any number of times.
///
/// # Signal versus channel
///
/// A signal carries no message and does not queue: ten wake-ups while the source is busy are one. That is what a
/// source wants, which looks at the world afresh each time it wakes.
#[derive(Clone, Debug, Default)]
pub struct Signal(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    raised: Mutex<Raised>,
    changed: Condvar,
    /// Set under the lock, read without it.
    stopped: AtomicBool,
}

#[derive(Default)]
struct Raised {
    woken: bool,
    asked: bool,
    /// To be run at the stop.
    hooks: Vec<Box<dyn FnOnce() + Send>>,
}

impl fmt::Debug for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { woken, asked, hooks } = self;
        f.debug_struct("Raised").field("woken", woken).field("asked", asked).field("hooks", &hooks.len()).finish()
    }
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wake {
    /// The source is to return: nothing it publishes counts any more.
    Stopped,
    /// Somebody [woke](Signal::wake) it.
    Notified,
    /// Somebody [asked](Signal::reload) for a load, whether or not anything seems to have changed.
    ReloadRequested,
    /// The time was up.
    TimedOut,
}

impl Signal {
    /// Makes a signal that nobody has raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the source, now or at its next wait.
    pub fn wake(&self) {
        self.lock().woken = true;
        self.0.changed.notify_all();
    }

    /// Asks the source to load now, whether or not it sees a reason to.
    pub fn reload(&self) {
        self.lock().asked = true;
        self.0.changed.notify_all();
    }

    /// Tells the source to stop, for good.
    pub fn stop(&self) {
        let hooks = {
            let mut raised = self.lock();
            self.0.stopped.store(true, Ordering::Release);
            std::mem::take(&mut raised.hooks)
        };
        self.0.changed.notify_all();
        for hook in hooks {
            hook();
        }
    }

    /// Has `hook` run when the source is told to stop, on the thread that tells it; at once if it already was.
    ///
    /// For sources that block elsewhere than in a wait: the hook shuts what they block on.
    pub fn on_stop(&self, hook: impl FnOnce() + Send + 'static) {
        let mut raised = self.lock();
        if self.is_stopped() {
            drop(raised);
            hook();
        } else {
            raised.hooks.push(Box::new(hook));
        }
    }

    /// Tells whether the source has been told to stop.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Acquire)
    }

    /// Waits until the signal is raised or the time is up, and takes the wake-up.
    ///
    /// A source rather waits on its [`Publisher`](crate::source::Publisher::wait), which tells the status until when.
    pub fn wait(&self, timeout: Duration) -> Wake {
        let (mut raised, _) = self
            .0
            .changed
            .wait_timeout_while(self.lock(), timeout, |raised| !raised.woken && !raised.asked && !self.is_stopped())
            .unwrap_or_else(PoisonError::into_inner);
        if self.is_stopped() {
            Wake::Stopped
        } else if std::mem::take(&mut raised.asked) {
            // A load looks at what a wake-up would have had it look at.
            raised.woken = false;
            Wake::ReloadRequested
        } else if std::mem::take(&mut raised.woken) {
            Wake::Notified
        } else {
            Wake::TimedOut
        }
    }

    fn lock(&self) -> MutexGuard<'_, Raised> {
        self.0.raised.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn a_stop_stays_and_goes_before_a_wake_up() {
        let signal = Signal::new();
        signal.wake();
        signal.stop();
        assert_eq!(signal.wait(Duration::MAX), Wake::Stopped);
        assert_eq!(signal.wait(Duration::MAX), Wake::Stopped);
    }

    #[test]
    fn asking_for_a_load_goes_before_a_wake_up_and_covers_it() {
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
