//! A source that becomes well, ceases to be, or has something to be known for is told of once, and its status says it.
//!
//! One long file: all of it is what one layer tells, by the same clocks and the same log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use flagkit_core::{
    Event, Flag, FlagKey, FlagSet, Flags, Load, LoadError, Problem, Provenance, Signal, Source, SourceState,
    SourceStatus, Subscription, Turn, Wake,
};

fn set(flag: Flag) -> FlagSet {
    FlagSet::from_iter([(FlagKey::new("a").expect("a key"), flag)])
}

fn away() -> LoadError {
    LoadError::new("away")
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A clock for the test it stands in: what moves it, and what a publisher takes.
macro_rules! clock {
    () => {{
        static SECONDS: AtomicU64 = AtomicU64::new(0);
        fn now() -> SystemTime {
            at(SECONDS.load(Ordering::SeqCst))
        }
        (|seconds| SECONDS.store(seconds, Ordering::SeqCst), now)
    }};
}

fn source(flags: &Flags, index: usize) -> SourceStatus {
    flags.status().sources.swap_remove(index)
}

fn only_source(flags: &Flags) -> SourceStatus {
    assert_eq!(flags.status().sources.len(), 1);
    source(flags, 0)
}

fn last_error(flags: &Flags) -> Option<String> {
    only_source(flags).last_error.map(|error| error.to_string())
}

fn warnings(flags: &Flags) -> Vec<String> {
    only_source(flags).warnings.iter().map(ToString::to_string).collect()
}

/// All that was told, a line each.
struct News {
    told: mpsc::Receiver<String>,
    _subscription: Subscription,
}

impl News {
    fn of(flags: &Flags) -> Self {
        let (sender, told) = mpsc::channel();
        let subscription = flags.subscribe(move |event| {
            let line = match event {
                Event::Changed(change) => format!("changed: {}", change.revision),
                Event::Faulty(fault) => {
                    let error = fault.error.iter().map(ToString::to_string);
                    let problems = fault.problems.iter().map(|problem| problem.path().to_owned());
                    format!("faulty: {}", error.chain(problems).collect::<Vec<_>>().join(", "))
                }
                Event::Turned(turn) => format!("turned: {} to {}", turn.from.as_str(), turn.to.as_str()),
                Event::Warned(warning) => format!("warned: {}", warning.warnings.join(", ")),
                _ => "something else".to_owned(),
            };
            sender.send(line).expect("the test listens");
        });
        Self { told, _subscription: subscription }
    }

    /// What was told since the last time.
    fn take(&self) -> Vec<String> {
        self.told.try_iter().collect()
    }
}

#[test]
fn the_first_publish_makes_a_source_fresh() {
    let flags = Flags::new();
    let news = News::of(&flags);
    let publisher = flags.add_layer(Provenance::new("file:"));
    assert_eq!(news.take(), [""; 0], "a source that has not answered has not turned");
    publisher.publish(set(Flag::on()));
    assert_eq!(news.take(), ["changed: 1", "turned: starting to fresh"]);
    publisher.publish(set(Flag::off()));
    assert_eq!(news.take(), ["changed: 2"], "it was fresh before");
    publisher.publish(set(Flag::off()));
    publisher.confirm();
    assert_eq!(news.take(), [""; 0]);
}

#[test]
fn a_first_load_that_changes_no_flag_is_a_turn_all_the_same() {
    let flags = Flags::new();
    let news = News::of(&flags);
    flags.add_layer(Provenance::new("file:")).publish(FlagSet::new());
    assert_eq!(news.take().last().map(String::as_str), Some("turned: starting to fresh"));
    assert_eq!(only_source(&flags).state, SourceState::Fresh);
}

#[test]
fn a_refusal_makes_a_fresh_source_stale_once() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(set(Flag::on()));
    let news = News::of(&flags);
    publisher.refuse(away());
    assert_eq!(news.take(), ["faulty: away", "turned: fresh to stale"]);
    publisher.refuse(away());
    assert_eq!(news.take(), [""; 0]);
    publisher.refuse(LoadError::new("still away"));
    assert_eq!(news.take(), ["faulty: still away"], "another fault, and no other state");
    assert_eq!(only_source(&flags).state, SourceState::Stale);
}

