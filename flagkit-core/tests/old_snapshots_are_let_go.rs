//! A snapshot may be held for as long as somebody likes, stays as it is, and is the only one that is kept for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;

use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Percent, Provenance, Publisher, Snapshot};

const READERS: usize = 16;
const RELOADS: u32 = 2_000;

/// Revision `n` has the flag on for `n` millionths of a percent.
fn publish(publisher: &Publisher, n: u32) {
    let percent = Percent::from_millionths(n).expect("small");
    let flag = Flag::on().with_rollout(percent);
    publisher.publish(FlagSet::from_iter([(FlagKey::new("a").expect("a key"), flag)]));
}

fn rollout(snapshot: &Snapshot) -> Option<u32> {
    snapshot.flag("a").map(|flag| flag.rollout().millionths())
}

#[test]
fn a_thousand_held_snapshots_stay_as_they_are() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("test:"));
    let held: Vec<Arc<Snapshot>> = (0..1_000)
        .map(|n| {
            publish(&publisher, n);
            flags.snapshot()
        })
        .collect();
    assert_eq!(rollout(&flags.snapshot()), Some(999));
    for (n, snapshot) in (0..).zip(&held) {
        assert_eq!((rollout(snapshot), snapshot.revision()), (Some(n), u64::from(n) + 1));
    }
}

#[test]
fn nothing_keeps_what_nobody_holds() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("test:"));
    publish(&publisher, 0);
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (flags, stop) = (flags.clone(), Arc::clone(&stop));
            thread::spawn(move || {
                let mut last = 0;
                while !stop.load(Ordering::Relaxed) {
                    // Both ways of reading: a share of the snapshot, and a look at it.
                    let snapshot = flags.snapshot();
                    assert!(snapshot.revision() >= last, "a reader goes back in time");
                    last = snapshot.revision();
                    assert!(flags.evaluate("a", "u1").revision() >= last, "a reader goes back in time");
                }
                // Goes on living, idle: what it has read is not to live with it.
                thread::park();
            })
        })
        .collect();
    let old: Vec<Weak<Snapshot>> = (1..RELOADS)
        .map(|n| {
            let old = Arc::downgrade(&flags.snapshot());
            publish(&publisher, n);
            old
        })
        .collect();
    stop.store(true, Ordering::Relaxed);
    // Readers may be in their last read. Each holds one at the most, and then none.
    let start = std::time::Instant::now();
    while old.iter().any(|old| old.strong_count() > 0) {
        assert!(start.elapsed().as_secs() < 20, "old snapshots are still there");
        thread::yield_now();
    }
    assert_eq!(rollout(&flags.snapshot()), Some(RELOADS - 1));
    for reader in readers {
        reader.thread().unpark();
        reader.join().expect("the reader saw nothing wrong");
    }
}
