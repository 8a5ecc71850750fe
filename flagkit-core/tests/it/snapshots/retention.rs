//! A held snapshot never changes, and a caller may hold it for any time. No other snapshot stays in memory for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use flagkit_core::source::{Provenance, Publisher};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Id, Percent, Snapshot, Subject};

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
fn a_thousand_held_snapshots_never_change() {
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

/// Waits until the test has reached a stage.
fn wait_for_stage(stage: &AtomicU64, expected: u64) {
    while stage.load(Ordering::SeqCst) < expected {
        thread::park_timeout(Duration::from_millis(1));
    }
}

fn wait_until(condition: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed().as_secs() < 120, "not in time: {condition}");
        thread::yield_now();
    }
}

#[test]
fn a_thread_keeps_only_the_snapshot_it_read_last() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("test:"));
    publish(&publisher, 0);
    let stage = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (flags, stop, stage) = (flags.clone(), Arc::clone(&stop), Arc::clone(&stage));
            thread::spawn(move || {
                let mut last = 0;
                while !stop.load(Ordering::Relaxed) {
                    // Both ways of reading: a clone of the `Arc`, and a borrow of the snapshot.
                    let snapshot = flags.snapshot();
                    assert!(snapshot.revision() >= last, "the revision fell");
                    last = snapshot.revision();
                    assert!(flags.evaluate("a", "u1").revision() >= last, "the revision fell");
                }
                // The idle thread keeps the snapshot it read last, and no other.
                wait_for_stage(&stage, 1);
                flags.is_on("a", "u1");
                wait_for_stage(&stage, 2);
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
    // This thread keeps a snapshot too.
    assert_eq!(rollout(&flags.snapshot()), Some(RELOADS - 1));
    let held = || {
        // The publisher drops the snapshots that the readers released.
        publisher.unchanged();
        old.iter().filter(|old| old.strong_count() > 0).count()
    };
    // A reader may still be in its last read. Each keeps the snapshot it read last.
    wait_until("each thread keeps at most one snapshot", || held() <= READERS);
    stage.store(1, Ordering::SeqCst);
    wait_until("no old snapshot is left after all threads read again", || held() == 0);
    stage.store(2, Ordering::SeqCst);
    for reader in readers {
        reader.join().expect("no assertion of the reader failed");
    }
}

/// An idle thread keeps the snapshot it read last, unless it is large.
#[test]
fn no_thread_keeps_a_large_snapshot() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("test:"));
    let many = |on: bool| -> FlagSet {
        let flag = |_| if on { Flag::on() } else { Flag::off() };
        (0..20_000).map(|index| (FlagKey::new(format!("a-{index}")).expect("a key"), flag(index))).collect()
    };
    publisher.publish(many(true));
    assert!(flags.is_on("a-19999", &()));
    let old = Arc::downgrade(&flags.snapshot());
    publisher.publish(many(false));
    assert_eq!(old.strong_count(), 0);
    assert!(!flags.is_on("a-19999", &()));
}

/// One thread reads many handles, and some of the reads are nested.
#[test]
fn handles_do_not_affect_each_other() {
    struct ReadsAndPublishes<'a>(&'a Flags, &'a Publisher);

    impl Subject for ReadsAndPublishes<'_> {
        fn id(&self) -> Option<Id<'_>> {
            // Inside a read: another read, a change, and one more read.
            let before = rollout(&self.0.snapshot());
            publish(self.1, before.map_or(0, |before| before + 1));
            assert!(rollout(&self.0.snapshot()) > before);
            Some(Id::from("u1"))
        }
    }

    let handles: Vec<_> = (0..10)
        .map(|_| {
            let flags = Flags::new();
            let publisher = flags.add_layer(Provenance::new("test:"));
            publish(&publisher, 1);
            (flags, publisher)
        })
        .collect();
    for n in 2..100 {
        for (flags, publisher) in &handles {
            publish(publisher, n);
            assert_eq!(rollout(&flags.snapshot()), Some(n));
        }
        assert!(handles.iter().all(|(flags, _)| flags.snapshot().revision() == u64::from(n)));
    }
    let (flags, publisher) = &handles[0];
    for _ in 0..10 {
        let before = rollout(&flags.snapshot());
        flags.is_on("a", &ReadsAndPublishes(flags, publisher));
        assert!(rollout(&flags.snapshot()) > before);
    }
}

/// One thread reads a revision and passes it to another, which then reads no older one. This holds even if the first
/// thread reads the revision while its publish is still running.
#[test]
fn revisions_only_rise_from_one_thread_to_the_next() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("test:"));
    publish(&publisher, 0);
    // Reads of these handles evict the cached snapshot of the first thread, so it loads the current one each time.
    let others: Vec<Flags> = (0..8).map(|_| Flags::fixed(FlagSet::new())).collect();
    let (latest, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                assert!(!others.iter().any(|other| other.is_on("a", &())));
                latest.store(flags.snapshot().revision(), Ordering::SeqCst);
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let known = latest.load(Ordering::SeqCst);
                assert!(flags.snapshot().revision() >= known, "older than {known}");
            }
        });
        (1..20_000).for_each(|n| publish(&publisher, n));
        stop.store(true, Ordering::Relaxed);
    });
}
