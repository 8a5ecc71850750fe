//! No lock is held while a subscriber runs: it may panic, read, publish, subscribe, unsubscribe and stop sources.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use flagkit_core::{Event, Flag, FlagKey, FlagSet, Flags, LoadError, Provenance, SourceState, Subscription, flag};

fn set(key: &str, flag: Flag) -> FlagSet {
    FlagSet::from_iter([(FlagKey::new(key).expect("a key"), flag)])
}

/// Runs the work on a thread of its own and fails if it is locked up. The deadline decides nothing else.
fn without_deadlock(work: impl FnOnce() + Send + 'static) {
    let (sender, done) = mpsc::channel();
    let worker = thread::spawn(move || {
        work();
        sender.send(()).expect("the test waits");
    });
    let end = done.recv_timeout(Duration::from_secs(60));
    assert_ne!(end, Err(mpsc::RecvTimeoutError::Timeout), "locked up");
    worker.join().expect("the work is done");
}

/// Counts the events of which `counts` holds.
fn count(flags: &Flags, counts: fn(&Event) -> bool) -> (Arc<AtomicU64>, Subscription) {
    let count = Arc::new(AtomicU64::new(0));
    let subscription = flags.subscribe({
        let count = Arc::clone(&count);
        move |event| _ = count.fetch_add(counts(event).into(), Ordering::SeqCst)
    });
    (count, subscription)
}

fn is_change(event: &Event) -> bool {
    matches!(event, Event::Changed(_))
}

#[test]
fn panic() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let (before, _before) = count(&flags, |_| true);
        let _panicking = flags.subscribe(|_| panic!("a subscriber that panics, as it should in this test"));
        let (after, _after) = count(&flags, |_| true);
        publisher.publish(set("a", Flag::on()));
        publisher.publish(set("a", Flag::off()));
        publisher.refuse(LoadError::new("away"));
        // Two changes, a fault, and two turns: to fresh and to stale.
        assert_eq!((before.load(Ordering::SeqCst), after.load(Ordering::SeqCst)), (5, 5));
        assert_eq!(flags.status().subscriber_panics, 5);
        assert_eq!((flags.status().revision, flags.is_on("a", &())), (2, false));
    });
}

#[test]
fn read_flags_and_ask_for_the_status() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let (sender, read) = mpsc::channel();
        let _subscription = flags.subscribe({
            let flags = flags.clone();
            move |_| {
                let status = flags.status();
                let answers =
                    (flags.is_on("a", "user-1"), flag!(in flags.snapshot(), "a"), flags.evaluate("a", &()).is_on());
                sender.send((answers, status.revision, status.sources.len())).expect("the test listens");
            }
        });
        publisher.publish(set("a", Flag::on()));
        assert_eq!(read.try_recv(), Ok(((true, true, true), 1, 1)));
    });
}

#[test]
fn publish_through_another_publisher() {
    without_deadlock(|| {
        let flags = Flags::new();
        let outer = flags.add_layer(Provenance::new("outer:"));
        let inner = flags.add_layer(Provenance::new("inner:"));
        let (sender, told) = mpsc::channel();
        let _publishing = flags.subscribe(move |event| {
            let Event::Changed(change) = event else { return };
            if change.layer.as_str() == "outer:" {
                inner.publish(set(&format!("echo-{}", change.revision), Flag::on()));
                inner.refuse(LoadError::new(format!("refused at {}", change.revision)));
            }
        });
        let _listening = flags.subscribe(move |event| {
            sender
                .send(match event {
                    Event::Changed(change) => format!("{} {}", change.layer, change.revision),
                    Event::Faulty(fault) => format!("{} is faulty", fault.layer),
                    Event::Turned(turn) => format!("{} is {}", turn.layer, turn.to.as_str()),
                    _ => "news".to_owned(),
                })
                .expect("the test listens");
        });
        outer.publish(set("a", Flag::on()));
        outer.publish(set("a", Flag::off()));
        let told: Vec<String> = told.try_iter().collect();
        let first =
            ["outer: 1", "outer: is fresh", "inner: 2", "inner: is fresh", "inner: is faulty", "inner: is stale"];
        let second = ["outer: 3", "inner: 4", "inner: is fresh", "inner: is faulty", "inner: is stale"];
        assert_eq!(told, [&first[..], &second[..]].concat());
        assert!(flags.is_on("echo-3", &()));
    });
}

#[test]
fn publish_through_the_publisher_that_told_it() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = Arc::new(flags.add_layer(Provenance::new("file:")));
        let _publishing = flags.subscribe({
            let publisher = Arc::clone(&publisher);
            move |event| {
                let Event::Changed(change) = event else { return };
                if change.revision < 100 {
                    publisher.publish(set(&format!("at-{}", change.revision), Flag::on()));
                }
            }
        });
        publisher.publish(set("a", Flag::on()));
        assert_eq!(flags.status().revision, 100);
        assert!(flags.is_on("at-99", &()));
    });
}

