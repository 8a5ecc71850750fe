//! Overrides, recordings and `flag_test`, in a process that installs flags.

use std::future::poll_fn;
use std::panic;
use std::pin::Pin;
use std::sync::mpsc;
use std::sync::{Once, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread;

use flagkit_core::source::{Provenance, Publisher, Rule};
use flagkit_core::testing::{self, OverrideExt as _, Overrides, flag_test};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Variant, Variants, flag, variant};

fn key(key: &str) -> FlagKey {
    FlagKey::new(key).expect("a key")
}

fn theme() -> Flag {
    let all = Variants::new([(Variant::new("classic"), 100_000_000)]).expect("weights");
    Flag::on().with_variants(all)
}

/// Installs flags once for all tests.
fn installed() -> &'static Publisher {
    static PUBLISHER: OnceLock<Publisher> = OnceLock::new();
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("test:"));
        publisher.publish(set(true));
        flagkit_core::install(flags).expect("this process installs nothing else");
        assert!(PUBLISHER.set(publisher).is_ok());
    });
    PUBLISHER.get().expect("the line above sets it")
}

fn set(flipped: bool) -> FlagSet {
    let half = Flag::on().with_rollout("50".parse().expect("a percentage"));
    let rules =
        Flag::on().with_rules([Rule::new().with_subjects(["u1"])]).with_rollout("0".parse().expect("a percentage"));
    [
        ("always", Flag::on()),
        ("never", Flag::off()),
        ("half", half),
        ("rules", rules),
        ("theme", theme()),
        ("flips", if flipped { Flag::on() } else { Flag::off() }),
    ]
    .into_iter()
    .map(|(name, flag)| (key(name), flag))
    .collect()
}

fn all() -> [bool; 5] {
    [flag!("always"), flag!("never"), flag!("half", "u1"), flag!("rules", "u1"), flag!("undeclared")]
}

#[test]
fn overrides_begin_end_and_nest() {
    installed();
    let before = all();
    assert_eq!((before[0], before[1], before[3], before[4]), (true, false, true, false));
    for on in [true, false] {
        let names = ["always", "never", "half", "rules", "undeclared"];
        let outer = Overrides::new(names.map(|name| (name, on))).enter();
        assert_eq!(all(), [on; 5]);
        {
            let _inner = testing::set("never", !on);
            assert_eq!(all(), [on, !on, on, on, on]);
            testing::with(&[("never", on), ("half", !on)], || assert_eq!(all(), [on, on, !on, on, on]));
            assert_eq!(all(), [on, !on, on, on, on]);
        }
        assert_eq!(all(), [on; 5]);
        drop(outer);
        assert_eq!(all(), before);
    }
}

#[test]
fn guards_may_end_in_any_order() {
    installed();
    let first = testing::set("never", true);
    let second = testing::set("never", false);
    drop(first);
    assert!(!flag!("never"), "the second override is still active");
    let third = testing::set("never", true);
    drop(second);
    assert!(flag!("never"));
    drop(third);
    assert!(!flag!("never"));
}

#[test]
fn a_panic_ends_overrides() {
    installed();
    let caught = panic::catch_unwind(|| {
        let _never = testing::set("never", true);
        assert!(flag!("never"));
        panic::resume_unwind(Box::new("a test that fails"));
    });
    assert!(caught.is_err());
    assert!(!flag!("never"));
    let message = panic::catch_unwind(|| drop(testing::set("no key", true))).expect_err("an invalid key");
    let message = message.downcast_ref::<String>().expect("a text");
    assert!(message.contains("\"no key\" cannot be the key of a flag"), "{message}");
}

#[test]
fn overrides_do_not_affect_other_threads() {
    installed();
    let _never = testing::set("never", true);
    assert!(!thread::spawn(|| flag!("never")).join().expect("no panic"));
    let overrides = Overrides::current();
    let there = thread::spawn(move || {
        let _scope = overrides.enter();
        flag!("never")
    });
    assert!(there.join().expect("no panic"));
    // While other threads set and drop overrides, this thread keeps its own.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..2_000 {
                    let on = round % 2 == 0;
                    let _scope = testing::set("always", on);
                    assert_eq!(flag!("always"), on);
                }
                assert!(flag!("always"), "without an override, the thread reads the installed flags");
            });
        }
        for _ in 0..2_000 {
            assert!(flag!("never") && flag!("always"));
        }
    });
}

