//! A subscriber receives each change after it takes effect, in the order of the revisions.

use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use flagkit_core::source::EnvKey;
use flagkit_core::source::{Metadata, Provenance};
use flagkit_core::tooling::Change;
use flagkit_core::{Event, Flag, FlagKey, FlagSet, Flags, Percent, Subscription};

use crate::support::flag_set;

fn changes(flags: &Flags) -> (mpsc::Receiver<Change>, Subscription) {
    let (sender, receiver) = mpsc::channel();
    let subscription = flags.subscribe(move |event| {
        if let Event::Changed(change) = event {
            sender.send(change.clone()).expect("the test listens");
        }
    });
    (receiver, subscription)
}

fn keys(change: &Change) -> Vec<&str> {
    change.keys.iter().map(FlagKey::as_str).collect()
}

#[test]
fn the_changed_keys_come_in_order_with_revision_and_layer() {
    let flags = Flags::new();
    let (received, _subscription) = changes(&flags);
    let file = flags.add_layer(Provenance::new("file:flags.toml"));
    let server = flags.add_layer(Provenance::new("http://flags"));

    file.publish(flag_set([("b", Flag::on()), ("c", Flag::off()), ("a", Flag::on())]));
    let first = received.try_recv().expect("received within the call");
    assert_eq!(keys(&first), ["a", "b", "c"]);
    assert_eq!((first.revision, first.layer.as_str()), (1, "file:flags.toml"));

    server.publish(flag_set([("c", Flag::on()), ("new", Flag::off())]));
    let second = received.try_recv().expect("received within the call");
    assert_eq!(keys(&second), ["c", "new"]);
    assert_eq!((second.revision, second.layer.as_str()), (2, "http://flags"));

    file.publish(flag_set([("c", Flag::on()), ("a", Flag::on().with_rollout(Percent::new(5).expect("a percentage")))]));
    let third = received.try_recv().expect("received within the call");
    assert_eq!(keys(&third), ["a", "b"], "`a` changed, `b` was removed, and `c` belongs to the layer above");
    assert_eq!(third.revision, 3);
    assert!(received.try_recv().is_err());
}

#[test]
fn a_change_of_metadata_is_a_change() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(flag_set([("a", Flag::on())]));
    let (received, _subscription) = changes(&flags);
    let mut metadata = Metadata::default();
    metadata.owner = Some("search".into());
    publisher.publish(flag_set([("a", Flag::on().with_metadata(metadata))]));
    assert_eq!(keys(&received.try_recv().expect("a change")), ["a"]);
}

#[test]
fn a_change_of_only_env_keys_lists_no_keys() {
    let flags = Flags::new();
    let (received, _subscription) = changes(&flags);
    let mut env_set = FlagSet::new();
    env_set.insert_folded(EnvKey::new("NEW_CHECKOUT").expect("an environment key"), Flag::on());
    flags.add_layer(Provenance::new("env:")).publish(env_set);
    let change = received.try_recv().expect("a change");
    assert_eq!((change.revision, keys(&change)), (1, vec![]));
}

#[test]
fn the_new_snapshot_is_in_effect_before_the_subscriber_runs() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let (sender, reads) = mpsc::channel();
    let _subscription = flags.subscribe({
        let flags = flags.clone();
        move |event| {
            if let Event::Changed(_) = event {
                sender.send((flags.is_on("a", &()), flags.snapshot().revision())).expect("the test listens");
            }
        }
    });
    for (flag, on, revision) in [(Flag::on(), true, 1), (Flag::off(), false, 2), (Flag::on(), true, 3)] {
        publisher.publish(flag_set([("a", flag)]));
        assert_eq!(reads.try_recv(), Ok((on, revision)));
    }
}

#[test]
fn a_publish_that_changes_nothing_is_no_event() {
    let flags = Flags::new();
    let low = flags.add_layer(Provenance::new("low:"));
    let high = flags.add_layer(Provenance::new("high:"));
    high.publish(flag_set([("a", Flag::on())]));
    let (received, _subscription) = changes(&flags);
    high.publish(flag_set([("a", Flag::on())]));
    high.publish(flag_set([("a", Flag::on())]));
    low.publish(flag_set([("a", Flag::off())]));
    low.unchanged();
    assert!(received.try_recv().is_err());
    assert_eq!(flags.status().revision, 1);
    high.publish(flag_set([("a", Flag::off())]));
    assert_eq!(received.try_recv().expect("a change").revision, 2);
}

#[test]
fn a_dropped_subscription_receives_no_more_events() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let (received, subscription) = changes(&flags);
    let (other, _other) = changes(&flags);
    publisher.publish(flag_set([("a", Flag::on())]));
    drop(subscription);
    publisher.publish(flag_set([("a", Flag::off())]));
    assert_eq!(received.iter().count(), 1, "the subscriber is dropped with its sender");
    assert_eq!(other.try_iter().count(), 2);
}

#[test]
fn a_forgotten_subscription_lasts() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let (received, subscription) = changes(&flags);
    subscription.forget();
    publisher.publish(flag_set([("a", Flag::on())]));
    publisher.publish(flag_set([("a", Flag::off())]));
    assert_eq!(received.try_iter().count(), 2);
    drop((flags, publisher));
    assert_eq!(received.iter().count(), 0, "the subscriber is dropped with the flags");
}

#[test]
fn a_subscription_may_outlive_the_flags() {
    let flags = Flags::new();
    let (_received, subscription) = changes(&flags);
    drop(flags);
    drop(subscription);
}

#[test]
fn subscribers_run_one_at_a_time_in_the_order_they_subscribed() {
    let flags = Flags::new();
    let received = Arc::new(Mutex::new(Vec::new()));
    let _subscriptions = ["first", "second", "third"].map(|name| {
        let received = Arc::clone(&received);
        flags.subscribe(move |event| {
            received.lock().expect("not poisoned").push(match event {
                Event::Changed(_) => (name, "changed"),
                Event::StateChanged(_) => (name, "state changed"),
                _ => (name, "something else"),
            });
        })
    });
    flags.add_layer(Provenance::new("file:")).publish(flag_set([("a", Flag::on())]));
    let each = |what| ["first", "second", "third"].map(|name| (name, what));
    assert_eq!(*received.lock().expect("not poisoned"), [each("changed"), each("state changed")].concat());
}

#[test]
fn changes_by_concurrent_publishers_arrive_in_the_order_of_revisions() {
    const PUBLISHERS: usize = 4;
    const FLIPS: u64 = 3_000;
    let flags = Flags::new();
    let (received, _subscription) = changes(&flags);
    let start = Barrier::new(PUBLISHERS);
    thread::scope(|scope| {
        for (index, key) in ["a", "b", "c", "d"].into_iter().enumerate() {
            let publisher = flags.add_layer(Provenance::new(format!("{index}")));
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for flip in 0..FLIPS {
                    publisher.publish(flag_set([(key, if flip % 2 == 0 { Flag::on() } else { Flag::off() })]));
                }
            });
        }
    });
    let changes: Vec<Change> = received.try_iter().collect();
    let revisions: Vec<u64> = changes.iter().map(|change| change.revision).collect();
    assert_eq!(revisions, (1..=PUBLISHERS as u64 * FLIPS).collect::<Vec<_>>());
    for change in &changes {
        let [key] = &*change.keys else { panic!("each change has one key: {change:?}") };
        assert_eq!(
            ["a", "b", "c", "d"].iter().position(|name| *name == key.as_str()),
            change.layer.as_str().parse().ok()
        );
    }
}
