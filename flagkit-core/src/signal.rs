//! What wakes a source, and what stops it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Wakes the source it belongs to, or tells it to stop.
///
/// A source waits on its [`Publisher`](crate::Publisher); whoever notices something on its behalf (a file watcher's
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
}

#[derive(Debug, Default)]
struct Raised {
    woken: bool,
    stopped: bool,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wake {
    /// The source is to return: nothing it publishes counts any more.
    Stopped,
    /// Somebody [woke](Signal::wake) it.
    Woken,
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

    /// Tells the source to stop, for good.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.0.changed.notify_all();
    }

    /// Tells whether the source has been told to stop.
    pub fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Waits until the signal is raised or the time is up, and takes the wake-up.
    pub(crate) fn wait(&self, timeout: Duration) -> Wake {
        let (mut raised, _) = self
            .0
            .changed
            .wait_timeout_while(self.lock(), timeout, |raised| !raised.woken && !raised.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        if raised.stopped {
            Wake::Stopped
        } else if std::mem::take(&mut raised.woken) {
            Wake::Woken
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
        assert_eq!(signal.wait(Duration::ZERO), Wake::Woken);
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
    fn a_wait_on_another_thread_ends() {
        let signal = Signal::new();
        let waiter = std::thread::spawn({
            let signal = signal.clone();
            move || signal.wait(Duration::from_secs(60))
        });
        signal.wake();
        assert_eq!(waiter.join().expect("the waiter does not panic"), Wake::Woken);
    }
}