#[test]
fn drop_its_own_subscription() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let own: Arc<Mutex<Option<Subscription>>> = Arc::default();
        let calls = Arc::new(AtomicU64::new(0));
        let subscription = flags.subscribe({
            let (own, calls) = (Arc::clone(&own), Arc::clone(&calls));
            move |_| {
                calls.fetch_add(1, Ordering::SeqCst);
                drop(own.lock().expect("nobody panics").take());
            }
        });
        *own.lock().expect("nobody panics") = Some(subscription);
        let (others, _others) = count(&flags, is_change);
        publisher.publish(set("a", Flag::on()));
        publisher.publish(set("a", Flag::off()));
        assert_eq!((calls.load(Ordering::SeqCst), others.load(Ordering::SeqCst)), (1, 2));
    });
}

#[test]
fn drop_what_owns_another_subscription() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let (inner_calls, inner) = count(&flags, is_change);
        let outer = flags.subscribe(move |_| {
            let _owned = &inner;
        });
        publisher.publish(set("a", Flag::on()));
        drop(outer);
        publisher.publish(set("a", Flag::off()));
        assert_eq!(inner_calls.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn subscribe_anew() {
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
                            revisions.lock().expect("nobody panics").push(change.revision);
                        }
                    };
                    flags.subscribe(late).forget();
                }
            }
        });
        publisher.publish(set("a", Flag::on()));
        publisher.publish(set("a", Flag::off()));
        publisher.publish(set("a", Flag::on()));
        assert_eq!(revisions.lock().expect("nobody panics")[..], [2, 3]);
    });
}

#[test]
fn add_layers_and_stop_sources() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let signal = publisher.signal().clone();
        let _subscription = flags.subscribe({
            let flags = flags.clone();
            move |event| {
                if matches!(event, Event::Changed(change) if change.revision == 1) {
                    signal.stop();
                    flags.add_layer(Provenance::new("late:")).publish(set("b", Flag::on()));
                }
            }
        });
        publisher.publish(set("a", Flag::on()));
        publisher.publish(set("a", Flag::off()));
        assert!(flags.is_on("a", &()) && flags.is_on("b", &()));
        let states: Vec<SourceState> = flags.status().sources.iter().map(|source| source.state).collect();
        assert_eq!(states, [SourceState::Stopped, SourceState::Fresh]);
    });
}

#[test]
fn wait_for_another_thread_that_publishes() {
    without_deadlock(|| {
        let flags = Flags::new();
        let outer = flags.add_layer(Provenance::new("outer:"));
        let inner = Arc::new(flags.add_layer(Provenance::new("inner:")));
        let _subscription = flags.subscribe(move |event| {
            if matches!(event, Event::Changed(change) if change.layer.as_str() == "outer:") {
                let inner = Arc::clone(&inner);
                thread::spawn(move || inner.publish(set("b", Flag::on()))).join().expect("it publishes");
            }
        });
        let (told, _told) = count(&flags, is_change);
        outer.publish(set("a", Flag::on()));
        assert!(flags.is_on("a", &()) && flags.is_on("b", &()));
        assert_eq!(told.load(Ordering::SeqCst), 2, "the outer thread delivers what the inner one left");
    });
}

/// Panics when it is dropped, unless that would be while another panic is under way.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            std::panic::panic_any("the bomb went off");
        }
    }
}

#[test]
fn throw_what_panics_when_it_is_dropped() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let _thrower = flags.subscribe(|_| std::panic::panic_any(Bomb));
        let (told, _subscription) = count(&flags, |_| true);
        publisher.publish(set("a", Flag::on()));
        publisher.publish(set("a", Flag::off()));
        // Two changes and a turn.
        assert_eq!(told.load(Ordering::SeqCst), 3);
        assert_eq!(flags.status().subscriber_panics, 3);
    });
}

#[test]
fn unsubscribe_one_whose_turn_is_still_to_come() {
    without_deadlock(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        let later: Arc<Mutex<Option<Subscription>>> = Arc::default();
        let _first = flags.subscribe({
            let later = Arc::clone(&later);
            move |_| drop(later.lock().expect("not poisoned").take())
        });
        let (told, subscription) = count(&flags, |_| true);
        *later.lock().expect("not poisoned") = Some(subscription);
        publisher.publish(set("a", Flag::on()));
        assert_eq!(told.load(Ordering::SeqCst), 0);
    });
}
