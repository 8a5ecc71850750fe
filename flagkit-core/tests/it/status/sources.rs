//! Each source is starting, fresh, stale, waiting or stopped, with its counts, its last error and the time it was well.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use flagkit_core::{
    Flag, FlagKey, FlagSet, Flags, Load, LoadError, Problem, Provenance, SourceState, SourceStatus, Wake,
};

fn set<const N: usize>(flags: [(&str, Flag); N]) -> FlagSet {
    flags.into_iter().map(|(key, flag)| (FlagKey::new(key).expect("a key"), flag)).collect()
}

fn only_source(flags: &Flags) -> SourceStatus {
    let mut sources = flags.status().sources;
    assert_eq!(sources.len(), 1);
    sources.remove(0)
}

fn state(flags: &Flags) -> SourceState {
    only_source(flags).state
}

#[test]
fn a_source_goes_from_starting_to_fresh_to_stale_and_back() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    assert_eq!(state(&flags), SourceState::Starting);
    publisher.confirm();
    assert_eq!(state(&flags), SourceState::Starting, "there is nothing to confirm yet");
    publisher.publish(FlagSet::new());
    assert_eq!(state(&flags), SourceState::Fresh, "an empty load is a load");
    publisher.refuse(LoadError::new("away"));
    assert_eq!(state(&flags), SourceState::Stale);
    publisher.confirm();
    assert_eq!(state(&flags), SourceState::Fresh);
    publisher.report(Err(LoadError::new("away")));
    publisher.report(Ok(Load::new(set([("a", Flag::on())]))));
    assert_eq!(state(&flags), SourceState::Fresh);
}

#[test]
fn a_source_that_never_was_well_is_waiting() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.refuse(LoadError::missing("no such file"));
    assert_eq!(state(&flags), SourceState::Waiting);
    publisher.confirm();
    assert_eq!(state(&flags), SourceState::Waiting, "there is nothing to confirm yet");
    assert!(only_source(&flags).last_error.is_some_and(|error| error.is_missing()));
    publisher.publish(set([("a", Flag::on())]));
    assert_eq!(state(&flags), SourceState::Fresh);
    assert!(only_source(&flags).last_error.is_none());
}

#[test]
fn a_stopped_source_is_stopped_whatever_it_was_before() {
    for before in ["starting", "fresh", "stale", "waiting"] {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        if matches!(before, "fresh" | "stale") {
            publisher.publish(set([("a", Flag::on())]));
        }
        if matches!(before, "stale" | "waiting") {
            publisher.refuse(LoadError::new("away"));
        }
        assert_eq!(state(&flags).as_str(), before);
        publisher.signal().stop();
        assert_eq!(state(&flags).as_str(), "stopped");
        assert_eq!(publisher.wait(Duration::MAX), Wake::Stopped);
    }
}

#[test]
fn sources_stand_in_the_order_of_their_layers_with_their_counts() {
    let flags = Flags::new();
    let [file, server, env] = ["file:", "http:", "env:"].map(|name| flags.add_layer(Provenance::new(name)));
    env.publish(set([("a", Flag::on())]));
    file.publish(Load::new(set([("a", Flag::on()), ("b", Flag::on())])).with_problems([Problem::new("c", "x", "y")]));
    file.publish(set([("a", Flag::on()), ("b", Flag::on()), ("c", Flag::on())]));
    server.refuse(LoadError::new("away"));
    server.refuse(LoadError::new("still away"));
    let status = flags.status();
    let counts: Vec<_> = status
        .sources
        .iter()
        .map(|source| (source.provenance.as_str(), source.flags, source.loads, source.refusals, source.problems.len()))
        .collect();
    assert_eq!(counts, [("file:", 3, 2, 0, 0), ("http:", 0, 0, 2, 0), ("env:", 1, 1, 0, 0)]);
    assert_eq!(status.revision, flags.snapshot().revision());
    assert_eq!(status.sources[1].last_error.as_ref().map(ToString::to_string).as_deref(), Some("still away"));
    assert_eq!(status.subscriber_panics, 0);
}

#[test]
fn a_publisher_with_a_clock_says_when_its_source_was_last_well() {
    static SECONDS: AtomicU64 = AtomicU64::new(0);
    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }
    let last_good = |flags: &Flags| only_source(flags).last_good;
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(|| at(SECONDS.load(Ordering::SeqCst)));
    let tick = |seconds| SECONDS.store(seconds, Ordering::SeqCst);

    tick(1);
    publisher.confirm();
    publisher.refuse(LoadError::new("away"));
    assert_eq!(last_good(&flags), None);
    tick(2);
    publisher.publish(set([("a", Flag::on())]));
    assert_eq!(last_good(&flags), Some(at(2)));
    tick(3);
    publisher.refuse(LoadError::new("away"));
    assert_eq!(last_good(&flags), Some(at(2)));
    tick(4);
    publisher.confirm();
    assert_eq!(last_good(&flags), Some(at(4)));
    tick(5);
    publisher.publish(set([("a", Flag::on())]));
    assert_eq!((last_good(&flags), flags.status().revision), (Some(at(5)), 1), "also when nothing differs");
    tick(6);
    publisher.signal().stop();
    publisher.publish(set([("a", Flag::off())]));
    assert_eq!(last_good(&flags), Some(at(5)));
}

#[test]
fn without_a_clock_there_is_no_time() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(set([("a", Flag::on())]));
    publisher.confirm();
    assert_eq!(only_source(&flags).last_good, None);
}

#[test]
fn a_stopped_source_is_not_confirmed() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(|| SystemTime::UNIX_EPOCH);
    publisher.publish(set([]));
    publisher.refuse(LoadError::new("away"));
    publisher.signal().stop();
    publisher.confirm();
    assert!(only_source(&flags).last_error.is_some(), "nothing counts after the stop");
}
