//! After `fork(2)` the child keeps reading flags, its status reports that no source follows them, and it ends without
//! waiting. The parent keeps following its sources. A fork copies the whole process, so each test here runs by itself
//! in a child.

#![cfg(all(unix, feature = "http"))]

#[path = "it/support/mod.rs"]
mod support;

use std::os::unix::process::CommandExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flagkit_core::source::{Load, LoadError, Provenance, Publisher, Source, Stage, Wake};
use flagkit_core::tooling::SourceState;
use flagkit_core::{Event, Flag, FlagKey, FlagSet, Flags, migration};
use flagkit_sources::{Env, File, Guard, InstanceStatus, Notify, Readiness, ShadowPool};
use fork::{Fork, fork, waitpid_nohang};
use support::stub::{self, Stub};
use support::{Custom, TestDir, document, is_on, lit, wait_until};

/// No test runs this long.
const NEVER: Duration = Duration::from_secs(36_000);

const PANICKED: i32 = 101;

/// Runs the closure in a forked child. Returns the exit code: zero, or the error. A child that hangs is killed, and the
/// result is `None`.
fn run_in_fork(limit: Duration, run: impl FnOnce() -> Result<(), i32>) -> Option<i32> {
    match fork().expect("there is memory for another process") {
        // The harness continues in the parent only, because the child exits before it returns.
        Fork::Child => {
            let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(PANICKED));
            let code = result.err().unwrap_or_default();
            // `process::exit` waits for a lock of the standard library. A thread that was starting or ending may have
            // held it at the fork.
            let error = Command::new("sh").args(["-c", &format!("exit {code}")]).exec();
            panic!("there is a shell: {error}");
        }
        Fork::Parent(child) => {
            let begin = Instant::now();
            loop {
                if let Some(status) = waitpid_nohang(child).expect("it is our child") {
                    // wait(2): the code is in the second byte, the signal in the first.
                    let [signal, code, ..] = status.to_le_bytes();
                    return (signal == 0).then_some(code.into());
                }
                if begin.elapsed() > limit {
                    let _ = Command::new("kill").args(["-KILL", &child.to_string()]).status();
                    wait_until("the child has ended", || matches!(waitpid_nohang(child), Ok(Some(_)) | Err(_)));
                    return None;
                }
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
    }
}

fn check_or(holds: bool, code: i32) -> Result<(), i32> {
    if holds { Ok(()) } else { Err(code) }
}

/// Checks the child. The error is the code of the check that failed.
fn check_child(guard: Guard) -> Result<(), i32> {
    check_or(is_on(&guard, "a") && !is_on(&guard, "b") && is_on(&guard, "x"), 1)?;
    check_or(guard.status().sources.iter().all(|source| source.state == SourceState::Stopped), 2)?;
    check_or(guard.status().sources.iter().all(|source| source.loads > 0), 3)?;
    check_or(guard.readiness() == Readiness::Stale, 4)?;
    let explains = |warnings: &[Box<str>]| warnings.len() == 1 && warnings[0].contains("stopped by a fork");
    check_or(guard.status().sources.iter().all(|source| explains(&source.warnings)), 7)?;
    // The request has no effect.
    guard.reload();
    let flags = guard.flags().clone();
    // A stop that waits for a missing source would use all the time it may.
    check_or(guard.stop(NEVER), 5)?;
    check_or(flags.is_on("a", &()) && flags.snapshot().is_on("x", &()), 6)
}

#[test]
fn the_child_keeps_reading_and_the_parent_keeps_following() {
    if !support::in_own_process(module_path!(), "the_child_keeps_reading_and_the_parent_keeps_following") {
        return;
    }
    let folder = TestDir::new();
    let other = folder.path("other.toml");
    folder.write(document("a", true));
    std::fs::write(&other, document("b", false)).expect("written");
    // A poll during the fork holds the lock of the status, see below.
    let guard = support::builder()
        .source(File::new(folder.flags()).poll_every(NEVER))
        .source(File::new(&other).poll_every(NEVER))
        .source(Env::from_vars("FLAG_", [("FLAG_X".into(), "on".into())]))
        .start()
        .expect("starts");
    let mut guard = Some(guard);
    let is_settled = |guard: &Guard| guard.status().sources[..2].iter().all(|source| source.unchanged > 0);
    wait_until("the first checks are done", || guard.as_ref().is_some_and(is_settled));
    let child = run_in_fork(support::DEADLINE, || check_child(guard.take().expect("it is here")));
    assert_eq!(child, Some(0));

    // The child has stopped nothing here.
    let guard = guard.take().expect("the child has taken its own copy");
    assert!(guard.status().sources.iter().all(|source| source.state == SourceState::Fresh));
    assert_eq!(guard.readiness(), Readiness::Ready);
    folder.replace(document("a", false));
    std::fs::write(&other, document("b", true)).expect("written");
    wait_until("the parent loads the changes", || !is_on(&guard, "a") && is_on(&guard, "b"));
    assert!(guard.stop(support::DEADLINE));
}

/// The child keeps the flags of the fork, whatever happens to the file.
#[test]
fn the_flags_of_the_child_no_longer_change() {
    if !support::in_own_process(module_path!(), "the_flags_of_the_child_no_longer_change") {
        return;
    }
    let folder = TestDir::new();
    folder.write(document("a", true));
    let guard = support::start(File::new(folder.flags()).notify(Notify::Off).poll_every(Duration::from_millis(20)));
    let seen = run_in_fork(support::DEADLINE, || {
        check_or(std::fs::write(folder.flags(), document("a", false)).is_ok(), 1)?;
        let begin = Instant::now();
        let mut stays = true;
        while begin.elapsed() < Duration::from_millis(500) {
            stays &= is_on(&guard, "a");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        check_or(stays, 2)
    });
    assert_eq!(seen, Some(0));
    wait_until("the parent loads what the child has written", || !is_on(&guard, "a"));
}

/// Like `wait_until`, for a child.
fn eventually(code: i32, condition: impl FnMut() -> bool) -> Result<(), i32> {
    catch_unwind(AssertUnwindSafe(|| wait_until("a condition in a child", condition))).map(|_| ()).map_err(|_| code)
}

#[test]
fn the_child_can_restart_its_sources() {
    if !support::in_own_process(module_path!(), "the_child_can_restart_its_sources") {
        return;
    }
    let folder = TestDir::new();
    // The variable overrides a declared flag, so it causes no warning.
    folder.write("[flags]\na = false\nx = false\n");
    let stub = Stub::responding(stub::document("v1", "[flags]\nserved = true\n"));
    let custom = Custom { load: || Ok(Load::new(lit(&["steady"]))), run: |_: &Publisher| {} };
    let guard = support::builder()
        .source(File::new(folder.flags()))
        .source(stub::eager(&stub.url()).stream(false))
        .source(custom)
        .source(Env::from_vars("FLAG_", [("FLAG_X".into(), "on".into())]))
        .start()
        .expect("starts");
    let (sender, receiver) = mpsc::channel();
    let _subscription = guard.flags().subscribe(move |event| {
        if let Event::Changed(change) = event {
            let _ = sender.send(change.layer.to_string());
        }
    });
    let mut guard = Some(guard);
    let polls = stub.polls().len();
    let child = run_in_fork(support::DEADLINE, || {
        let mut guard = guard.take().expect("it is here");
        let before = guard.status().sources;
        // A poll during the fork held a lock.
        let Ok(()) = guard.restart_after_fork() else { return Err(100) };
        let now = || guard.status().sources;
        let state = |index: usize| now()[index].state;
        check_or(is_on(&guard, "x") && is_on(&guard, "steady") && is_on(&guard, "served"), 1)?;
        for index in [0, 1, 3] {
            eventually(2, || state(index) == SourceState::Fresh && now()[index].loads > before[index].loads)?;
        }
        check_or(state(2) == SourceState::Stopped && now()[2].loads == before[2].loads, 3)?;
        check_or(now().iter().all(|source| source.warnings.is_empty()), 4)?;
        eventually(5, || now()[1].unchanged > 0)?;
        folder.replace(document("a", true));
        eventually(6, || is_on(&guard, "a"))?;
        check_or(receiver.recv_timeout(support::DEADLINE).is_ok_and(|layer| layer.starts_with("file:")), 7)?;
        check_or(guard.restart_after_fork().is_ok(), 8)?;
        check_or(guard.status().sources[0].state == SourceState::Fresh, 8)?;
        check_or(guard.stop(support::DEADLINE), 9)
    });
    if child == Some(100) {
        return the_child_can_restart_its_sources();
    }
    assert_eq!(child, Some(0));
    let guard = guard.take().expect("the child has taken its own copy");
    wait_until("the parent polls on", || stub.polls().len() > polls + 5);
    wait_until("the parent loads what the child has written", || is_on(&guard, "a"));
    assert!(guard.status().sources[..2].iter().all(|source| source.state == SourceState::Fresh));
    assert!(guard.stop(support::DEADLINE));
}

/// Publishes all the time.
struct Busy;

impl Source for Busy {
    fn provenance(&self) -> Provenance {
        Provenance::new("custom:busy")
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        Ok(Load::new(lit(&["steady"])))
    }

    fn run(&mut self, publisher: &Publisher) {
        while publisher.wait(Duration::ZERO) != Wake::Stopped {
            publisher.publish(lit(&["steady", "other"]));
            publisher.publish(lit(&["steady"]));
        }
    }

    fn restarted(&self) -> Option<Box<dyn Source>> {
        Some(Box::new(Self))
    }
}

/// It restarts or returns an error, and does not hang.
#[test]
fn a_fork_during_a_change_restarts_or_returns_an_error() {
    if !support::in_own_process(module_path!(), "a_fork_during_a_change_restarts_or_returns_an_error") {
        return;
    }
    let mut guard = Some(busy());
    let mut started = 0;
    for round in 0..100 {
        let child = run_in_fork(support::DEADLINE, || {
            let mut guard = guard.take().expect("it is here");
            let before = guard.flags().snapshot().revision();
            let restarted = guard.restart_after_fork();
            check_or(is_on(&guard, "steady"), 1)?;
            let Err(error) = restarted else {
                eventually(2, || guard.flags().snapshot().revision() > before)?;
                return check_or(guard.stop(support::DEADLINE), 3);
            };
            check_or(error.to_string().contains("forked while its flags were being changed"), 4)?;
            drop(guard);
            Err(99)
        });
        assert!(matches!(child, Some(0 | 99)), "round {round}: {child:?}");
        started += usize::from(child == Some(0));
    }
    println!("{started} of 100 could restart");
    assert!(started > 0);
}

/// Reading takes no lock, so the state of the other threads does not matter.
#[test]
fn a_fork_during_a_change_can_be_read() {
    if !support::in_own_process(module_path!(), "a_fork_during_a_change_can_be_read") {
        return;
    }
    let guard = busy();
    for round in 0..100 {
        let child = run_in_fork(support::DEADLINE, || check_or(is_on(&guard, "steady"), 1));
        assert_eq!(child, Some(0), "round {round}");
    }
}

/// As documented, the status reports that the sources are stopped, and a drop does not wait.
#[test]
fn a_fork_during_a_change_can_report_the_status() {
    if !support::in_own_process(module_path!(), "a_fork_during_a_change_can_report_the_status") {
        return;
    }
    let guard = busy();
    for round in 0..300 {
        // The status lists no source if another thread held the lock.
        let is_stopped =
            || check_or(guard.status().sources.iter().all(|source| source.state == SourceState::Stopped), 1);
        let child = run_in_fork(support::DEADLINE, is_stopped);
        assert_eq!(child, Some(0), "round {round}");
    }
}

/// As documented, a drop does not wait.
#[test]
fn a_fork_during_a_change_can_drop_the_guard() {
    if !support::in_own_process(module_path!(), "a_fork_during_a_change_can_drop_the_guard") {
        return;
    }
    for round in 0..50 {
        let mut guard = Some(busy());
        let child = run_in_fork(support::DEADLINE, || {
            drop(guard.take());
            Ok(())
        });
        assert_eq!(child, Some(0), "round {round}");
    }
}

/// The flags of a source that publishes all the time.
fn busy() -> Guard {
    let guard = support::builder().source(Busy).start().expect("starts");
    wait_until("it publishes", || guard.status().sources[0].loads > 10);
    guard
}

#[test]
fn a_forked_child_is_another_instance() {
    if !support::in_own_process(module_path!(), "a_forked_child_is_another_instance") {
        return;
    }
    let status = InstanceStatus::new(Flags::fixed(FlagSet::new())).release("1.2.3");
    let json = status.to_json();
    let instance = |json: &str| json.split("\"instance\":").nth(1).and_then(|rest| rest.get(..18)).map(str::to_owned);
    assert_eq!(instance(&json), instance(&status.clone().to_json()));
    let child = run_in_fork(support::DEADLINE, || {
        let forked = status.to_json();
        check_or(instance(&forked).is_some_and(|child| Some(child) != instance(&json)), 1)?;
        check_or(forked.contains("\"release\":\"1.2.3\""), 2)
    });
    assert_eq!(child, Some(0));
}

#[test]
fn a_forked_child_drops_shadow_reads_and_their_pool() {
    if !support::in_own_process(module_path!(), "a_forked_child_drops_shadow_reads_and_their_pool") {
        return;
    }
    migration! { static SPLIT: "split", range = Full }
    let flag = Flag::migration().at_stage(Stage::Shadow);
    let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("split").expect("a key"), flag)]));
    let pool = ShadowPool::new().limit(support::DEADLINE);
    let read = || {
        let read = SPLIT.plan_in(&flags, &()).map(|plan| plan.read(|| Ok::<_, ()>(1), || Ok(1)));
        read.is_ok_and(|read| read.compare(|old, new| old == new).run(|shadow| pool.spawn(shadow)) == Ok(1))
    };
    assert!(read());
    wait_until("the comparison", || SPLIT.counters().compared == 1);
    let child = run_in_fork(support::DEADLINE, || {
        check_or(read(), 1)?;
        check_or((SPLIT.counters().compared, SPLIT.counters().comparisons_failed) == (1, 1), 2)
    });
    assert_eq!(child, Some(0));
    assert!(read());
    wait_until("the parent compares", || SPLIT.counters().compared == 2);
    let child = run_in_fork(support::DEADLINE, move || {
        drop(pool);
        Ok(())
    });
    assert_eq!(child, Some(0));
}
