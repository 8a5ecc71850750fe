//! Runs one source on one thread.
//!
//! # The problem
//!
//! A source is code of its author: it may block, panic or never return. It must not take the other sources with it,
//! nor keep the process from ending.
//!
//! # How it works
//!
//! A [`Worker`] gives the source a thread and a [`Publisher`]. The thread calls the source in this order:
//!
//! ```text
//! bind ─▶ load ─▶ submit the result ─▶ drop `ready` ─▶ run ─▶ drop the source ─▶ drop `end`
//! ```
//!
//! Two channels carry no message. Their disconnection is the signal:
//!
//! - `ready` disconnects when all sources have loaded, so that [`Builder::start`](crate::Builder::start) returns;
//! - `end` disconnects when the thread has ended, so that [`join`](Worker::join) can wait with a deadline.
//!
//! A panic disconnects both as well. It becomes an error in the status of the source, and the last good flags stay.
//!
//! # Limits
//!
//! A thread cannot be killed. A source that does not react to its signal keeps its thread until the process ends, but
//! its publisher ignores every later call.

use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flagkit_core::source::{LoadError, Publisher, Source};

use crate::error::Error;

/// A running source: its thread, and the publisher that the thread reports to.
///
/// The [`Builder`](crate::Builder) starts it. The [`Guard`](crate::Guard) owns it, and stops and joins it.
pub(crate) struct Worker {
    publisher: Arc<Publisher>,
    thread: JoinHandle<()>,
    /// The lock makes the guard `Sync`. Only `join` and `restart` take it.
    end: Mutex<End>,
}

/// The parts of a worker that only its end uses.
///
/// A [`Receiver`] and a source are `Send` but not `Sync`, so a lock holds them.
struct End {
    /// Disconnects when the thread ends.
    ended: Receiver<()>,
    /// Replaces the source in a forked child.
    successor: Option<Box<dyn Source>>,
}

impl Worker {
    /// Starts the thread. It loads once, reports the load, drops `ready` and runs the source.
    ///
    /// # Errors
    ///
    /// Returns an error if the system cannot start a thread.
    pub(crate) fn spawn(source: Box<dyn Source>, publisher: Publisher, ready: Sender<()>) -> Result<Self, Error> {
        let publisher = Arc::new(publisher);
        let (end, ended) = mpsc::channel();
        let successor = source.restarted();
        // Linux shows 15 bytes of a thread's name: enough for the kind of source, but not for its address.
        let provenance = source.provenance();
        let kind = provenance.as_str().split(':').next().unwrap_or_default();
        let for_thread = Arc::clone(&publisher);
        let thread = thread::Builder::new().name(format!("flagkit-{kind}")).spawn(move || {
            let _end: Sender<()> = end;
            // The source is dropped before `_end`, so `join` waits for its drop, even if that panics.
            let run = move || {
                let (mut source, publisher) = (source, for_thread);
                // Dropped after the report, because the builder then reads the status.
                let mut ready = Some(ready);
                let work = || {
                    source.bind(publisher.signal());
                    publisher.submit(source.load());
                    ready.take();
                    source.run(&publisher);
                };
                if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
                    publisher.fail(panicked(&*panic));
                }
            };
            let _ = catch_unwind(AssertUnwindSafe(run));
        });
        let thread = thread.map_err(|error| Error::thread(provenance, error))?;
        Ok(Self { publisher, thread, end: Mutex::new(End { ended, successor }) })
    }

    /// Restarts the source in a forked child, which has no copy of the thread.
    ///
    /// The new source takes over the layer, so its flags stay until the first load of the new source. Without a
    /// successor the layer is stopped, and `None` is returned.
    pub(crate) fn restart(self, ready: Sender<()>) -> Result<Option<Self>, Error> {
        let Self { publisher, thread, end } = self;
        let End { ended, successor } = end.into_inner().unwrap_or_else(PoisonError::into_inner);
        // The thread does not exist in this process, so its handles must not be dropped.
        mem::forget((thread, ended));
        let publisher = publisher.reopen();
        let report = |what: &str| {
            // The error of a layer that never loaded is kept, because it decides whether the layers below are dark.
            if publisher.last_good().is_some() {
                publisher.fail(LoadError::unreachable(format!(
                    "cannot follow the source: a fork stopped it, and it {what}"
                )));
            }
        };
        let Some(successor) = successor else {
            report("cannot be restarted");
            publisher.signal().stop();
            return Ok(None);
        };
        report("is restarting");
        Self::spawn(successor, publisher, ready).map(Some)
    }

    /// Returns the publisher of the layer, for warnings about the source.
    pub(crate) fn publisher(&self) -> Arc<Publisher> {
        Arc::clone(&self.publisher)
    }

    /// Requests the source to stop, and returns immediately.
    pub(crate) fn stop(&self) {
        // The hook of a source may panic, but the other sources have to be stopped too.
        let _ = catch_unwind(AssertUnwindSafe(|| self.publisher.signal().stop()));
    }

    /// Requests the source to load now, and returns immediately.
    pub(crate) fn reload(&self) {
        self.publisher.signal().reload();
    }

    /// Waits until the deadline for the thread, and returns whether it has ended. A thread does not wait for itself.
    pub(crate) fn join(self, deadline: Instant) -> bool {
        if self.thread.thread().id() == thread::current().id() {
            return false;
        }
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let end = self.end.into_inner().unwrap_or_else(PoisonError::into_inner);
        let has_ended = end.ended.recv_timeout(left) == Err(RecvTimeoutError::Disconnected);
        if has_ended {
            // The thread catches the panics of its source, so the result holds no error.
            let _ = self.thread.join();
        }
        has_ended
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("publisher", &self.publisher)
            .field("thread", &self.thread)
            .finish_non_exhaustive()
    }
}

/// Returns the error for a panic of a source, with the message of the panic if it is a text.
fn panicked(panic: &(dyn Any + Send)) -> LoadError {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    LoadError::new(format!("cannot follow the source any more: it panicked: {}", message.unwrap_or("no message")))
}
