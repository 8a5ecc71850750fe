//! A read returns the authoritative side. The other side is compared elsewhere, and cannot reach the caller.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;

use flagkit_core::migrate::{Full, Migration, Plan, ShadowRead};
use flagkit_core::source::Stage;
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, migration};

fn plan(migration: &'static Migration<Full>, stage: Stage) -> Plan<Full> {
    let flag = Flag::migration().at_stage(stage);
    let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("split").expect("a key"), flag)]));
    migration.plan_in(&flags, &()).expect("it is supported")
}

fn is_new(stage: Stage) -> bool {
    stage >= Stage::Live
}

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is pending"),
    }
}

#[test]
fn only_the_authoritative_side_is_read() {
    migration! { static SPLIT: "split", range = Full }
    for stage in &Stage::ALL[..6] {
        let reads = RefCell::new(Vec::new());
        let read = |side| {
            reads.borrow_mut().push(side);
            Ok::<_, ()>(side)
        };
        let expected = if is_new(*stage) { "new" } else { "old" };
        let plan = plan(&SPLIT, *stage);
        assert_eq!(plan.read(|| read("old"), || read("new")).run(), Ok(expected));
        assert_eq!(now(plan.read(async || read("old"), async || read("new")).run_async()), Ok(expected));
        assert_eq!(reads.take(), [expected, expected], "{stage}");
    }
    assert_eq!(SPLIT.counters().compared, 0);
}

#[test]
fn shadow_and_live_compare_the_other_side() {
    migration! { static SPLIT: "split", range = Full }
    let (mut compared, mut mismatched) = (0, 0);
    for stage in &Stage::ALL[..6] {
        for (other, is_same) in [(1, true), (2, false)] {
            let (old, new) = if is_new(*stage) { (other, 1) } else { (1, other) };
            let plan = plan(&SPLIT, *stage);
            let mut shadows = 0;
            let read = plan.read(|| Ok::<_, ()>(old), || Ok(new)).compare(|a, b| a == b).run(|shadow| {
                shadows += 1;
                shadow.run();
            });
            assert_eq!(read, Ok(1));
            let read = plan.read(async || Ok::<_, ()>(old), async || Ok(new)).compare_async(|a, b| a == b);
            let read = now(read.run_async(|shadow| {
                shadows += 1;
                now(shadow.run_async());
            }));
            assert_eq!(read, Ok(1));
            let has_shadow = matches!(stage, Stage::Shadow | Stage::Live);
            assert_eq!(shadows, if has_shadow { 2 } else { 0 }, "{stage}");
            compared += shadows;
            mismatched += if is_same { 0 } else { shadows };
            let counters = SPLIT.counters();
            assert_eq!((counters.compared, counters.mismatched), (compared, mismatched), "{stage}");
        }
    }
    assert_eq!((compared, mismatched), (8, 4));
}

#[test]
fn the_error_of_a_shadow_read_does_not_reach_the_caller() {
    migration! { static SPLIT: "split", range = Full }
    let plan = plan(&SPLIT, Stage::Shadow);
    let read = plan.read(|| Ok(1), || Err("the new side is down")).compare(|a, b| a == b).run(ShadowRead::run);
    assert_eq!(read, Ok(1));
    // A failed authoritative read has nothing to compare.
    let read = plan.read(|| Err::<i32, _>("the old side is down"), || Ok(1)).compare(|a, b| a == b);
    assert_eq!(read.run(|_| panic!("it is not compared")), Err("the old side is down"));
    let counters = SPLIT.counters();
    assert_eq!((counters.compared, counters.mismatched, counters.comparisons_failed), (0, 0, 1));
}

#[test]
fn a_shadow_read_that_is_late_or_dropped_is_a_failed_comparison() {
    migration! { static SPLIT: "split", range = Full }
    let plan = plan(&SPLIT, Stage::Live);
    let read = || plan.read(|| Ok::<_, ()>(1), || Ok(2)).compare(|a, b| a == b);
    assert_eq!(read().run(|shadow| shadow.run_if(|| false)), Ok(2));
    assert_eq!(read().run(drop), Ok(2));
    let pending = plan.read(std::future::pending::<Result<i32, ()>>, async || Ok(2)).compare_async(|a, b| a == b);
    let read = now(pending.run_async(|shadow| {
        let shadow = pin!(shadow.run_async());
        assert!(shadow.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }));
    assert_eq!(read, Ok(2));
    let counters = SPLIT.counters();
    assert_eq!((counters.compared, counters.comparisons_failed), (0, 3));
}

/// The old side does not answer until the caller has its result.
#[test]
fn the_caller_does_not_wait_for_the_shadow_read() {
    migration! { static SPLIT: "split", range = Full }
    let (release, released) = mpsc::channel::<()>();
    let plan = plan(&SPLIT, Stage::Live);
    let old = move || released.recv().map(|()| 2).map_err(|_| ());
    let mut thread = None;
    let read = plan.read(old, || Ok(2)).compare(|a, b| a == b).run(|shadow| {
        thread = Some(thread::spawn(move || shadow.run()));
    });
    assert_eq!((read, SPLIT.counters().compared), (Ok(2), 0));
    release.send(()).expect("the thread waits");
    thread.expect("it compares").join().expect("no panic");
    assert_eq!((SPLIT.counters().compared, SPLIT.counters().mismatched), (1, 0));
}
