//! No lock is held while a subscriber runs. It may panic, read, publish, subscribe, unsubscribe and stop sources.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use flagkit_core::source::{LoadError, Provenance};
use flagkit_core::tooling::SourceState;
use flagkit_core::{Event, Flag, Flags, Subscription, flag};

use crate::support::{flag_set, unavailable};

/// Runs the work on another thread and fails if the work deadlocks. Nothing else depends on the deadline.
fn without_deadlock(work: impl FnOnce() + Send + 'static) {
    let (sender, done) = mpsc::channel();
    let worker = thread::spawn(move || {
        work();
        sender.send(()).expect("the test waits");
    });
    let end = done.recv_timeout(Duration::from_secs(180));
    assert_ne!(end, Err(mpsc::RecvTimeoutError::Timeout), "deadlock");
    worker.join().expect("the work does not panic");
}

/// Counts the events for which `filter` returns true.
fn count(flags: &Flags, filter: fn(&Event) -> bool) -> (Arc<AtomicU64>, Subscription) {
    let count = Arc::new(AtomicU64::new(0));
    let subscription = flags.subscribe({
        let count = Arc::clone(&count);
        move |event| _ = count.fetch_add(filter(event).into(), Ordering::SeqCst)
    });
    (count, subscription)
}

fn is_change(event: &Event) -> bool {
    matches!(event, Event::Changed(_))
}

#[test]
fn a_panic_of_a_subscriber_is_counted() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let (before, _before) = count(&flags, |_| true);
        let _panicking = flags.subscribe(|_| panic!("a panic that this test expects"));
        let (after, _after) = count(&flags, |_| true);
        publisher.publish(flag_set([("a", Flag::on())]));
        publisher.publish(flag_set([("a", Flag::off())]));
        publisher.fail(unavailable());
        // Two changes, a load failure, and two state changes: to fresh and to stale.
        assert_eq!((before.load(Ordering::SeqCst), after.load(Ordering::SeqCst)), (5, 5));
        assert_eq!(flags.status().subscriber_panics, 5);
        assert_eq!((flags.status().revision, flags.is_on("a", &())), (2, false));
    });
}

#[test]
fn a_subscriber_may_read_flags_and_the_status() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let (sender, reads) = mpsc::channel();
        let _subscription = flags.subscribe({
            let flags = flags.clone();
            move |_| {
                let status = flags.status();
                let values =
                    (flags.is_on("a", "user-1"), flag!(in flags.snapshot(), "a"), flags.evaluate("a", &()).is_on());
                sender.send((values, status.revision, status.sources.len())).expect("the test listens");
            }
        });
        publisher.publish(flag_set([("a", Flag::on())]));
        assert_eq!(reads.try_recv(), Ok(((true, true, true), 1, 1)));
    });
}

#[test]
fn a_subscriber_may_publish_through_another_publisher() {
    without_deadlock(|| {
        let flags = Flags::new();
        let outer = flags.add_layer(Provenance::new("outer:"));
        let inner = flags.add_layer(Provenance::new("inner:"));
        let (sender, events) = mpsc::channel();
        let _publishing = flags.subscribe(move |event| {
            let Event::Changed(change) = event else { return };
            if change.layer.as_str() == "outer:" {
                inner.publish(flag_set([(&format!("echo-{}", change.revision), Flag::on())]));
                inner.fail(LoadError::new(format!("failed at {}", change.revision)));
            }
        });
        let _listening = flags.subscribe(move |event| {
            sender
                .send(match event {
                    Event::Changed(change) => format!("{} {}", change.layer, change.revision),
                    Event::LoadFailed(failure) => format!("{} failed", failure.layer),
                    Event::StateChanged(change) => format!("{} is {}", change.layer, change.to.as_str()),
                    _ => "something else".to_owned(),
                })
                .expect("the test listens");
        });
        outer.publish(flag_set([("a", Flag::on())]));
        outer.publish(flag_set([("a", Flag::off())]));
        let events: Vec<String> = events.try_iter().collect();
        let first = ["outer: 1", "outer: is fresh", "inner: 2", "inner: is fresh", "inner: failed", "inner: is stale"];
        let second = ["outer: 3", "inner: 4", "inner: is fresh", "inner: failed", "inner: is stale"];
        assert_eq!(events, [&first[..], &second[..]].concat());
        assert!(flags.is_on("echo-3", &()));
    });
}

#[test]
fn a_subscriber_may_publish_through_the_publisher_of_its_event() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = Arc::new(flags.add_layer(Provenance::new("file:")));
        let _publishing = flags.subscribe({
            let publisher = Arc::clone(&publisher);
            move |event| {
                let Event::Changed(change) = event else { return };
                if change.revision < 100 {
                    publisher.publish(flag_set([(&format!("at-{}", change.revision), Flag::on())]));
                }
            }
        });
        publisher.publish(flag_set([("a", Flag::on())]));
        assert_eq!(flags.status().revision, 100);
        assert!(flags.is_on("at-99", &()));
    });
}

