//! One source on one thread.

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

/// A running source.
pub(crate) struct Worker {
    publisher: Arc<Publisher>,
    thread: JoinHandle<()>,
    /// Behind a lock, so that a guard can be shared; it alone takes it, at the end.
    end: Mutex<End>,
}

struct End {
    /// Hangs up when the thread ends.
    ended: Receiver<()>,
    /// What takes the place of the source in a forked child.
    successor: Option<Box<dyn Source>>,
}

impl Worker {
    /// Starts the thread, which loads once, reports, lets go of `ready` and runs the source.
    pub(crate) fn spawn(source: Box<dyn Source>, publisher: Publisher, ready: Sender<()>) -> Result<Self, Error> {
        let publisher = Arc::new(publisher);
        let (end, ended) = mpsc::channel();
        let successor = source.restarted();
        // Linux shows 15 bytes of a thread's name: room for the kind, not for the place.
        let provenance = source.provenance();
        let kind = provenance.as_str().split(':').next().unwrap_or_default();
        let for_thread = Arc::clone(&publisher);
        let thread = thread::Builder::new().name(format!("flagkit-{kind}")).spawn(move || {
            let _end: Sender<()> = end;
            // Dropped before the end is announced, a panic in the drop included.
            let run = move || {
                let (mut source, publisher) = (source, for_thread);
                // Let go of after the report, whichever it is: the builder then looks at the status.
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

    /// In a forked child: takes up the work of a thread that the child does not have. Without a successor the layer is
    /// stopped, and there is no worker.
    pub(crate) fn restart(self, ready: Sender<()>) -> Result<Option<Self>, Error> {
        let Self { publisher, thread, end } = self;
        let End { ended, successor } = end.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Of a thread that is not there: nothing to let go of.
        mem::forget((thread, ended));
        let publisher = publisher.reopen();
        let say = |what: &str| {
            // A layer that was never filled stays as it is: whether it darkens those below may depend on its error.
            if publisher.last_good().is_some() {
                publisher.fail(LoadError::unreachable(format!("was stopped by a fork, and {what}")));
            }
        };
        let Some(successor) = successor else {
            say("cannot be started again");
            publisher.signal().stop();
            return Ok(None);
        };
        say("is starting again");
        Self::spawn(successor, publisher, ready).map(Some)
    }

    pub(crate) fn stop(&self) {
        // A source's hook may panic; the others are to be stopped all the same.
        let _ = catch_unwind(AssertUnwindSafe(|| self.publisher.signal().stop()));
    }

    pub(crate) fn reload(&self) {
        self.publisher.signal().reload();
    }

    /// Waits for the thread to end, until the deadline, and tells whether it has. A thread does not wait for itself.
    pub(crate) fn join(self, deadline: Instant) -> bool {
        if self.thread.thread().id() == thread::current().id() {
            return false;
        }
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let end = self.end.into_inner().unwrap_or_else(PoisonError::into_inner);
        let has_ended = end.ended.recv_timeout(left) == Err(RecvTimeoutError::Disconnected);
        if has_ended {
            // The thread catches the panics of its source, so there is no error to pass on.
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

fn panicked(panic: &(dyn Any + Send)) -> LoadError {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    LoadError::new(format!("the source panicked and is followed no longer: {}", message.unwrap_or("no message")))
}