#[test]
fn a_confirmation_makes_a_stale_source_fresh() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(set(Flag::on()));
    publisher.refuse(away());
    let news = News::of(&flags);
    publisher.confirm();
    assert_eq!(news.take(), ["turned: stale to fresh"]);
    publisher.confirm();
    assert_eq!(news.take(), [""; 0]);
    assert_eq!((only_source(&flags).state, last_error(&flags)), (SourceState::Fresh, None));
}

#[test]
fn a_publish_makes_a_stale_source_fresh() {
    for (flag, expected) in
        [(Flag::on(), &["turned: stale to fresh"][..]), (Flag::off(), &["changed: 2", "turned: stale to fresh"])]
    {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("file:"));
        publisher.publish(set(Flag::on()));
        publisher.refuse(away());
        let news = News::of(&flags);
        publisher.publish(set(flag));
        assert_eq!(news.take(), expected);
    }
}

#[test]
fn a_source_refused_before_any_load_waits_until_it_has_one() {
    let flags = Flags::new();
    let news = News::of(&flags);
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.refuse(LoadError::missing("no such file"));
    assert_eq!(news.take(), ["faulty: no such file", "turned: starting to waiting"]);
    publisher.refuse(LoadError::missing("no such file"));
    publisher.confirm();
    assert_eq!(news.take(), [""; 0], "it waits as before");
    publisher.publish(set(Flag::on()));
    assert_eq!(news.take(), ["changed: 1", "turned: waiting to fresh"]);
}

#[test]
fn a_source_with_problems_of_single_flags_is_fresh() {
    let flags = Flags::new();
    let news = News::of(&flags);
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(Load::new(set(Flag::on())).with_problems([Problem::new("flags.b", "120", "a percentage")]));
    let told = news.take();
    assert_eq!(told.len(), 3);
    assert!(told.contains(&"changed: 1".to_owned()) && told.contains(&"faulty: flags.b".to_owned()));
    assert_eq!(told[2], "turned: starting to fresh");
}

#[test]
fn a_turn_says_which_layer_it_is_of_and_is_in_the_status_already() {
    let flags = Flags::new();
    let publishers = ["one:", "two:"].map(|name| flags.add_layer(Provenance::new(name)));
    let (sender, told) = mpsc::channel();
    let _subscription = flags.subscribe({
        let flags = flags.clone();
        move |event| {
            if let Event::Turned(turn) = event {
                let index = usize::from(turn.layer.as_str() == "two:");
                sender.send((turn.layer.clone(), turn.to, source(&flags, index).state)).expect("the test listens");
            }
        }
    });
    publishers[1].publish(set(Flag::on()));
    publishers[0].refuse(away());
    publishers[1].refuse(away());
    let turns: Vec<_> = told.try_iter().collect();
    let expected = [
        (Provenance::new("two:"), SourceState::Fresh, SourceState::Fresh),
        (Provenance::new("one:"), SourceState::Waiting, SourceState::Waiting),
        (Provenance::new("two:"), SourceState::Stale, SourceState::Stale),
    ];
    assert_eq!(turns, expected);
}

#[test]
fn turns_follow_one_another_whoever_reports() {
    const THREADS: usize = 4;
    let flags = Flags::new();
    let (sender, told) = mpsc::channel::<Turn>();
    let _subscription = flags.subscribe(move |event| {
        if let Event::Turned(turn) = event {
            sender.send(turn.clone()).expect("the test listens");
        }
    });
    let publisher = flags.add_layer(Provenance::new("file:"));
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (publisher, start) = (&publisher, &start);
            scope.spawn(move || {
                start.wait();
                for turn in 0..1_000 {
                    match (thread + turn) % 3 {
                        0 => publisher.publish(set(Flag::on())),
                        1 => publisher.confirm(),
                        _ => publisher.refuse(away()),
                    }
                }
            });
        }
    });
    let mut state = SourceState::Starting;
    for turn in told.try_iter() {
        assert_eq!(turn.from, state, "a turn starts where the one before it ended");
        assert_ne!(turn.from, turn.to);
        state = turn.to;
    }
    assert_eq!(state, only_source(&flags).state);
}