#[test]
fn a_subscriber_may_drop_its_own_subscription() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let own: Arc<Mutex<Option<Subscription>>> = Arc::default();
        let calls = Arc::new(AtomicU64::new(0));
        let subscription = flags.subscribe({
            let (own, calls) = (Arc::clone(&own), Arc::clone(&calls));
            move |_| {
                calls.fetch_add(1, Ordering::SeqCst);
                drop(own.lock().expect("not poisoned").take());
            }
        });
        *own.lock().expect("not poisoned") = Some(subscription);
        let (others, _others) = count(&flags, is_change);
        publisher.publish(flag_set([("a", Flag::on())]));
        publisher.publish(flag_set([("a", Flag::off())]));
        assert_eq!((calls.load(Ordering::SeqCst), others.load(Ordering::SeqCst)), (1, 2));
    });
}

#[test]
fn a_subscriber_may_own_another_subscription() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let (inner_calls, inner) = count(&flags, is_change);
        let outer = flags.subscribe(move |_| {
            let _owned = &inner;
        });
        publisher.publish(flag_set([("a", Flag::on())]));
        drop(outer);
        publisher.publish(flag_set([("a", Flag::off())]));
        assert_eq!(inner_calls.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_subscriber_may_subscribe() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let revisions: Arc<Mutex<Vec<u64>>> = Arc::default();
        let _subscribing = flags.subscribe({
            let (flags, revisions) = (flags.clone(), Arc::clone(&revisions));
            move |event| {
                if matches!(event, Event::Changed(change) if change.revision == 1) {
                    let revisions = Arc::clone(&revisions);
                    let late = move |event: &Event| {
                        if let Event::Changed(change) = event {
                            revisions.lock().expect("not poisoned").push(change.revision);
                        }
                    };
                    flags.subscribe(late).forget();
                }
            }
        });
        publisher.publish(flag_set([("a", Flag::on())]));
        publisher.publish(flag_set([("a", Flag::off())]));
        publisher.publish(flag_set([("a", Flag::on())]));
        assert_eq!(revisions.lock().expect("not poisoned")[..], [2, 3]);
    });
}

#[test]
fn a_subscriber_may_add_layers_and_stop_sources() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let signal = publisher.signal().clone();
        let _subscription = flags.subscribe({
            let flags = flags.clone();
            move |event| {
                if matches!(event, Event::Changed(change) if change.revision == 1) {
                    signal.stop();
                    flags.add_layer(Provenance::new("late:")).publish(flag_set([("b", Flag::on())]));
                }
            }
        });
        publisher.publish(flag_set([("a", Flag::on())]));
        publisher.publish(flag_set([("a", Flag::off())]));
        assert!(flags.is_on("a", &()) && flags.is_on("b", &()));
        let states: Vec<SourceState> = flags.status().sources.iter().map(|source| source.state).collect();
        assert_eq!(states, [SourceState::Stopped, SourceState::Fresh]);
    });
}

#[test]
fn a_subscriber_may_wait_for_another_thread_that_publishes() {
    without_deadlock(|| {
        let flags = Flags::new();
        let outer = flags.add_layer(Provenance::new("outer:"));
        let inner = Arc::new(flags.add_layer(Provenance::new("inner:")));
        let _subscription = flags.subscribe(move |event| {
            if matches!(event, Event::Changed(change) if change.layer.as_str() == "outer:") {
                let inner = Arc::clone(&inner);
                thread::spawn(move || inner.publish(flag_set([("b", Flag::on())]))).join().expect("it publishes");
            }
        });
        let (changes, _changes) = count(&flags, is_change);
        outer.publish(flag_set([("a", Flag::on())]));
        assert!(flags.is_on("a", &()) && flags.is_on("b", &()));
        assert_eq!(changes.load(Ordering::SeqCst), 2, "the outer thread delivers the event of the inner one");
    });
}

/// Panics when it is dropped, unless the thread is already panicking.
struct PanicOnDrop;

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        if !thread::panicking() {
            std::panic::panic_any("a panic payload that panics");
        }
    }
}

#[test]
fn a_panic_payload_may_panic_when_it_is_dropped() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let _panicking = flags.subscribe(|_| std::panic::panic_any(PanicOnDrop));
        let (events, _subscription) = count(&flags, |_| true);
        publisher.publish(flag_set([("a", Flag::on())]));
        publisher.publish(flag_set([("a", Flag::off())]));
        // Two changes and a state change.
        assert_eq!(events.load(Ordering::SeqCst), 3);
        assert_eq!(flags.status().subscriber_panics, 3);
    });
}

#[test]
fn a_subscriber_may_drop_the_subscription_of_a_later_one() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let later: Arc<Mutex<Option<Subscription>>> = Arc::default();
        let _first = flags.subscribe({
            let later = Arc::clone(&later);
            move |_| drop(later.lock().expect("not poisoned").take())
        });
        let (events, subscription) = count(&flags, |_| true);
        *later.lock().expect("not poisoned") = Some(subscription);
        publisher.publish(flag_set([("a", Flag::on())]));
        assert_eq!(events.load(Ordering::SeqCst), 0);
    });
}
