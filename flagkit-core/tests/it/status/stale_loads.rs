//! A source may publish flags of an earlier time, with the reason why it has no newer ones.

use flagkit_core::source::{Load, LoadError, Problem, Provenance};
use flagkit_core::tooling::SourceState;
use flagkit_core::{Flag, Flags};

use crate::support::{EventLog, at, clock, last_error, only_a, only_source, unavailable};

#[test]
fn stale_flags_take_effect_and_are_stale_from_the_start() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let log = EventLog::new(&flags);
    let publisher = flags.add_layer(Provenance::new("http:")).with_clock(now);
    tick(1_000);
    let load = Load::new(only_a(Flag::on())).stale(unavailable(), Some(at(7)));
    assert_eq!(load.staleness().map(ToString::to_string).as_deref(), Some("unavailable"));
    publisher.publish(load);

    assert!(flags.is_on("a", &()), "the flags take effect");
    let status = only_source(&flags);
    assert_eq!((status.state, status.since), (SourceState::Stale, Some(at(1_000))));
    assert_eq!((status.last_good, last_error(&flags).as_deref()), (Some(at(7)), Some("unavailable")));
    assert_eq!((status.flags, status.loads, status.unchanged), (1, 1, 0));
    assert_eq!(publisher.last_good().as_deref(), Some(&only_a(Flag::on())));
    let lines = log.take();
    assert_eq!(lines.len(), 3);
    assert!(lines.contains(&"changed: 1".to_owned()) && lines.contains(&"load failed: unavailable".to_owned()));
    assert_eq!(lines[2], "state: starting to stale");

    tick(1_001);
    publisher.publish(only_a(Flag::on()));
    assert_eq!(log.take(), ["state: stale to fresh"]);
    let status = only_source(&flags);
    assert_eq!((status.state, status.since), (SourceState::Fresh, Some(at(1_001))));
    assert_eq!((status.last_good, last_error(&flags)), (Some(at(1_001)), None));
}

#[test]
fn stale_flags_of_an_unknown_time_have_no_last_good_time() {
    let (tick, now) = clock!();
    tick(1_000);
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:")).with_clock(now);
    publisher.publish(Load::new(only_a(Flag::on())).stale(unavailable(), None));
    let status = only_source(&flags);
    assert_eq!((status.state, status.last_good), (SourceState::Stale, None));
}

#[test]
fn stale_flags_make_a_waiting_source_stale() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:"));
    publisher.fail(unavailable());
    let log = EventLog::new(&flags);
    publisher.publish(Load::new(only_a(Flag::on())).stale(LoadError::new("still unavailable"), None));
    let lines = log.take();
    assert_eq!(lines.len(), 3);
    assert!(lines.contains(&"changed: 1".to_owned()) && lines.contains(&"load failed: still unavailable".to_owned()));
    assert_eq!(lines[2], "state: waiting to stale");
}

#[test]
fn a_failure_for_the_reason_of_stale_flags_is_no_event() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:"));
    publisher.publish(Load::new(only_a(Flag::on())).stale(unavailable(), None));
    let log = EventLog::new(&flags);
    publisher.fail(unavailable());
    assert_eq!(log.take(), [""; 0]);
    publisher.fail(LoadError::new("garbled"));
    assert_eq!(log.take(), ["load failed: garbled"]);
}

#[test]
fn stale_flags_that_are_confirmed_are_fresh() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:"));
    publisher.publish(Load::new(only_a(Flag::on())).stale(unavailable(), None));
    let log = EventLog::new(&flags);
    publisher.unchanged();
    assert_eq!(log.take(), ["state: stale to fresh"]);
    assert_eq!((only_source(&flags).state, last_error(&flags)), (SourceState::Fresh, None));
}

#[test]
fn stale_flags_may_have_problems_too() {
    let flags = Flags::new();
    let log = EventLog::new(&flags);
    let load = Load::new(only_a(Flag::on())).with_problems([Problem::new("flags.b", "120", "a percentage")]);
    flags.add_layer(Provenance::new("http:")).publish(load.stale(unavailable(), None));
    let lines = log.take().join("; ");
    assert!(lines.contains("unavailable") && lines.contains("flags.b"), "{lines}");
    assert!(lines.ends_with("state: starting to stale"), "{lines}");
    assert_eq!(only_source(&flags).problems.len(), 1);
}

#[test]
fn stale_flags_count_as_an_accepted_load() {
    let flags = Flags::new();
    flags.add_layer(Provenance::new("http:")).publish(Load::new(only_a(Flag::on())).stale(unavailable(), None));
    let status = only_source(&flags);
    assert_eq!((status.loads, status.failures), (1, 0));
}

#[test]
fn stale_flags_for_the_same_reason_are_reported_once() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:"));
    publisher.fail(unavailable());
    let log = EventLog::new(&flags);
    publisher.publish(Load::new(only_a(Flag::on())).stale(unavailable(), None));
    publisher.publish(Load::new(only_a(Flag::on())).stale(unavailable(), None));
    assert_eq!(log.take(), ["changed: 1", "state: waiting to stale"]);
}

#[test]
fn the_reason_of_stale_flags_is_reported_again_after_five_minutes() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:")).with_clock(now);
    tick(1_000);
    publisher.publish(Load::new(only_a(Flag::on())).stale(unavailable(), None));
    let log = EventLog::new(&flags);
    tick(1_299);
    publisher.fail(unavailable());
    assert_eq!(log.take(), [""; 0]);
    tick(1_300);
    publisher.fail(unavailable());
    assert_eq!(log.take(), ["load failed: unavailable"]);
}

#[test]
fn stale_flags_start_their_own_five_minutes() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:")).with_clock(now);
    tick(10);
    publisher.fail(unavailable());
    tick(20);
    publisher.publish(only_a(Flag::on()));
    tick(1_000);
    publisher.publish(Load::new(only_a(Flag::on())).stale(unavailable(), None));
    let log = EventLog::new(&flags);
    tick(1_001);
    publisher.fail(unavailable());
    assert_eq!(log.take(), [""; 0], "the failure was reported a second ago");
}

#[test]
fn a_current_load_has_no_staleness() {
    assert!(Load::new(only_a(Flag::on())).staleness().is_none());
    assert!(Load::from(only_a(Flag::on())).staleness().is_none());
}
