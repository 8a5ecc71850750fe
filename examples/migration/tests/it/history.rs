//! What workers wrote and read, and the check that no write was lost and no read was stale.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// The acknowledged writes and the reads of all users, with the time of each.
///
/// A time is a number that grows with each event of this process, so it needs no clock.
#[derive(Debug, Default)]
pub(crate) struct History {
    now: AtomicU64,
    events: Mutex<HashMap<i64, Events>>,
}

#[derive(Debug, Default)]
struct Events {
    writes: HashMap<u64, Range<u64>>,
    /// The value is `None` if the user was not found.
    reads: Vec<(Option<u64>, Range<u64>)>,
}

impl History {
    /// Returns the present time.
    pub(crate) fn now(&self) -> u64 {
        self.now.fetch_add(1, Ordering::SeqCst)
    }

    /// Records a write that began at `start` and was acknowledged now. No two writes have the same value.
    pub(crate) fn wrote(&self, id: i64, value: u64, start: u64) {
        let time = start..self.now();
        self.events.lock().expect("no panic").entry(id).or_default().writes.insert(value, time);
    }

    /// Records a read that began at `start` and ended now.
    pub(crate) fn read(&self, id: i64, value: Option<u64>, start: u64) {
        let time = start..self.now();
        self.events.lock().expect("no panic").entry(id).or_default().reads.push((value, time));
    }

    /// Checks each read, and returns the numbers of writes and reads.
    ///
    /// A read is stale if its value was overwritten before it began: a write began after the one that was read had
    /// ended, and was acknowledged before the read. A lost write makes the next reads of its user stale.
    pub(crate) fn check(&self) -> (usize, usize) {
        let events = self.events.lock().expect("no panic");
        for (id, Events { writes, reads }) in &*events {
            for (value, time) in reads {
                let written = match value {
                    Some(value) => writes.get(value).unwrap_or_else(|| panic!("user {id}: nothing wrote {value}")).end,
                    None => 0,
                };
                let newer = writes.iter().find(|(_, write)| write.start >= written && write.end < time.start);
                assert_eq!(newer, None, "user {id}: a read at {time:?} is stale: it returned {value:?}");
            }
        }
        let count = |length: fn(&Events) -> usize| events.values().map(length).sum();
        (count(|events| events.writes.len()), count(|events| events.reads.len()))
    }
}

#[test]
fn a_read_of_an_overwritten_value_is_stale() {
    let history = History::default();
    history.wrote(1, 10, history.now());
    let concurrent = history.now();
    history.wrote(1, 11, history.now());
    history.read(1, Some(10), concurrent);
    history.read(1, Some(11), history.now());
    assert_eq!(history.check(), (2, 2));
    history.read(1, Some(10), history.now());
    assert!(std::panic::catch_unwind(|| history.check()).is_err());

    let history = History::default();
    history.wrote(1, 10, history.now());
    history.read(1, None, history.now());
    assert!(std::panic::catch_unwind(|| history.check()).is_err(), "the write was lost");
}
