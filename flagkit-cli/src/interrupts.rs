//! Ctrl-C, a closed terminal and SIGTERM, which end the current work instead of the process.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::report::{Failure, Result};

/// The handler of interruptions. While it exists, an interruption ends the current work and not the process.
#[derive(Debug)]
pub(crate) struct Interrupts {
    sender: Sender<Wake>,
    wakes: Receiver<Wake>,
}

#[derive(Debug)]
enum Wake {
    Done,
    Interrupted,
}

impl Interrupts {
    /// Installs the handler. Works once per process.
    pub(crate) fn watch() -> Result<Self> {
        let (sender, wakes) = mpsc::channel();
        let interrupted = sender.clone();
        ctrlc::set_handler(move || {
            let _ = interrupted.send(Wake::Interrupted);
        })
        .map_err(|error| Failure::io(format!("cannot handle interruptions: {error}; nothing was written")))?;
        Ok(Self { sender, wakes })
    }

    /// Runs work on another thread. Returns `None` on an interruption, and then abandons the work.
    pub(crate) fn run_interruptible<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let done = self.sender.clone();
        let worker = thread::spawn(move || {
            let result = work();
            let _ = done.send(Wake::Done);
            result
        });
        match self.wakes.recv() {
            Ok(Wake::Done) => worker.join().ok(),
            Ok(Wake::Interrupted) | Err(_) => None,
        }
    }
}
