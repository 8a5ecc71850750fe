//! A load that fails as a whole changes no flag. Neither does any report of a stopped source.

use flagkit_core::source::{LoadError, Provenance};
use flagkit_core::tooling::SourceState;
use flagkit_core::{Flag, Flags, Percent};

use crate::support::{flag_set, layers};

#[test]
fn a_failed_load_changes_nothing() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    low.publish(flag_set([("a", Flag::on()), ("b", Flag::on())]));
    high.publish(flag_set([
        ("a", Flag::off()),
        ("c", Flag::on().with_rollout(Percent::new(50).expect("a percentage"))),
    ]));
    let before = flags.snapshot();
    for publisher in [&low, &high] {
        publisher.fail(LoadError::new("not valid"));
        publisher.submit(Err(LoadError::missing("gone")));
    }
    let after = flags.snapshot();
    assert_eq!(before.revision(), after.revision());
    for key in ["a", "b", "c", "d"] {
        for id in 0..100 {
            assert_eq!(before.evaluate(key, &id), after.evaluate(key, &id));
        }
    }
    assert_eq!(low.last_good().map(|set| set.len()), Some(2));
}

#[test]
fn a_source_that_never_loaded_has_no_effect() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    low.publish(flag_set([("a", Flag::on())]));
    high.fail(LoadError::new("not valid"));
    assert!(flags.is_on("a", &()));
    assert_eq!(high.last_good(), None);
}

#[test]
fn a_good_load_after_a_failed_one_takes_effect() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(flag_set([("a", Flag::on())]));
    publisher.fail(LoadError::new("not valid"));
    publisher.publish(flag_set([("a", Flag::off())]));
    assert!(!flags.is_on("a", &()));
    assert_eq!(flags.status().sources[0].state, SourceState::Fresh);
}

#[test]
fn publishes_and_reports_of_a_stopped_source_do_not_count() {
    let (flags, [low, high]) = layers(["low:", "high:"]);
    low.publish(flag_set([("a", Flag::on())]));
    low.signal().clone().stop();
    low.publish(flag_set([("a", Flag::off()), ("b", Flag::on())]));
    low.fail(LoadError::new("not valid"));
    assert!(flags.is_on("a", &()) && !flags.is_on("b", &()), "its last good flags stay in effect");
    let source = &flags.status().sources[0];
    assert_eq!((source.state, source.loads, source.failures), (SourceState::Stopped, 1, 0));
    assert!(source.last_error.is_none());

    high.publish(flag_set([("b", Flag::on())]));
    assert!(flags.is_on("a", &()) && flags.is_on("b", &()), "the other layers still change");
}
