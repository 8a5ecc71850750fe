//! One snapshot shows all changes of a publish or none of them, and revisions only rise.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use flagkit_core::source::Provenance;
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, flag};

const FLIPS: u64 = 100_000;
const READERS: usize = 4;
/// The number of revisions that each reader has to read before the publisher stops.
const REVISIONS_PER_READER: u64 = 20;

fn both(flag: &Flag) -> FlagSet {
    let key = |text| FlagKey::new(text).expect("a key");
    FlagSet::from_iter([(key("read-new-table"), flag.clone()), (key("write-new-table"), flag.clone())])
}

/// Reads until the publisher stops, counts the revisions, and returns the last one.
fn read(flags: &Flags, revisions_read: &AtomicU64, stopped: &AtomicBool) -> u64 {
    let mut last = 0;
    loop {
        let is_last_read = stopped.load(Ordering::Acquire);
        let snapshot = flags.snapshot();
        let (one, other) = (snapshot.is_on("read-new-table", &()), flag!(in snapshot, "write-new-table", 17));
        assert_eq!(one, other, "only one flag changed at revision {}", snapshot.revision());
        assert_eq!(one, snapshot.revision() % 2 == 1, "every odd flip is on");
        assert!(snapshot.revision() >= last, "revision {} after {last}", snapshot.revision());
        let evaluation = flags.evaluate("read-new-table", &());
        assert!(evaluation.revision() >= snapshot.revision());
        assert_eq!(evaluation.is_on(), evaluation.revision() % 2 == 1);
        if snapshot.revision() != last {
            last = snapshot.revision();
            revisions_read.fetch_add(1, Ordering::Relaxed);
        }
        if is_last_read {
            return last;
        }
    }
}

#[test]
fn readers_see_both_flags_change_or_neither() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("flips:"));
    let (stopped, revisions_read) = (AtomicBool::new(false), [const { AtomicU64::new(0) }; READERS]);
    let start = Barrier::new(READERS + 1);
    let (on, off) = (both(&Flag::on()), both(&Flag::off()));
    thread::scope(|scope| {
        let readers = revisions_read.each_ref().map(|count| {
            let (flags, start, stopped) = (&flags, &start, &stopped);
            scope.spawn(move || {
                start.wait();
                read(flags, count, stopped)
            })
        });
        start.wait();
        let mut flips = 0;
        let enough = || revisions_read.iter().all(|count| count.load(Ordering::Relaxed) >= REVISIONS_PER_READER);
        while flips < FLIPS || !enough() && !readers.iter().any(thread::ScopedJoinHandle::is_finished) {
            flips += 1;
            publisher.publish(if flips % 2 == 1 { on.clone() } else { off.clone() });
        }
        stopped.store(true, Ordering::Release);
        for reader in readers {
            assert_eq!(reader.join().expect("no assertion of the reader failed"), flips);
        }
    });
}
