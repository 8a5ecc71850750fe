//! The error of a source may own any value, even a handle. No lock is held while the error is dropped.

use std::error::Error;
use std::sync::mpsc;
use std::time::Duration;
use std::{fmt, thread};

use flagkit_core::source::Provenance;
use flagkit_core::{FlagSet, Flags};

use crate::support::unavailable;

/// Reads the status when it is dropped.
#[derive(Debug)]
struct StatusOnDrop(Flags);

impl fmt::Display for StatusOnDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reads the status")
    }
}

impl Error for StatusOnDrop {}

impl Drop for StatusOnDrop {
    fn drop(&mut self) {
        assert_eq!(self.0.status().sources.len(), 1);
    }
}

#[test]
fn replacing_an_error_drops_it_without_a_lock() {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let fail = || publisher.fail(unavailable().with_cause(StatusOnDrop(flags.clone())));
        publisher.publish(FlagSet::new());
        fail();
        fail();
        publisher.publish(FlagSet::new());
        fail();
        publisher.unchanged();
        sender.send(()).expect("the test waits");
    });
    done.recv_timeout(Duration::from_secs(180)).expect("no deadlock");
}
