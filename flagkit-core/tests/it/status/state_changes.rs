//! A source reports each change of its state once, and its status shows the state and how long it lasts.

use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use flagkit_core::source::{Load, LoadError, Problem, Provenance, Signal, Wake};
use flagkit_core::tooling::SourceState;
use flagkit_core::tooling::StateChange;
use flagkit_core::{Event, Flag, FlagSet, Flags};

use crate::support::{EventLog, at, clock, last_error, only_a, only_source, source, unavailable};

#[test]
fn the_first_publish_makes_a_source_fresh() {
    let flags = Flags::new();
    let log = EventLog::new(&flags);
    let publisher = flags.add_layer(Provenance::new("file:"));
    assert_eq!(log.take(), [""; 0], "a new source has not changed its state");
    publisher.publish(only_a(Flag::on()));
    assert_eq!(log.take(), ["changed: 1", "state: starting to fresh"]);
    publisher.publish(only_a(Flag::off()));
    assert_eq!(log.take(), ["changed: 2"], "the source was fresh before");
    publisher.publish(only_a(Flag::off()));
    publisher.unchanged();
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn a_first_load_that_changes_no_flag_still_changes_the_state() {
    let flags = Flags::new();
    let log = EventLog::new(&flags);
    flags.add_layer(Provenance::new("file:")).publish(FlagSet::new());
    assert_eq!(log.take().last().map(String::as_str), Some("state: starting to fresh"));
    assert_eq!(only_source(&flags).state, SourceState::Fresh);
}

#[test]
fn a_failed_load_makes_a_fresh_source_stale_once() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(only_a(Flag::on()));
    let log = EventLog::new(&flags);
    publisher.fail(unavailable());
    assert_eq!(log.take(), ["load failed: unavailable", "state: fresh to stale"]);
    publisher.fail(unavailable());
    assert_eq!(log.take(), [""; 0]);
    publisher.fail(LoadError::new("still unavailable"));
    assert_eq!(log.take(), ["load failed: still unavailable"], "another load failure in the same state");
    assert_eq!(only_source(&flags).state, SourceState::Stale);
}

#[test]
fn a_confirmation_makes_a_stale_source_fresh() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(only_a(Flag::on()));
    publisher.fail(unavailable());
    let log = EventLog::new(&flags);
    publisher.unchanged();
    assert_eq!(log.take(), ["state: stale to fresh"]);
    publisher.unchanged();
    assert_eq!(log.take(), [""; 0]);
    assert_eq!((only_source(&flags).state, last_error(&flags)), (SourceState::Fresh, None));
}

#[test]
fn a_publish_makes_a_stale_source_fresh() {
    for (flag, expected) in
        [(Flag::on(), &["state: stale to fresh"][..]), (Flag::off(), &["changed: 2", "state: stale to fresh"])]
    {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        publisher.publish(only_a(Flag::on()));
        publisher.fail(unavailable());
        let log = EventLog::new(&flags);
        publisher.publish(only_a(flag));
        assert_eq!(log.take(), expected);
    }
}

#[test]
fn a_source_that_fails_before_any_load_waits_until_it_has_one() {
    let flags = Flags::new();
    let log = EventLog::new(&flags);
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.fail(LoadError::missing("no such file"));
    assert_eq!(log.take(), ["load failed: no such file", "state: starting to waiting"]);
    publisher.fail(LoadError::missing("no such file"));
    publisher.unchanged();
    assert_eq!(log.take(), [""; 0], "the source waits as before");
    publisher.publish(only_a(Flag::on()));
    assert_eq!(log.take(), ["changed: 1", "state: waiting to fresh"]);
}

#[test]
fn a_source_with_invalid_flags_is_fresh() {
    let flags = Flags::new();
    let log = EventLog::new(&flags);
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(Load::new(only_a(Flag::on())).with_problems([Problem::new("flags.b", "120", "a percentage")]));
    let lines = log.take();
    assert_eq!(lines.len(), 3);
    assert!(lines.contains(&"changed: 1".to_owned()) && lines.contains(&"load failed: flags.b".to_owned()));
    assert_eq!(lines[2], "state: starting to fresh");
}

#[test]
fn a_state_change_names_its_layer_and_shows_in_the_status_already() {
    let flags = Flags::new();
    let publishers = ["one:", "two:"].map(|name| flags.add_layer(Provenance::new(name)));
    let (sender, receiver) = mpsc::channel();
    let _subscription = flags.subscribe({
        let flags = flags.clone();
        move |event| {
            if let Event::StateChanged(change) = event {
                let index = usize::from(change.layer.as_str() == "two:");
                let status = source(&flags, index);
                sender.send((change.layer.clone(), change.to, status.state)).expect("the test listens");
            }
        }
    });
    publishers[1].publish(only_a(Flag::on()));
    publishers[0].fail(unavailable());
    publishers[1].fail(unavailable());
    let changes: Vec<_> = receiver.try_iter().collect();
    let expected = [
        (Provenance::new("two:"), SourceState::Fresh, SourceState::Fresh),
        (Provenance::new("one:"), SourceState::Waiting, SourceState::Waiting),
        (Provenance::new("two:"), SourceState::Stale, SourceState::Stale),
    ];
    assert_eq!(changes, expected);
}

#[test]
fn state_changes_are_consecutive_whichever_thread_reports() {
    const THREADS: usize = 4;
    let flags = Flags::new();
    let (sender, receiver) = mpsc::channel::<StateChange>();
    let _subscription = flags.subscribe(move |event| {
        if let Event::StateChanged(change) = event {
            sender.send(change.clone()).expect("the test listens");
        }
    });
    let publisher = flags.add_layer(Provenance::new("file:"));
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (publisher, start) = (&publisher, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..1_000 {
                    match (thread + round) % 3 {
                        0 => publisher.publish(only_a(Flag::on())),
                        1 => publisher.unchanged(),
                        _ => publisher.fail(unavailable()),
                    }
                }
            });
        }
    });
    let mut state = SourceState::Starting;
    for change in receiver.try_iter() {
        assert_eq!(change.from, state, "each change starts from the state of the previous one");
        assert_ne!(change.from, change.to);
        state = change.to;
    }
    assert_eq!(state, only_source(&flags).state);
}

