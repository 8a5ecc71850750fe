//! A write reaches the authoritative side first, and a second write that is lost is counted.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use flagkit_core::migrate::{Contracted, Full, Migration, Plan, WriteError};
use flagkit_core::source::Stage;
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, migration};

fn flags(stage: Stage) -> Flags {
    let flag = Flag::migration().at_stage(stage);
    Flags::fixed(FlagSet::from_iter([(FlagKey::new("split").expect("a key"), flag)]))
}

fn plan(migration: &'static Migration<Full>, stage: Stage) -> Plan<Full> {
    migration.plan_in(&flags(stage), &()).expect("it is supported")
}

/// The order of the writes at each stage, by the table of the documentation.
const ORDERS: [(Stage, &[&str]); 6] = [
    (Stage::Off, &["old"]),
    (Stage::DualWrite, &["old", "new"]),
    (Stage::Shadow, &["old", "new"]),
    (Stage::Live, &["new", "old"]),
    (Stage::RampDown, &["new", "old"]),
    (Stage::Complete, &["new"]),
];

/// Runs a future that is never pending.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is pending"),
    }
}

#[test]
fn the_authoritative_side_is_written_first() {
    migration! { static SPLIT: "split", range = Full }
    for (stage, order) in ORDERS {
        let writes = RefCell::new(Vec::new());
        let write = |side| {
            writes.borrow_mut().push(side);
            Ok::<_, ()>(side)
        };
        let plan = plan(&SPLIT, stage);
        assert_eq!(plan.write(|| write("old"), || write("new")), Ok(order[0]), "the result is the first one's");
        assert_eq!(writes.take(), order, "{stage}");
        assert_eq!(now(plan.write_async(async || write("old"), async || write("new"))), Ok(order[0]));
        assert_eq!(writes.take(), order, "{stage}, with futures");
    }
    assert_eq!(SPLIT.counters().unrepaired(), 0);
}

#[test]
fn after_a_failed_authoritative_write_the_other_side_is_not_written() {
    migration! { static SPLIT: "split", range = Full, second_write = Fail }
    for (stage, order) in ORDERS {
        let writes = RefCell::new(Vec::new());
        let write = |side| {
            writes.borrow_mut().push(side);
            Err::<(), _>(side)
        };
        let plan = plan(&SPLIT, stage);
        assert_eq!(plan.write(|| write("old"), || write("new")), Err(WriteError::Authoritative(order[0])));
        assert_eq!(writes.take(), &order[..1], "{stage}");
        let result = now(plan.write_async(async || write("old"), async || write("new")));
        assert_eq!(result, Err(WriteError::Authoritative(order[0])));
        assert_eq!(writes.take(), &order[..1], "{stage}, with futures");
    }
    assert_eq!(SPLIT.counters().unrepaired(), 0);
}

#[test]
fn a_failed_second_write_is_counted_and_reported_or_returned() {
    migration! { static REPORTS: "split", range = Full }
    migration! { static FAILS: "split", range = Full, second_write = Fail }
    let both = ORDERS.iter().filter(|(_, order)| order.len() == 2);
    for ((stage, order), count) in both.zip(1..) {
        let write = |side| if side == order[0] { Ok(side) } else { Err("full") };
        let (reports, fails) = (plan(&REPORTS, *stage), plan(&FAILS, *stage));
        assert_eq!(reports.write(|| write("old"), || write("new")), Ok(order[0]));
        assert_eq!(now(reports.write_async(async || write("old"), async || write("new"))), Ok(order[0]));
        let error = fails.write(|| write("old"), || write("new")).expect_err("the second write failed");
        assert!(error.is_written());
        assert_eq!(error.into_inner(), "full");
        let error = now(fails.write_async(async || write("old"), async || write("new")));
        assert_eq!(error, Err(WriteError::Second("full")));
        for migration in [&REPORTS, &FAILS] {
            let counters = migration.counters();
            assert_eq!((counters.second_writes_failed, counters.unrepaired()), (2 * count, 2 * count), "{stage}");
        }
    }
    REPORTS.record_repaired(5);
    assert_eq!((REPORTS.counters().unrepaired(), REPORTS.counters().repaired), (3, 5));
    REPORTS.record_repaired(9);
    assert_eq!((REPORTS.counters().unrepaired(), REPORTS.counters().repaired), (0, 8), "no more than were lost");
    let plan = plan(&REPORTS, Stage::DualWrite);
    assert_eq!(plan.write(|| Ok(()), || Err("full")), Ok(()));
    assert_eq!(REPORTS.counters().unrepaired(), 1, "a repair gives no credit for a later loss");
}

#[test]
fn a_future_that_is_dropped_between_the_writes_is_counted() {
    migration! { static SPLIT: "split", range = Full }
    let plan = plan(&SPLIT, Stage::DualWrite);
    let mut cx = Context::from_waker(Waker::noop());
    {
        // Dropped before anything was written.
        let write = pin!(plan.write_async(std::future::pending::<Result<(), ()>>, async || Ok(())));
        assert!(write.poll(&mut cx).is_pending());
    }
    assert_eq!(SPLIT.counters().unrepaired(), 0);
    {
        let write = pin!(plan.write_async(async || Ok::<(), ()>(()), std::future::pending));
        assert!(write.poll(&mut cx).is_pending());
    }
    let counters = SPLIT.counters();
    assert_eq!((counters.second_writes_abandoned, counters.second_writes_failed, counters.unrepaired()), (1, 0, 1));
}

#[test]
fn a_panic_between_the_writes_is_counted() {
    migration! { static SPLIT: "split", range = Full }
    let plan = plan(&SPLIT, Stage::Live);
    let write = || plan.write(|| -> Result<(), ()> { panic!("on purpose") }, || Ok(()));
    assert!(catch_unwind(AssertUnwindSafe(write)).is_err());
    assert_eq!(SPLIT.counters().second_writes_abandoned, 1);
}

#[test]
fn a_contracted_build_writes_and_reads_the_new_side() {
    migration! { static SPLIT: "split", range = Contracted }
    for stage in [Stage::Complete, Stage::Contracted] {
        let plan: Plan<Contracted> = SPLIT.plan_in(&flags(stage), &()).expect("it is supported");
        assert_eq!((plan.write_new(|| 1), plan.read_new(|| 2)), (1, 2));
    }
}