#[test]
fn publishes_take_effect_while_overrides_are_active() {
    let publisher = installed();
    let read = || flag!("flips");
    for flipped in [false, true, false, true] {
        let never = testing::set("never", flipped);
        publisher.publish(set(flipped));
        assert_eq!(read(), flipped, "an override of another flag is active");
        drop(never);
        assert_eq!(read(), flipped);
        let _flips = testing::set("flips", !flipped);
        publisher.publish(set(!flipped));
        publisher.publish(set(flipped));
        assert_eq!(read(), !flipped, "the override wins");
    }
}

#[test]
fn variants_can_be_overridden_too() {
    installed();
    let name = || variant!("theme", "u1").map(|variant| variant.name().to_owned());
    assert_eq!(name().as_deref(), Some("classic"));
    {
        let _theme = testing::set("theme", Variant::new("ocean"));
        assert_eq!(name().as_deref(), Some("ocean"));
        assert!(flag!("theme"));
    }
    testing::with(&[("theme", false)], || assert_eq!(name(), None));
    testing::with(&[("theme", true)], || {
        assert_eq!(name().as_deref(), Some("classic"), "the variant of the installed flags");
    });
    testing::with(&[("undeclared", Variant::new("x"))], || {
        assert_eq!(variant!("undeclared", ()).as_ref().map(Variant::name), Some("x"));
    });
}

#[test]
fn a_recording_holds_the_reads() {
    installed();
    let recording = testing::record();
    let _never = testing::set("never", true);
    let values = (flag!("always"), flag!("never"), flag!("undeclared"), variant!("theme", "u1"));
    let inner = testing::record();
    let _ = flag!("always");
    assert_eq!(inner.keys(), ["always"]);
    drop(inner);
    let reads = recording.reads();
    let short: Vec<_> = reads.iter().map(|read| (&*read.key, read.on, read.is_forced)).collect();
    let expected = [
        ("always", values.0, false),
        ("never", true, true),
        ("undeclared", false, false),
        ("theme", true, false),
        ("always", true, false),
    ];
    assert_eq!(short, expected);
    assert_eq!(reads[3].variant, values.3);
    assert_eq!(recording.keys(), ["always", "never", "theme", "undeclared"]);
    assert!(recording.was_read("never") && !recording.was_read("half"));
    thread::spawn(|| flag!("half", "u1")).join().expect("no panic");
    assert!(!recording.was_read("half"), "only another thread read it");
    drop(recording);
    let _ = flag!("always");
}

#[test]
fn overrides_follow_a_task_from_thread_to_thread() {
    installed();
    let (sender, receiver) = mpsc::channel();
    let mut polls = 0;
    let steps = poll_fn(move |_| {
        polls += 1;
        sender.send((thread::current().id(), flag!("never"))).expect("the test listens");
        if polls < 3 { Poll::Pending } else { Poll::Ready(polls) }
    });
    let mut future = Box::pin(steps.with_flags(Overrides::new([("never", true)])));
    for poll in 1..=3 {
        let (back, polled) = thread::spawn(move || {
            let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(!flag!("never"), "overrides apply only during a poll");
            (future, polled)
        })
        .join()
        .expect("no panic");
        future = back;
        assert_eq!(polled, if poll < 3 { Poll::Pending } else { Poll::Ready(3) });
    }
    drop(future);
    let values: Vec<_> = receiver.iter().collect();
    assert!(values.iter().all(|(_, on)| *on), "{values:?}");
    assert!(values[0].0 != values[1].0 && values[1].0 != values[2].0, "on three threads");
}

/// Polls once.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Is pending once.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|_| if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