#[test]
fn a_stopped_source_changes_its_state_no_more() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(only_a(Flag::on()));
    publisher.signal().stop();
    let log = EventLog::new(&flags);
    publisher.fail(unavailable());
    publisher.publish(only_a(Flag::off()));
    publisher.unchanged();
    publisher.set_warnings(["the disk is full".to_owned()]);
    assert_eq!(log.take(), [""; 0], "nothing counts after the stop");
    let status = only_source(&flags);
    assert_eq!((status.state, status.loads, status.unchanged, status.failures), (SourceState::Stopped, 1, 0, 0));
    assert!(status.warnings.is_empty());
}

#[test]
fn since_is_the_time_of_the_last_state_change() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);
    let state = || (only_source(&flags).state, only_source(&flags).since);
    tick(1);
    assert_eq!(state(), (SourceState::Starting, None), "nothing was reported yet");
    tick(2);
    publisher.fail(unavailable());
    assert_eq!(state(), (SourceState::Waiting, Some(at(2))));
    tick(3);
    publisher.fail(LoadError::new("still unavailable"));
    assert_eq!(state(), (SourceState::Waiting, Some(at(2))));
    tick(4);
    publisher.publish(only_a(Flag::on()));
    assert_eq!(state(), (SourceState::Fresh, Some(at(4))));
    tick(5);
    publisher.publish(only_a(Flag::off()));
    publisher.unchanged();
    assert_eq!(state(), (SourceState::Fresh, Some(at(4))));
    tick(6);
    publisher.fail(unavailable());
    assert_eq!(state(), (SourceState::Stale, Some(at(6))));
    tick(7);
    publisher.fail(unavailable());
    assert_eq!(state(), (SourceState::Stale, Some(at(6))));
    tick(8);
    publisher.unchanged();
    assert_eq!(state(), (SourceState::Fresh, Some(at(8))));
    tick(9);
    publisher.fail(unavailable());
    tick(10);
    publisher.publish(only_a(Flag::off()));
    assert_eq!(state(), (SourceState::Fresh, Some(at(10))));
}

/// A way to end a wait.
type End = fn(&Signal);

#[test]
fn a_waiting_source_shows_its_next_try() {
    let (tick, now) = clock!();
    tick(100);
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);
    let next_try = || only_source(&flags).next_try;
    assert_eq!(next_try(), None, "the source does not wait");
    let signal = publisher.signal();
    let ends =
        [(Signal::wake as End, Wake::Notified), (Signal::reload, Wake::ReloadRequested), (Signal::stop, Wake::Stopped)];
    for (end, wake) in ends {
        thread::scope(|scope| {
            let waiting = scope.spawn(|| publisher.wait(Duration::from_secs(600)));
            let deadline = Instant::now() + Duration::from_secs(180);
            while next_try().is_none() && Instant::now() < deadline {
                thread::yield_now();
            }
            let shown = next_try();
            end(signal);
            assert_eq!(shown, Some(at(700)));
            assert_eq!(waiting.join().expect("the waiter does not panic"), wake);
        });
        assert_eq!(next_try(), None, "the wait is over");
    }
}

#[test]
fn without_a_clock_there_is_neither_since_nor_next_try() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(only_a(Flag::on()));
    publisher.fail(unavailable());
    assert_eq!(publisher.wait(Duration::ZERO), Wake::TimedOut);
    let status = only_source(&flags);
    assert_eq!((status.state, status.since, status.next_try), (SourceState::Stale, None, None));
}

#[test]
fn loads_confirmations_and_failures_are_counted_separately() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let counts = || {
        let status = only_source(&flags);
        (status.loads, status.unchanged, status.failures)
    };
    assert_eq!(counts(), (0, 0, 0));
    publisher.fail(unavailable());
    assert_eq!(counts(), (0, 0, 1));
    publisher.publish(only_a(Flag::on()));
    publisher.publish(only_a(Flag::on()));
    assert_eq!(counts(), (2, 0, 1), "a load of the same flags counts");
    publisher.unchanged();
    publisher.unchanged();
    publisher.unchanged();
    assert_eq!(counts(), (2, 3, 1));
    publisher.fail(unavailable());
    publisher.unchanged();
    assert_eq!(counts(), (2, 4, 2));
    publisher.submit(Ok(Load::new(only_a(Flag::off()))));
    publisher.submit(Err(unavailable()));
    assert_eq!(counts(), (3, 4, 3));
}

#[test]
fn a_confirmation_before_any_load_does_not_count() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.unchanged();
    publisher.fail(unavailable());
    publisher.unchanged();
    assert_eq!(only_source(&flags).unchanged, 0, "there are no flags to be unchanged");
}

#[test]
fn a_clock_that_is_set_back_does_no_harm() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);
    tick(1_000);
    publisher.publish(only_a(Flag::on()));
    publisher.fail(unavailable());
    let log = EventLog::new(&flags);
    tick(10);
    publisher.fail(unavailable());
    assert_eq!(log.take(), [""; 0]);
    assert_eq!(only_source(&flags).since, Some(at(1_000)));
    publisher.unchanged();
    assert_eq!(log.take(), ["state: stale to fresh"]);
    assert_eq!((only_source(&flags).since, only_source(&flags).last_good), (Some(at(10)), Some(at(10))));
}
