//! After `fork(2)` the child reads flags as before, knows that nothing follows them any more, and ends without waiting;
//! the parent follows its sources on.

#![cfg(unix)]

mod support;

use std::process::{self, Command};
use std::time::{Duration, Instant};

use flagkit_core::{Load, Publisher, SourceState, Wake};
use flagkit_sources::{Builder, Env, File, Guard, Notify, Readiness};
use fork::{Fork, fork, waitpid_nohang};
use support::{Custom, Place, document, is_on, lit, wait_until};

/// So long that no test lives to see it.
const NEVER: Duration = Duration::from_secs(36_000);

/// Runs the closure in a forked child and returns the exit code: zero, or the error. A child that hangs is killed,
/// and `None`.
fn in_a_fork(limit: Duration, run: impl FnOnce() -> Result<(), i32>) -> Option<i32> {
    match fork().expect("there is memory for another process") {
        // The harness goes on in the parent alone: the child leaves before it comes back to it.
        Fork::Child => process::exit(run().err().unwrap_or_default()),
        Fork::Parent(child) => {
            let begin = Instant::now();
            loop {
                if let Some(status) = waitpid_nohang(child).expect("it is ours") {
                    // wait(2): the code is in the second byte, the signal in the first.
                    let [signal, code, ..] = status.to_le_bytes();
                    return (signal == 0).then_some(code.into());
                }
                if begin.elapsed() > limit {
                    let _ = Command::new("kill").args(["-KILL", &child.to_string()]).status();
                    wait_until("the child is gone", || matches!(waitpid_nohang(child), Ok(Some(_)) | Err(_)));
                    return None;
                }
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
    }
}

fn or(holds: bool, code: i32) -> Result<(), i32> {
    if holds { Ok(()) } else { Err(code) }
}

/// What the child finds, or the code that tells which of it is wrong.
fn check(guard: Guard) -> Result<(), i32> {
    or(is_on(&guard, "a") && !is_on(&guard, "b") && is_on(&guard, "x"), 1)?;
    or(guard.status().sources.iter().all(|source| source.state == SourceState::Stopped), 2)?;
    or(guard.status().sources.iter().all(|source| source.loads > 0), 3)?;
    or(guard.readiness() == Readiness::Stale, 4)?;
    // Nobody is there to hear it.
    guard.reload();
    let flags = guard.flags().clone();
    let begin = Instant::now();
    drop(guard);
    // A source that is waited for in vain would take a second.
    or(begin.elapsed() < Duration::from_millis(900), 5)?;
    or(flags.is_on("a", &()) && flags.snapshot().is_on("x", &()), 6)
}

#[test]
fn the_child_reads_on_and_the_parent_follows_on() {
    let place = Place::new();
    let other = place.path("other.toml");
    place.write(document("a", true));
    std::fs::write(&other, document("b", false)).expect("written");
    // A poll that comes in the middle of the fork holds the lock of the status, see below.
    let guard = Builder::new()
        .source(File::new(place.flags()).poll_every(NEVER))
        .source(File::new(&other).poll_every(NEVER))
        .source(Env::from_vars("FLAG_", [("FLAG_X".into(), "on".into())]))
        .start()
        .expect("starts");
    let mut guard = Some(guard);
    let is_settled = |guard: &Guard| guard.status().sources[..2].iter().all(|source| source.confirmations > 0);
    wait_until("the first looks are done", || guard.as_ref().is_some_and(is_settled));
    let child = in_a_fork(support::DEADLINE, || check(guard.take().expect("it is here")));
    assert_eq!(child, Some(0));

    // The child has stopped nothing here.
    let guard = guard.take().expect("the child has taken its own copy");
    assert!(guard.status().sources.iter().all(|source| source.state == SourceState::Fresh));
    assert_eq!(guard.readiness(), Readiness::Ready);
    place.replace(document("a", false));
    std::fs::write(&other, document("b", true)).expect("written");
    wait_until("the parent sees changes", || !is_on(&guard, "a") && is_on(&guard, "b"));
    let begin = Instant::now();
    drop(guard);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

/// The child has the flags of the moment, whatever becomes of the file.
#[test]
fn the_flags_of_the_child_no_longer_change() {
    let place = Place::new();
    place.write(document("a", true));
    let guard = support::start(File::new(place.flags()).notify(Notify::Off).poll_every(Duration::from_millis(20)));
    let seen = in_a_fork(support::DEADLINE, || {
        or(std::fs::write(place.flags(), document("a", false)).is_ok(), 1)?;
        let begin = Instant::now();
        let mut stays = true;
        while begin.elapsed() < Duration::from_millis(500) {
            stays &= is_on(&guard, "a");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        or(stays, 2)
    });
    assert_eq!(seen, Some(0));
    wait_until("the parent sees what the child has written", || !is_on(&guard, "a"));
}

/// Reading takes no lock, so it does not matter what the other threads were at.
#[test]
fn a_fork_in_the_middle_of_a_change_can_be_read_in() {
    let guard = restless();
    for round in 0..100 {
        let child = in_a_fork(Duration::from_secs(10), || or(is_on(&guard, "steady"), 1));
        assert_eq!(child, Some(0), "round {round}");
    }
}

/// As documented, the status says that the sources are stopped, and a drop waits for nobody.
#[test]
fn a_fork_in_the_middle_of_a_change_can_tell_the_status() {
    let guard = restless();
    for round in 0..300 {
        let is_stopped = || or(guard.status().sources[0].state == SourceState::Stopped, 1);
        let child = in_a_fork(Duration::from_secs(10), is_stopped);
        assert_eq!(child, Some(0), "round {round}");
    }
}

/// As documented, a drop waits for nobody.
#[test]
fn a_fork_in_the_middle_of_a_change_can_drop_the_guard() {
    for round in 0..50 {
        let mut guard = Some(restless());
        let child = in_a_fork(Duration::from_secs(10), || {
            drop(guard.take());
            Ok(())
        });
        assert_eq!(child, Some(0), "round {round}");
    }
}

/// Flags of a source that publishes all the time.
fn restless() -> Guard {
    let restless = Custom {
        load: || Ok(Load::new(lit(&["steady"]))),
        run: |publisher: &Publisher| {
            while publisher.wait(Duration::ZERO) != Wake::Stopped {
                publisher.publish(lit(&["steady", "other"]));
                publisher.publish(lit(&["steady"]));
            }
        },
    };
    let guard = Builder::new().source(restless).start().expect("starts");
    wait_until("it is at work", || guard.status().sources[0].loads > 10);
    guard
}
