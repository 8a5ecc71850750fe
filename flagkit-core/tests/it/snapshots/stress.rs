//! Every operation on flags at the same time, which is more than the loom models cover.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use flagkit_core::source::{LoadError, Provenance, Publisher};
use flagkit_core::{Event, Flag, FlagKey, FlagSet, Flags};

const PUBLISHERS: usize = 3;
const LOADS: u64 = 10_000;

fn load(key: &str, on: bool) -> FlagSet {
    FlagSet::from_iter([(FlagKey::new(key).expect("a key"), if on { Flag::on() } else { Flag::off() })])
}

/// A subscription that records the revisions of its events.
fn record(flags: &Flags) -> (Arc<Mutex<Vec<u64>>>, flagkit_core::Subscription) {
    let revisions: Arc<Mutex<Vec<u64>>> = Arc::default();
    let recorded = Arc::clone(&revisions);
    let handle = flags.clone();
    let subscription = flags.subscribe(move |event| {
        if let Event::Changed(change) = event {
            assert!(handle.snapshot().revision() >= change.revision, "the event arrived before the change took effect");
            recorded.lock().unwrap().push(change.revision);
        }
    });
    (revisions, subscription)
}

fn is_without_gaps(revisions: &[u64]) -> bool {
    revisions.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

/// Publishes `LOADS` loads of one flag, with failures and confirmations between them.
fn publish(flags: &Flags, key: &str, publisher: &Publisher, failures: &AtomicU64) {
    for number in 0..LOADS {
        publisher.publish(load(key, number % 2 == 0));
        assert_eq!(flags.is_on(key, &()), number % 2 == 0, "a publisher reads its own change");
        match number % 16 {
            3 => publisher.unchanged(),
            7 => {
                publisher.fail(LoadError::new(format!("failure {number}")));
                failures.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

/// Subscribes and unsubscribes. No subscription misses an event while it is active.
fn subscribe(flags: &Flags, stopped: &AtomicBool, subscriptions: &AtomicU64) {
    while !stopped.load(Ordering::Relaxed) {
        let (revisions, subscription) = record(flags);
        let until = Instant::now() + Duration::from_secs(20);
        while revisions.lock().unwrap().len() < 3 && !stopped.load(Ordering::Relaxed) && Instant::now() < until {
            thread::yield_now();
        }
        drop(subscription);
        // A call that has begun still ends. No further call may begin.
        let revisions = revisions.lock().unwrap().clone();
        assert!(is_without_gaps(&revisions), "{revisions:?}");
        subscriptions.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads the status. Its revision never decreases.
fn read_status(flags: &Flags, stopped: &AtomicBool) {
    let mut last = 0;
    while !stopped.load(Ordering::Relaxed) {
        let status = flags.status();
        assert!(status.revision >= last, "{} after {last}", status.revision);
        last = status.revision;
        assert!(flags.snapshot().revision() >= last, "older than the status");
    }
}

/// Adds empty layers. They change no flag, but each merge reads them.
fn add_layers(flags: &Flags, stopped: &AtomicBool) {
    let mut layers = Vec::new();
    while !stopped.load(Ordering::Relaxed) && layers.len() < 50 {
        layers.push(flags.add_layer(Provenance::new("empty")));
        thread::yield_now();
    }
}

#[test]
fn every_operation_may_run_at_the_same_time() {
    let flags = Flags::new();
    let (revisions, _subscription) = record(&flags);
    let (stopped, failures, subscriptions) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let publishers: Vec<_> = ["a", "b", "c"].map(|key| (key, flags.add_layer(Provenance::new(key)))).into();
    let start = Barrier::new(PUBLISHERS + 3);
    thread::scope(|scope| {
        let working: Vec<_> = publishers
            .iter()
            .map(|(key, publisher)| {
                scope.spawn(|| {
                    start.wait();
                    publish(&flags, key, publisher, &failures);
                })
            })
            .collect();
        scope.spawn(|| {
            start.wait();
            subscribe(&flags, &stopped, &subscriptions);
        });
        scope.spawn(|| {
            start.wait();
            read_status(&flags, &stopped);
        });
        scope.spawn(|| {
            start.wait();
            add_layers(&flags, &stopped);
        });
        for worker in working {
            worker.join().expect("no panic");
        }
        stopped.store(true, Ordering::Relaxed);
    });

    let revisions = revisions.lock().unwrap();
    assert_eq!(*revisions, (1..=PUBLISHERS as u64 * LOADS).collect::<Vec<_>>());
    let status = flags.status();
    assert_eq!(status.subscriber_panics, 0);
    assert_eq!(status.revision, PUBLISHERS as u64 * LOADS);
    let own: Vec<_> = status.sources.iter().filter(|source| source.provenance.as_str() != "empty").collect();
    assert_eq!(own.iter().map(|source| source.loads).collect::<Vec<_>>(), [LOADS; PUBLISHERS]);
    assert_eq!(own.iter().map(|source| source.failures).sum::<u64>(), failures.into_inner());
    assert!(["a", "b", "c"].iter().all(|key| !flags.is_on(key, &())));
    println!("{} subscriptions during the test", subscriptions.into_inner());
}
