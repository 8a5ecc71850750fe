//! A load that keeps failing with the same message is reported again every five minutes.

use flagkit_core::source::{LoadError, Provenance};
use flagkit_core::{Flag, Flags};

use crate::support::{EventLog, clock, only_a, only_source, unavailable};

#[test]
fn a_failure_that_lasts_is_reported_again_after_five_minutes() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);
    publisher.publish(only_a(Flag::on()));
    let log = EventLog::new(&flags);
    let fail_at = |seconds, message: &str| {
        tick(seconds);
        publisher.fail(LoadError::new(message));
        log.take()
    };
    assert_eq!(fail_at(1_000, "unavailable"), ["load failed: unavailable", "state: fresh to stale"]);
    assert_eq!(fail_at(1_001, "unavailable"), [""; 0]);
    assert_eq!(fail_at(1_299, "unavailable"), [""; 0]);
    assert_eq!(fail_at(1_300, "unavailable"), ["load failed: unavailable"]);
    assert_eq!(fail_at(1_301, "unavailable"), [""; 0], "five minutes from the last report");
    assert_eq!(fail_at(1_599, "unavailable"), [""; 0]);
    assert_eq!(fail_at(1_700, "unavailable"), ["load failed: unavailable"]);
    assert_eq!(fail_at(1_999, "unavailable"), [""; 0]);
    assert_eq!(fail_at(2_000, "unavailable"), ["load failed: unavailable"]);
}

#[test]
fn another_message_is_reported_immediately_and_starts_its_own_five_minutes() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);
    publisher.publish(only_a(Flag::on()));
    let log = EventLog::new(&flags);
    let fail_at = |seconds, message: &str| {
        tick(seconds);
        publisher.fail(LoadError::new(message));
        log.take()
    };
    assert_eq!(fail_at(1_000, "unavailable"), ["load failed: unavailable", "state: fresh to stale"]);
    assert_eq!(fail_at(1_200, "garbled"), ["load failed: garbled"]);
    assert_eq!(fail_at(1_300, "garbled"), [""; 0]);
    assert_eq!(fail_at(1_499, "garbled"), [""; 0]);
    assert_eq!(fail_at(1_500, "garbled"), ["load failed: garbled"]);
    assert_eq!(fail_at(1_501, "unavailable"), ["load failed: unavailable"]);
}

#[test]
fn a_failure_after_a_good_load_is_reported_immediately() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);
    publisher.publish(only_a(Flag::on()));
    let log = EventLog::new(&flags);
    tick(1_000);
    publisher.fail(unavailable());
    tick(1_001);
    publisher.unchanged();
    tick(1_002);
    publisher.fail(unavailable());
    let expected = [
        "load failed: unavailable",
        "state: fresh to stale",
        "state: stale to fresh",
        "load failed: unavailable",
        "state: fresh to stale",
    ];
    assert_eq!(log.take(), expected);
    tick(1_301);
    publisher.fail(unavailable());
    assert_eq!(log.take(), [""; 0]);
    tick(1_302);
    publisher.fail(unavailable());
    assert_eq!(log.take(), ["load failed: unavailable"]);
}

#[test]
fn without_a_clock_a_failure_that_lasts_is_reported_once() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let log = EventLog::new(&flags);
    for _ in 0..1_000 {
        publisher.fail(unavailable());
    }
    assert_eq!(log.take(), ["load failed: unavailable", "state: starting to waiting"]);
    assert_eq!(only_source(&flags).failures, 1_000);
}

#[test]
fn each_source_repeats_its_failure_at_its_own_time() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publishers = ["one", "two"].map(|name| (name, flags.add_layer(Provenance::new(name)).with_clock(now)));
    let log = EventLog::new(&flags);
    let fail_at = |seconds| {
        tick(seconds);
        for (name, publisher) in &publishers {
            publisher.fail(LoadError::new(*name));
        }
        log.take()
    };
    tick(1_000);
    publishers[0].1.fail(LoadError::new("one"));
    assert_eq!(log.take(), ["load failed: one", "state: starting to waiting"]);
    assert_eq!(fail_at(1_100), ["load failed: two", "state: starting to waiting"]);
    assert_eq!(fail_at(1_300), ["load failed: one"]);
    assert_eq!(fail_at(1_400), ["load failed: two"]);
    assert_eq!(fail_at(1_599), [""; 0]);
}
