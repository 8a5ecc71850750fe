//! Ctrl-C, a closed terminal and SIGTERM, which end the current work instead of the process.

use std::cell::Cell;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::report::{Failure, Result};

/// The handler of interruptions. While it exists, an interruption ends the current work and not the process.
#[derive(Debug)]
pub(crate) struct Interrupts {
    sender: Sender<Wake>,
    wakes: Receiver<Wake>,
    /// The number of works so far. An abandoned work may still end, and must not end a later one.
    works: Cell<u64>,
}

#[derive(Debug)]
enum Wake {
    /// The work with this number has ended.
    Done(u64),
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
        Ok(Self { sender, wakes, works: Cell::new(0) })
    }

    /// Runs work on another thread. Returns `None` on an interruption, and then abandons the work.
    pub(crate) fn run_interruptible<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let number = self.works.get() + 1;
        self.works.set(number);
        let done = self.sender.clone();
        let worker = thread::spawn(move || {
            let result = work();
            let _ = done.send(Wake::Done(number));
            result
        });
        loop {
            match self.wakes.recv() {
                Ok(Wake::Done(ended)) if ended == number => return worker.join().ok(),
                Ok(Wake::Done(_)) => {}
                Ok(Wake::Interrupted) | Err(_) => return None,
            }
        }
    }
}