#[test]
fn a_stopped_source_turns_no_more() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(set(Flag::on()));
    publisher.signal().stop();
    let news = News::of(&flags);
    publisher.refuse(away());
    publisher.publish(set(Flag::off()));
    publisher.confirm();
    publisher.warn(["the disk is full".to_owned()]);
    assert_eq!(news.take(), [""; 0], "nothing counts after the stop");
    let status = only_source(&flags);
    assert_eq!((status.state, status.loads, status.confirmations, status.refusals), (SourceState::Stopped, 1, 0, 0));
    assert!(status.warnings.is_empty());
}

#[test]
fn a_state_lasts_since_the_turn() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);
    let state = || (only_source(&flags).state, only_source(&flags).since);
    tick(1);
    assert_eq!(state(), (SourceState::Starting, None), "it has not answered");
    tick(2);
    publisher.refuse(away());
    assert_eq!(state(), (SourceState::Waiting, Some(at(2))));
    tick(3);
    publisher.refuse(LoadError::new("still away"));
    assert_eq!(state(), (SourceState::Waiting, Some(at(2))));
    tick(4);
    publisher.publish(set(Flag::on()));
    assert_eq!(state(), (SourceState::Fresh, Some(at(4))));
    tick(5);
    publisher.publish(set(Flag::off()));
    publisher.confirm();
    assert_eq!(state(), (SourceState::Fresh, Some(at(4))));
    tick(6);
    publisher.refuse(away());
    assert_eq!(state(), (SourceState::Stale, Some(at(6))));
    tick(7);
    publisher.refuse(away());
    assert_eq!(state(), (SourceState::Stale, Some(at(6))));
    tick(8);
    publisher.confirm();
    assert_eq!(state(), (SourceState::Fresh, Some(at(8))));
    tick(9);
    publisher.refuse(away());
    tick(10);
    publisher.publish(set(Flag::off()));
    assert_eq!(state(), (SourceState::Fresh, Some(at(10))));
}

/// How a wait is ended.
type End = fn(&Signal);

#[test]
fn a_source_says_when_it_looks_next_while_it_waits() {
    let (tick, now) = clock!();
    tick(100);
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);
    let next_try = || only_source(&flags).next_try;
    assert_eq!(next_try(), None, "it does not wait");
    let signal = publisher.signal();
    let ways = [(Signal::wake as End, Wake::Woken), (Signal::reload, Wake::Asked), (Signal::stop, Wake::Stopped)];
    for (end, wake) in ways {
        thread::scope(|scope| {
            let waiting = scope.spawn(|| publisher.wait(Duration::from_secs(600)));
            let deadline = Instant::now() + Duration::from_secs(60);
            while next_try().is_none() && Instant::now() < deadline {
                thread::yield_now();
            }
            let seen = next_try();
            end(signal);
            assert_eq!(seen, Some(at(700)));
            assert_eq!(waiting.join().expect("the waiter does not panic"), wake);
        });
        assert_eq!(next_try(), None, "it waits no more");
    }
}

#[test]
fn without_a_clock_there_is_neither_since_nor_next_try() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.publish(set(Flag::on()));
    publisher.refuse(away());
    assert_eq!(publisher.wait(Duration::ZERO), Wake::TimedOut);
    let status = only_source(&flags);
    assert_eq!((status.state, status.since, status.next_try), (SourceState::Stale, None, None));
}

