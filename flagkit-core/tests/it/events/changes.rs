//! A subscriber is told of each change after it is in force, in the order of the revisions, and of nothing else.

use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use flagkit_core::{
    Change, Event, Flag, FlagKey, FlagSet, Flags, FoldedKey, Metadata, Percent, Provenance, Subscription,
};

fn set<const N: usize>(flags: [(&str, Flag); N]) -> FlagSet {
    flags.into_iter().map(|(key, flag)| (FlagKey::new(key).expect("a key"), flag)).collect()
}

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
    let (told, _subscription) = changes(&flags);
    let file = flags.add_layer(Provenance::new("file:flags.toml"));
    let server = flags.add_layer(Provenance::new("http://flags"));

    file.publish(set([("b", Flag::on()), ("c", Flag::off()), ("a", Flag::on())]));
    let first = told.try_recv().expect("told within the call");
    assert_eq!(keys(&first), ["a", "b", "c"]);
    assert_eq!((first.revision, first.layer.as_str()), (1, "file:flags.toml"));

    server.publish(set([("c", Flag::on()), ("new", Flag::off())]));
    let second = told.try_recv().expect("told within the call");
    assert_eq!(keys(&second), ["c", "new"]);
    assert_eq!((second.revision, second.layer.as_str()), (2, "http://flags"));

    file.publish(set([("c", Flag::on()), ("a", Flag::on().with_rollout(Percent::new(5).expect("a percentage")))]));
    let third = told.try_recv().expect("told within the call");
    assert_eq!(keys(&third), ["a", "b"], "a changed, b is gone, and c belongs to the layer above");
    assert_eq!(third.revision, 3);
    assert!(told.try_recv().is_err());
}

#[test]
fn a_change_of_metadata_is_a_change() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(set([("a", Flag::on())]));
    let (told, _subscription) = changes(&flags);
    let mut metadata = Metadata::default();
    metadata.owner = Some("search".into());
    publisher.publish(set([("a", Flag::on().with_metadata(metadata))]));
    assert_eq!(keys(&told.try_recv().expect("told")), ["a"]);
}

#[test]
fn a_change_of_folded_keys_alone_lists_no_keys() {
    let flags = Flags::new();
    let (told, _subscription) = changes(&flags);
    let mut folded = FlagSet::new();
    folded.insert_folded(FoldedKey::new("NEW_CHECKOUT").expect("a folded key"), Flag::on());
    flags.add_layer(Provenance::new("env:")).publish(folded);
    let change = told.try_recv().expect("told");
    assert_eq!((change.revision, keys(&change)), (1, vec![]));
}

#[test]
fn the_new_snapshot_is_in_force_when_the_subscriber_is_told() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let (sender, seen) = mpsc::channel();
    let _subscription = flags.subscribe({
        let flags = flags.clone();
        move |event| {
            if let Event::Changed(_) = event {
                sender.send((flags.is_on("a", &()), flags.snapshot().revision())).expect("the test listens");
            }
        }
    });
    for (flag, on, revision) in [(Flag::on(), true, 1), (Flag::off(), false, 2), (Flag::on(), true, 3)] {
        publisher.publish(set([("a", flag)]));
        assert_eq!(seen.try_recv(), Ok((on, revision)));
    }
}

#[test]
fn nothing_is_told_of_a_publish_that_changes_nothing() {
    let flags = Flags::new();
    let low = flags.add_layer(Provenance::new("low:"));
    let high = flags.add_layer(Provenance::new("high:"));
    high.publish(set([("a", Flag::on())]));
    let (told, _subscription) = changes(&flags);
    high.publish(set([("a", Flag::on())]));
    high.publish(set([("a", Flag::on())]));
    low.publish(set([("a", Flag::off())]));
    low.confirm();
    assert!(told.try_recv().is_err());
    assert_eq!(flags.status().revision, 1);
    high.publish(set([("a", Flag::off())]));
    assert_eq!(told.try_recv().expect("told").revision, 2);
}

#[test]
fn a_dropped_subscription_is_told_no_more() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let (told, subscription) = changes(&flags);
    let (kept, _kept) = changes(&flags);
    publisher.publish(set([("a", Flag::on())]));
    drop(subscription);
    publisher.publish(set([("a", Flag::off())]));
    assert_eq!(told.iter().count(), 1, "and what the subscriber owned is gone");
    assert_eq!(kept.try_iter().count(), 2);
}

#[test]
fn a_forgotten_subscription_lasts() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let (told, subscription) = changes(&flags);
    subscription.forget();
    publisher.publish(set([("a", Flag::on())]));
    publisher.publish(set([("a", Flag::off())]));
    assert_eq!(told.try_iter().count(), 2);
    drop((flags, publisher));
    assert_eq!(told.iter().count(), 0, "and goes with the flags");
}

#[test]
fn a_subscription_may_outlive_the_flags() {
    let flags = Flags::new();
    let (_told, subscription) = changes(&flags);
    drop(flags);
    drop(subscription);
}

#[test]
fn subscribers_are_told_one_after_the_other_in_the_order_they_subscribed() {
    let flags = Flags::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let _subscriptions = ["first", "second", "third"].map(|name| {
        let told = Arc::clone(&told);
        flags.subscribe(move |event| {
            told.lock().expect("nobody panics").push(match event {
                Event::Changed(_) => (name, "changed"),
                Event::Turned(_) => (name, "turned"),
                _ => (name, "something else"),
            });
        })
    });
    flags.add_layer(Provenance::new("file:")).publish(set([("a", Flag::on())]));
    let each = |what| ["first", "second", "third"].map(|name| (name, what));
    assert_eq!(*told.lock().expect("nobody panics"), [each("changed"), each("turned")].concat());
}

#[test]
fn concurrent_publishers_are_told_of_in_the_order_of_revisions() {
    const PUBLISHERS: usize = 4;
    const FLIPS: u64 = 3_000;
    let flags = Flags::new();
    let (told, _subscription) = changes(&flags);
    let start = Barrier::new(PUBLISHERS);
    thread::scope(|scope| {
        for (index, key) in ["a", "b", "c", "d"].into_iter().enumerate() {
            let publisher = flags.add_layer(Provenance::new(format!("{index}")));
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for flip in 0..FLIPS {
                    publisher.publish(set([(key, if flip % 2 == 0 { Flag::on() } else { Flag::off() })]));
                }
            });
        }
    });
    let changes: Vec<Change> = told.try_iter().collect();
    let revisions: Vec<u64> = changes.iter().map(|change| change.revision).collect();
    assert_eq!(revisions, (1..=PUBLISHERS as u64 * FLIPS).collect::<Vec<_>>());
    for change in &changes {
        let [key] = &*change.keys else { panic!("one key a change: {change:?}") };
        assert_eq!(
            ["a", "b", "c", "d"].iter().position(|name| *name == key.as_str()),
            change.layer.as_str().parse().ok()
        );
    }
}
