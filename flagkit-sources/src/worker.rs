//! One source on one thread.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flagkit_core::{LoadError, Publisher, Signal, Source};

/// A running source.
#[derive(Debug)]
pub(crate) struct Worker {
    signal: Signal,
    thread: JoinHandle<()>,
    /// Hangs up when the thread ends. Behind a lock, so that a guard can be shared; only its drop looks.
    ended: Mutex<Receiver<()>>,
}

impl Worker {
    /// Starts the thread, which loads once, reports, lets go of `ready` and runs the source.
    pub(crate) fn spawn(source: Box<dyn Source>, publisher: Publisher, ready: Sender<()>) -> io::Result<Self> {
        let signal = publisher.signal().clone();
        let (end, ended) = mpsc::channel();
        // Linux shows 15 bytes of a thread's name: room for the kind, not for the place.
        let provenance = source.provenance();
        let kind = provenance.as_str().split(':').next().unwrap_or_default();
        let thread = thread::Builder::new().name(format!("flagkit-{kind}")).spawn(move || {
            let _end: Sender<()> = end;
            // Dropped before the end is announced, a panic in the drop included.
            let run = move || {
                let (mut source, publisher) = (source, publisher);
                // Let go of after the report, whichever it is: the builder then looks at the status.
                let mut ready = Some(ready);
                let work = || {
                    source.attach(publisher.signal());
                    publisher.report(source.load());
                    ready.take();
                    source.run(&publisher);
                };
                if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
                    publisher.refuse(panicked(&*panic));
                }
            };
            let _ = catch_unwind(AssertUnwindSafe(run));
        })?;
        Ok(Self { signal, thread, ended: Mutex::new(ended) })
    }

    pub(crate) fn stop(&self) {
        // A source's hook may panic; the others are to be stopped all the same.
        let _ = catch_unwind(AssertUnwindSafe(|| self.signal.stop()));
    }

    pub(crate) fn reload(&self) {
        self.signal.reload();
    }

    /// Waits for the thread to end, until the deadline. A thread does not wait for itself.
    pub(crate) fn join(self, deadline: Instant) {
        if self.thread.thread().id() == thread::current().id() {
            return;
        }
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let ended = self.ended.into_inner().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(left) == Err(RecvTimeoutError::Disconnected) {
            // The thread catches the panics of its source, so there is no error to pass on.
            let _ = self.thread.join();
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> LoadError {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    LoadError::new(format!("the source panicked and is followed no longer: {}", message.unwrap_or("no message")))
}