#[test]
fn loads_confirmations_and_refusals_are_counted_apart() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let counts = || {
        let status = only_source(&flags);
        (status.loads, status.confirmations, status.refusals)
    };
    assert_eq!(counts(), (0, 0, 0));
    publisher.refuse(away());
    assert_eq!(counts(), (0, 0, 1));
    publisher.publish(set(Flag::on()));
    publisher.publish(set(Flag::on()));
    assert_eq!(counts(), (2, 0, 1), "the same flags loaded again are a load");
    publisher.confirm();
    publisher.confirm();
    publisher.confirm();
    assert_eq!(counts(), (2, 3, 1));
    publisher.refuse(away());
    publisher.confirm();
    assert_eq!(counts(), (2, 4, 2));
    publisher.report(Ok(Load::new(set(Flag::off()))));
    publisher.report(Err(away()));
    assert_eq!(counts(), (3, 4, 3));
}

#[test]
fn a_confirmation_before_any_load_is_none() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.confirm();
    publisher.refuse(away());
    publisher.confirm();
    assert_eq!(only_source(&flags).confirmations, 0, "there are no flags to be unchanged");
}

#[test]
fn a_refusal_that_lasts_is_told_again_after_five_minutes() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);
    publisher.publish(set(Flag::on()));
    let news = News::of(&flags);
    let refuse_at = |seconds, message: &str| {
        tick(seconds);
        publisher.refuse(LoadError::new(message));
        news.take()
    };
    assert_eq!(refuse_at(1_000, "away"), ["faulty: away", "turned: fresh to stale"]);
    assert_eq!(refuse_at(1_001, "away"), [""; 0]);
    assert_eq!(refuse_at(1_299, "away"), [""; 0]);
    assert_eq!(refuse_at(1_300, "away"), ["faulty: away"]);
    assert_eq!(refuse_at(1_301, "away"), [""; 0], "five minutes from the last time it was told");
    assert_eq!(refuse_at(1_599, "away"), [""; 0]);
    assert_eq!(refuse_at(1_700, "away"), ["faulty: away"]);
    assert_eq!(refuse_at(1_999, "away"), [""; 0]);
    assert_eq!(refuse_at(2_000, "away"), ["faulty: away"]);
}

#[test]
fn another_message_is_told_at_once_and_has_five_minutes_of_its_own() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);
    publisher.publish(set(Flag::on()));
    let news = News::of(&flags);
    let refuse_at = |seconds, message: &str| {
        tick(seconds);
        publisher.refuse(LoadError::new(message));
        news.take()
    };
    assert_eq!(refuse_at(1_000, "away"), ["faulty: away", "turned: fresh to stale"]);
    assert_eq!(refuse_at(1_200, "garbled"), ["faulty: garbled"]);
    assert_eq!(refuse_at(1_300, "garbled"), [""; 0]);
    assert_eq!(refuse_at(1_499, "garbled"), [""; 0]);
    assert_eq!(refuse_at(1_500, "garbled"), ["faulty: garbled"]);
    assert_eq!(refuse_at(1_501, "away"), ["faulty: away"]);
}

#[test]
fn a_refusal_after_a_good_load_is_told_at_once() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);
    publisher.publish(set(Flag::on()));
    let news = News::of(&flags);
    tick(1_000);
    publisher.refuse(away());
    tick(1_001);
    publisher.confirm();
    tick(1_002);
    publisher.refuse(away());
    let expected =
        ["faulty: away", "turned: fresh to stale", "turned: stale to fresh", "faulty: away", "turned: fresh to stale"];
    assert_eq!(news.take(), expected);
    tick(1_301);
    publisher.refuse(away());
    assert_eq!(news.take(), [""; 0]);
    tick(1_302);
    publisher.refuse(away());
    assert_eq!(news.take(), ["faulty: away"]);
}

#[test]
fn without_a_clock_a_refusal_that_lasts_is_told_once() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    let news = News::of(&flags);
    for _ in 0..1_000 {
        publisher.refuse(away());
    }
    assert_eq!(news.take(), ["faulty: away", "turned: starting to waiting"]);
    assert_eq!(only_source(&flags).refusals, 1_000);
}

