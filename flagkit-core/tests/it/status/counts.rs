//! The status shows the state of each source, its counts, its last error and the time of its last good load.

use std::time::{Duration, SystemTime};

use flagkit_core::source::{Load, LoadError, Problem, Provenance, Wake};
use flagkit_core::tooling::SourceState;
use flagkit_core::{Flag, FlagSet, Flags};

use crate::support::{at, clock, flag_set, only_source, unavailable};

fn state(flags: &Flags) -> SourceState {
    only_source(flags).state
}

#[test]
fn a_source_goes_from_starting_to_fresh_to_stale_and_back() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    assert_eq!(state(&flags), SourceState::Starting);
    publisher.unchanged();
    assert_eq!(state(&flags), SourceState::Starting, "there are no flags to be unchanged yet");
    publisher.publish(FlagSet::new());
    assert_eq!(state(&flags), SourceState::Fresh, "an empty load is a load");
    publisher.fail(unavailable());
    assert_eq!(state(&flags), SourceState::Stale);
    publisher.unchanged();
    assert_eq!(state(&flags), SourceState::Fresh);
    publisher.submit(Err(unavailable()));
    publisher.submit(Ok(Load::new(flag_set([("a", Flag::on())]))));
    assert_eq!(state(&flags), SourceState::Fresh);
}

#[test]
fn a_source_that_never_loaded_is_waiting() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.fail(LoadError::missing("no such file"));
    assert_eq!(state(&flags), SourceState::Waiting);
    publisher.unchanged();
    assert_eq!(state(&flags), SourceState::Waiting, "there are no flags to be unchanged yet");
    assert!(only_source(&flags).last_error.is_some_and(|error| error.is_missing()));
    publisher.publish(flag_set([("a", Flag::on())]));
    assert_eq!(state(&flags), SourceState::Fresh);
    assert!(only_source(&flags).last_error.is_none());
}

#[test]
fn a_stopped_source_is_stopped_whatever_it_was_before() {
    for before in ["starting", "fresh", "stale", "waiting"] {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        if matches!(before, "fresh" | "stale") {
            publisher.publish(flag_set([("a", Flag::on())]));
        }
        if matches!(before, "stale" | "waiting") {
            publisher.fail(unavailable());
        }
        assert_eq!(state(&flags).as_str(), before);
        publisher.signal().stop();
        assert_eq!(state(&flags).as_str(), "stopped");
        assert_eq!(publisher.wait(Duration::MAX), Wake::Stopped);
    }
}

#[test]
fn sources_are_in_the_order_of_their_layers_with_their_counts() {
    let flags = Flags::new();
    let [file, server, env] = ["file:", "http:", "env:"].map(|name| flags.add_layer(Provenance::new(name)));
    env.publish(flag_set([("a", Flag::on())]));
    file.publish(
        Load::new(flag_set([("a", Flag::on()), ("b", Flag::on())])).with_problems([Problem::new("c", "x", "y")]),
    );
    file.publish(flag_set([("a", Flag::on()), ("b", Flag::on()), ("c", Flag::on())]));
    server.fail(unavailable());
    server.fail(LoadError::new("still unavailable"));
    let status = flags.status();
    let counts: Vec<_> = status
        .sources
        .iter()
        .map(|source| (source.provenance.as_str(), source.flags, source.loads, source.failures, source.problems.len()))
        .collect();
    assert_eq!(counts, [("file:", 3, 2, 0, 0), ("http:", 0, 0, 2, 0), ("env:", 1, 1, 0, 0)]);
    assert_eq!(status.revision, flags.snapshot().revision());
    assert_eq!(status.sources[1].last_error.as_ref().map(ToString::to_string).as_deref(), Some("still unavailable"));
    assert_eq!(status.subscriber_panics, 0);
}

#[test]
fn a_publisher_with_a_clock_records_the_time_of_the_last_good_load() {
    let (tick, now) = clock!();
    let last_good = |flags: &Flags| only_source(flags).last_good;
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);

    tick(1);
    publisher.unchanged();
    publisher.fail(unavailable());
    assert_eq!(last_good(&flags), None);
    tick(2);
    publisher.publish(flag_set([("a", Flag::on())]));
    assert_eq!(last_good(&flags), Some(at(2)));
    tick(3);
    publisher.fail(unavailable());
    assert_eq!(last_good(&flags), Some(at(2)));
    tick(4);
    publisher.unchanged();
    assert_eq!(last_good(&flags), Some(at(4)));
    tick(5);
    publisher.publish(flag_set([("a", Flag::on())]));
    assert_eq!((last_good(&flags), flags.status().revision), (Some(at(5)), 1), "even when no flag changes");
    tick(6);
    publisher.signal().stop();
    publisher.publish(flag_set([("a", Flag::off())]));
    assert_eq!(last_good(&flags), Some(at(5)));
}

#[test]
fn without_a_clock_there_is_no_time() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(flag_set([("a", Flag::on())]));
    publisher.unchanged();
    assert_eq!(only_source(&flags).last_good, None);
}

#[test]
fn a_stopped_source_is_not_confirmed() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(|| SystemTime::UNIX_EPOCH);
    publisher.publish(flag_set([]));
    publisher.fail(unavailable());
    publisher.signal().stop();
    publisher.unchanged();
    assert!(only_source(&flags).last_error.is_some(), "no report counts after the stop");
}
