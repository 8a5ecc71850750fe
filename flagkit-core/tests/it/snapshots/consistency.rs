//! Two flags that change in one publish are never seen half-changed through one snapshot, and revisions only rise.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Provenance, flag};

const FLIPS: u64 = 100_000;
const READERS: usize = 4;
/// How many different revisions each reader has to see before the publisher may stop.
const SEEN: u64 = 20;

fn both(flag: &Flag) -> FlagSet {
    let key = |text| FlagKey::new(text).expect("a key");
    FlagSet::from_iter([(key("read-new-table"), flag.clone()), (key("write-new-table"), flag.clone())])
}

/// Reads until the publisher is done, counts the different revisions, and returns the last.
fn read(flags: &Flags, seen: &AtomicU64, over: &AtomicBool) -> u64 {
    let mut last = 0;
    loop {
        let last_look = over.load(Ordering::Acquire);
        let snapshot = flags.snapshot();
        let (one, other) = (snapshot.is_on("read-new-table", &()), flag!(in snapshot, "write-new-table", 17));
        assert_eq!(one, other, "half flipped at revision {}", snapshot.revision());
        assert_eq!(one, snapshot.revision() % 2 == 1, "every odd flip is on");
        assert!(snapshot.revision() >= last, "revision {} after {last}", snapshot.revision());
        let evaluation = flags.evaluate("read-new-table", &());
        assert!(evaluation.revision() >= snapshot.revision());
        assert_eq!(evaluation.is_on(), evaluation.revision() % 2 == 1);
        if snapshot.revision() != last {
            last = snapshot.revision();
            seen.fetch_add(1, Ordering::Relaxed);
        }
        if last_look {
            return last;
        }
    }
}

#[test]
fn readers_see_both_flags_change_or_neither() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("flips:"));
    let (over, seen) = (AtomicBool::new(false), [const { AtomicU64::new(0) }; READERS]);
    let start = Barrier::new(READERS + 1);
    let (on, off) = (both(&Flag::on()), both(&Flag::off()));
    thread::scope(|scope| {
        let readers = seen.each_ref().map(|seen| {
            let (flags, start, over) = (&flags, &start, &over);
            scope.spawn(move || {
                start.wait();
                read(flags, seen, over)
            })
        });
        start.wait();
        let mut flips = 0;
        let enough = || seen.iter().all(|seen| seen.load(Ordering::Relaxed) >= SEEN);
        while flips < FLIPS || !enough() && !readers.iter().any(thread::ScopedJoinHandle::is_finished) {
            flips += 1;
            publisher.publish(if flips % 2 == 1 { on.clone() } else { off.clone() });
        }
        over.store(true, Ordering::Release);
        for reader in readers {
            assert_eq!(reader.join().expect("a reader found nothing wrong"), flips);
        }
    });
}