#[test]
fn each_source_is_reminded_of_at_its_own_time() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publishers = ["one", "two"].map(|name| (name, flags.add_layer(Provenance::new(name)).with_clock(now)));
    let news = News::of(&flags);
    let refuse_at = |seconds| {
        tick(seconds);
        for (name, publisher) in &publishers {
            publisher.refuse(LoadError::new(*name));
        }
        news.take()
    };
    tick(1_000);
    publishers[0].1.refuse(LoadError::new("one"));
    assert_eq!(news.take(), ["faulty: one", "turned: starting to waiting"]);
    assert_eq!(refuse_at(1_100), ["faulty: two", "turned: starting to waiting"]);
    assert_eq!(refuse_at(1_300), ["faulty: one"]);
    assert_eq!(refuse_at(1_400), ["faulty: two"]);
    assert_eq!(refuse_at(1_599), [""; 0]);
}

#[test]
fn a_clock_that_is_set_back_does_no_harm() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:")).with_clock(now);
    tick(1_000);
    publisher.publish(set(Flag::on()));
    publisher.refuse(away());
    let news = News::of(&flags);
    tick(10);
    publisher.refuse(away());
    assert_eq!(news.take(), [""; 0]);
    assert_eq!(only_source(&flags).since, Some(at(1_000)));
    publisher.confirm();
    assert_eq!(news.take(), ["turned: stale to fresh"]);
    assert_eq!((only_source(&flags).since, only_source(&flags).last_good), (Some(at(10)), Some(at(10))));
}

#[test]
fn a_warning_is_told_once_and_shows_in_the_status() {
    let flags = Flags::new();
    let news = News::of(&flags);
    let publisher = flags.add_layer(Provenance::new("file:"));
    let warn = |texts: &[&str]| {
        publisher.warn(texts.iter().map(ToString::to_string));
        (news.take(), warnings(&flags))
    };
    let told = |line: &str| vec![line.to_owned()];
    let shown = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();

    assert_eq!(warn(&[]), (vec![], vec![]), "no warnings are no news");
    assert_eq!(warn(&["polled"]), (told("warned: polled"), shown(&["polled"])));
    assert_eq!(warn(&["polled"]), (vec![], shown(&["polled"])));
    assert_eq!(warn(&["polled", "old"]), (told("warned: polled, old"), shown(&["polled", "old"])));
    assert_eq!(warn(&["polled", "old"]), (vec![], shown(&["polled", "old"])));
    assert_eq!(warn(&["old"]), (vec![], shown(&["old"])), "one less");
    assert_eq!(warn(&["slow"]), (told("warned: slow"), shown(&["slow"])), "one for another");
    assert_eq!(warn(&[]), (vec![], vec![]));
    assert_eq!(warn(&["slow"]), (told("warned: slow"), shown(&["slow"])), "it was gone");
}

#[test]
fn warnings_in_another_order_are_no_news() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.warn(["polled", "old"].map(str::to_owned));
    let news = News::of(&flags);
    publisher.warn(["old", "polled"].map(str::to_owned));
    assert_eq!(news.take(), [""; 0]);
    assert_eq!(warnings(&flags), ["old", "polled"]);
}

#[test]
fn a_warning_says_which_layer_it_is_of_and_outlasts_loads() {
    let flags = Flags::new();
    let publishers = ["one:", "two:"].map(|name| flags.add_layer(Provenance::new(name)));
    let (sender, told) = mpsc::channel();
    let _subscription = flags.subscribe(move |event| {
        if let Event::Warned(warning) = event {
            sender.send((warning.layer.to_string(), warning.warnings.to_vec())).expect("the test listens");
        }
    });
    for publisher in &publishers {
        publisher.warn(["polled".to_owned()]);
    }
    let polled = || vec![Box::from("polled")];
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [("one:".to_owned(), polled()), ("two:".to_owned(), polled())]);
    publishers[0].publish(set(Flag::on()));
    publishers[0].refuse(away());
    publishers[0].confirm();
    assert_eq!(source(&flags, 0).warnings.to_vec(), polled());
    assert!(told.try_recv().is_err());
}

