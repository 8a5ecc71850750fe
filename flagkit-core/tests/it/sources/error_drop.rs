//! An error of a source may own anything, flags included: dropping it takes no lock that is held.

use std::error::Error;
use std::sync::mpsc;
use std::time::Duration;
use std::{fmt, thread};

use flagkit_core::{FlagSet, Flags, LoadError, Provenance};

/// Asks for the status when it is dropped.
#[derive(Debug)]
struct Curious(Flags);

impl fmt::Display for Curious {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("curious")
    }
}

impl Error for Curious {}

impl Drop for Curious {
    fn drop(&mut self) {
        assert_eq!(self.0.status().sources.len(), 1);
    }
}

#[test]
fn whatever_replaces_it() {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let refuse = || publisher.refuse(LoadError::new("away").with_cause(Curious(flags.clone())));
        publisher.publish(FlagSet::new());
        refuse();
        refuse();
        publisher.publish(FlagSet::new());
        refuse();
        publisher.confirm();
        sender.send(()).expect("the test waits");
    });
    done.recv_timeout(Duration::from_secs(60)).expect("no deadlock");
}
