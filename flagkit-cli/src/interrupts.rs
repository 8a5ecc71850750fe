//! Ctrl-C, a closed terminal and SIGTERM, where they must not end the process as they come.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::report::{Failure, Result};

/// From here on an interruption is told of, and ends nothing.
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
    /// Begins; once in the life of a process.
    pub(crate) fn watch() -> Result<Self> {
        let (sender, wakes) = mpsc::channel();
        let told = sender.clone();
        ctrlc::set_handler(move || {
            let _ = told.send(Wake::Interrupted);
        })
        .map_err(|error| Failure::io(format!("interruptions cannot be watched: {error}; nothing was written")))?;
        Ok(Self { sender, wakes })
    }

    /// Does something that takes time; `None` if it was interrupted, and then nobody waits for it any more.
    pub(crate) fn unless_any<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
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