#[test]
fn a_warning_is_neither_a_fault_nor_a_turn() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("file:"));
    publisher.warn(["polled".to_owned()]);
    let status = only_source(&flags);
    assert_eq!((status.state, status.refusals, status.problems.len()), (SourceState::Starting, 0, 0));
    assert!(status.last_error.is_none());
}

#[test]
fn what_would_change_the_text_around_a_warning_is_escaped() {
    let flags = Flags::new();
    let news = News::of(&flags);
    flags.add_layer(Provenance::new("file:")).warn(["a\nb\u{1b}[31m\u{202e}c".to_owned()]);
    assert_eq!(warnings(&flags), [r"a\nb\u{1b}[31m\u{202e}c"]);
    assert_eq!(news.take(), [r"warned: a\nb\u{1b}[31m\u{202e}c"]);
}

#[test]
fn flags_of_an_earlier_time_count_and_are_stale_from_the_start() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let news = News::of(&flags);
    let publisher = flags.add_layer(Provenance::new("http:")).with_clock(now);
    tick(1_000);
    let load = Load::new(set(Flag::on())).stale(away(), Some(at(7)));
    assert_eq!(load.staleness().map(ToString::to_string).as_deref(), Some("away"));
    publisher.publish(load);

    assert!(flags.is_on("a", &()), "they count");
    let status = only_source(&flags);
    assert_eq!((status.state, status.since), (SourceState::Stale, Some(at(1_000))));
    assert_eq!((status.last_good, last_error(&flags).as_deref()), (Some(at(7)), Some("away")));
    assert_eq!((status.flags, status.loads, status.confirmations), (1, 1, 0));
    assert_eq!(publisher.last_good().as_deref(), Some(&set(Flag::on())));
    let told = news.take();
    assert_eq!(told.len(), 3);
    assert!(told.contains(&"changed: 1".to_owned()) && told.contains(&"faulty: away".to_owned()));
    assert_eq!(told[2], "turned: starting to stale");

    tick(1_001);
    publisher.publish(set(Flag::on()));
    assert_eq!(news.take(), ["turned: stale to fresh"]);
    let status = only_source(&flags);
    assert_eq!((status.state, status.since), (SourceState::Fresh, Some(at(1_001))));
    assert_eq!((status.last_good, last_error(&flags)), (Some(at(1_001)), None));
}

#[test]
fn flags_of_an_unknown_time_were_well_at_none() {
    let (tick, now) = clock!();
    tick(1_000);
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:")).with_clock(now);
    publisher.publish(Load::new(set(Flag::on())).stale(away(), None));
    let status = only_source(&flags);
    assert_eq!((status.state, status.last_good), (SourceState::Stale, None));
}

#[test]
fn flags_of_an_earlier_time_make_a_waiting_source_stale() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:"));
    publisher.refuse(away());
    let news = News::of(&flags);
    publisher.publish(Load::new(set(Flag::on())).stale(LoadError::new("still away"), None));
    let told = news.take();
    assert_eq!(told.len(), 3);
    assert!(told.contains(&"changed: 1".to_owned()) && told.contains(&"faulty: still away".to_owned()));
    assert_eq!(told[2], "turned: waiting to stale");
}

#[test]
fn a_refusal_for_the_reason_of_stale_flags_is_no_news() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:"));
    publisher.publish(Load::new(set(Flag::on())).stale(away(), None));
    let news = News::of(&flags);
    publisher.refuse(away());
    assert_eq!(news.take(), [""; 0]);
    publisher.refuse(LoadError::new("garbled"));
    assert_eq!(news.take(), ["faulty: garbled"]);
}

#[test]
fn stale_flags_that_are_confirmed_are_fresh() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:"));
    publisher.publish(Load::new(set(Flag::on())).stale(away(), None));
    let news = News::of(&flags);
    publisher.confirm();
    assert_eq!(news.take(), ["turned: stale to fresh"]);
    assert_eq!((only_source(&flags).state, last_error(&flags)), (SourceState::Fresh, None));
}