#[test]
fn the_overrides_of_a_task_stay_with_it() {
    installed();
    let task = async {
        let recording = testing::record();
        let mut values = vec![flag!("never")];
        let never = testing::set("never", false);
        values.push(flag!("never"));
        yield_once().await;
        values.push(flag!("never"));
        yield_once().await;
        drop(never);
        values.push(flag!("never"));
        yield_once().await;
        values.push(flag!("never"));
        (values, recording.keys())
    };
    let other = || Box::pin(async { [flag!("never"), flag!("flips")] }.with_flags(Overrides::default()));
    let mut task = Box::pin(task.with_flags(Overrides::new([("never", true)])));
    for _ in 0..3 {
        assert!(poll(&mut task).is_pending());
        assert!(!flag!("never") && flag!("always"), "between polls, the thread reads its own flags");
        assert!(matches!(poll(&mut other()), Poll::Ready([false, _])), "another task is not affected");
    }
    let expected = vec![true, false, false, true, true];
    assert_eq!(
        poll(&mut task),
        Poll::Ready((expected, vec!["never".to_owned()])),
        "the latest override wins, before and after a poll"
    );

    // A guard that is moved out of its task still ends its override.
    let (sender, receiver) = mpsc::channel();
    let task = async {
        sender.send(testing::set("never", true)).expect("the test listens");
        yield_once().await;
        let before = flag!("never");
        yield_once().await;
        (before, flag!("never"))
    };
    let mut task = Box::pin(task.with_flags(Overrides::default()));
    assert!(poll(&mut task).is_pending());
    let guard = receiver.recv().expect("the task sent it");
    assert!(!flag!("never") && poll(&mut task).is_pending());
    drop(guard);
    assert_eq!(poll(&mut task), Poll::Ready((true, false)));
}

#[test]
fn a_cancelled_or_panicking_task_is_dropped_under_its_overrides() {
    struct ReadOnDrop(mpsc::Sender<bool>);
    impl Drop for ReadOnDrop {
        fn drop(&mut self) {
            self.0.send(flag!("never")).expect("the test listens");
        }
    }
    installed();
    let (sender, receiver) = mpsc::channel();
    let [cancelled, panicking] = [sender.clone(), sender].map(|sender| async move {
        let _read_on_drop = ReadOnDrop(sender);
        yield_once().await;
        panic::resume_unwind(Box::new("a test that fails"));
    });
    let mut cancelled = Box::pin(cancelled.with_flags(Overrides::new([("never", true)])));
    assert!(poll(&mut cancelled).is_pending());
    drop(cancelled);
    assert_eq!(receiver.recv(), Ok(true));

    let mut panicking = Box::pin(panicking.with_flags(Overrides::new([("never", true)])));
    assert!(poll(&mut panicking).is_pending());
    let caught = panic::catch_unwind(panic::AssertUnwindSafe(|| poll(&mut panicking)));
    assert!(caught.is_err());
    assert_eq!(receiver.recv(), Ok(true));
    assert!(!flag!("never"), "the overrides ended with the task");
}

/// The name of each generated test has the states of its flags.
#[flag_test("never", "half", off("always"))]
fn every_combination() {
    installed();
    let states = (flag!("never"), flag!("half"), flag!("always"));
    let name = thread::current().name().expect("tests have names").to_owned();
    let state = |on: bool| if on { "on" } else { "off" };
    let expected = format!("every_combination__never_{}__half_{}__always_off", state(states.0), state(states.1));
    assert_eq!(name, expected);
    assert!(!states.2);
}

mod inner {
    use flagkit_core::testing::flag_test;

    fn module() -> &'static str {
        "inner"
    }

    fn r#match_never_on() -> bool {
        true
    }

    #[flag_test("never")]
    #[allow(unused_variables, deprecated)]
    fn r#match() -> Result<(), super::Wrong> {
        #[deprecated]
        fn old() -> u32 {
            1
        }
        let unused = old();
        if (super::module(), module()) == ("outer", "inner") && match_never_on() { Ok(()) } else { Err(super::Wrong) }
    }

    /// A module of the same name does not conflict.
    mod search {}

    #[flag_test(on("never"))]
    #[expect(unused_variables)]
    fn search() {
        let unused = 1;
    }
}

#[derive(Debug)]
struct Wrong;

fn module() -> &'static str {
    "outer"
}

#[flag_test(on("never"), off("always"))]
fn pinned() -> Result<(), String> {
    installed();
    if flag!("never") && !flag!("always") { Ok(()) } else { Err("the flags do not have the pinned states".to_owned()) }
}

#[flag_test("never")]
#[should_panic(expected = "on or off")]
fn attributes_are_kept() {
    assert!(!flag!("never") && flag!("never"), "on or off");
}

#[flag_test("never", on("always"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flags_follow_an_async_test() {
    installed();
    let on = flag!("never");
    for _ in 0..20 {
        tokio::task::yield_now().await;
        assert_eq!((flag!("never"), flag!("always")), (on, true));
    }
    let spawned = tokio::spawn(async { flag!("always") }.with_flags(Overrides::new([("always", false)])));
    assert!(!spawned.await.expect("no panic"));
}