#[test]
fn stale_flags_may_have_problems_as_well() {
    let flags = Flags::new();
    let news = News::of(&flags);
    let load = Load::new(set(Flag::on())).with_problems([Problem::new("flags.b", "120", "a percentage")]);
    flags.add_layer(Provenance::new("http:")).publish(load.stale(away(), None));
    let told = news.take().join("; ");
    assert!(told.contains("away") && told.contains("flags.b"), "{told}");
    assert!(told.ends_with("turned: starting to stale"), "{told}");
    assert_eq!(only_source(&flags).problems.len(), 1);
}

#[test]
fn flags_of_an_earlier_time_are_a_load_that_was_accepted() {
    let flags = Flags::new();
    flags.add_layer(Provenance::new("http:")).publish(Load::new(set(Flag::on())).stale(away(), None));
    let status = only_source(&flags);
    assert_eq!((status.loads, status.refusals), (1, 0));
}

#[test]
fn stale_flags_for_the_same_reason_are_told_of_once() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:"));
    publisher.refuse(away());
    let news = News::of(&flags);
    publisher.publish(Load::new(set(Flag::on())).stale(away(), None));
    publisher.publish(Load::new(set(Flag::on())).stale(away(), None));
    assert_eq!(news.take(), ["changed: 1", "turned: waiting to stale"]);
}

#[test]
fn the_reason_of_stale_flags_is_told_again_after_five_minutes() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:")).with_clock(now);
    tick(1_000);
    publisher.publish(Load::new(set(Flag::on())).stale(away(), None));
    let news = News::of(&flags);
    tick(1_299);
    publisher.refuse(away());
    assert_eq!(news.take(), [""; 0]);
    tick(1_300);
    publisher.refuse(away());
    assert_eq!(news.take(), ["faulty: away"]);
}

#[test]
fn the_five_minutes_of_stale_flags_are_their_own() {
    let (tick, now) = clock!();
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("http:")).with_clock(now);
    tick(10);
    publisher.refuse(away());
    tick(20);
    publisher.publish(set(Flag::on()));
    tick(1_000);
    publisher.publish(Load::new(set(Flag::on())).stale(away(), None));
    let news = News::of(&flags);
    tick(1_001);
    publisher.refuse(away());
    assert_eq!(news.take(), [""; 0], "it was told a second ago");
}

#[test]
fn a_load_of_now_has_no_staleness() {
    assert!(Load::new(set(Flag::on())).staleness().is_none());
    assert!(Load::from(set(Flag::on())).staleness().is_none());
}

struct Plain;

impl Source for Plain {
    fn provenance(&self) -> Provenance {
        Provenance::new("plain:")
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        Ok(Load::new(set(Flag::on())))
    }
}

#[test]
fn a_source_that_is_attached_does_nothing_by_default() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Plain.provenance());
    let before = format!("{:?}", publisher.signal());
    let mut sources: [Box<dyn Source>; 2] = [Box::new(Plain), Box::new(Box::new(Plain))];
    for source in &mut sources {
        source.attach(publisher.signal());
    }
    assert_eq!(format!("{:?}", publisher.signal()), before, "no hook, no wake-up");
    assert_eq!(publisher.wait(Duration::ZERO), Wake::TimedOut);
    assert_eq!(only_source(&flags).state, SourceState::Starting);
}

struct Hooked(mpsc::Sender<()>);

impl Source for Hooked {
    fn provenance(&self) -> Provenance {
        Provenance::new("hooked:")
    }

    fn attach(&mut self, signal: &Signal) {
        let sender = self.0.clone();
        signal.on_stop(move || sender.send(()).expect("the test listens"));
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        Ok(Load::new(set(Flag::on())))
    }
}

#[test]
fn a_source_in_a_box_is_attached_as_it_is() {
    let (sender, hooks) = mpsc::channel();
    let mut source: Box<dyn Source> = Box::new(Box::new(Hooked(sender)));
    let signal = Signal::new();
    source.attach(&signal);
    assert!(hooks.try_recv().is_err());
    signal.stop();
    assert_eq!(hooks.try_iter().count(), 1);
}
