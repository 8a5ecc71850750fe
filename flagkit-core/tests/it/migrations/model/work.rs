//! The units of work: a write, a read and a backfill. Between two steps, other tasks run.

use std::future::poll_fn;
use std::task::Poll;

use flagkit_core::migrate::{Full, Plan};
use flagkit_core::source::Side;

use super::rows::Row;
use super::rules::{Backfill, Writes};
use super::world::{ROWS, World};

/// Lets the scheduler choose what runs next.
async fn step() {
    let mut is_second = false;
    poll_fn(|_| if std::mem::replace(&mut is_second, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// The lock of a row. A dropped future releases it.
struct Lock<'w> {
    world: &'w World,
    row: usize,
}

impl<'w> Lock<'w> {
    async fn new(world: &'w World, row: usize) -> Self {
        while !world.row(row, Row::try_lock) {
            step().await;
        }
        Self { world, row }
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        self.world.row(self.row, Row::unlock);
    }
}

/// A write that has begun. If the future is dropped, it ends without an acknowledgement.
struct Begun<'w> {
    world: &'w World,
    row: usize,
    value: u64,
    is_acknowledged: bool,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.world.end_write(self.row, self.value, self.is_acknowledged);
    }
}

/// Writes a row with a plan of a random instance.
pub(super) async fn write(world: &World, task: usize) {
    let row = world.below(ROWS);
    let value = world.begin_write(row);
    let mut begun = Begun { world, row, value, is_acknowledged: false };
    let held = world.plan(task);
    step().await;
    begun.is_acknowledged = match world.rules.writes {
        Writes::OneStatement => write_at_once(world, &held.plan, row, value),
        Writes::Versioned | Writes::Unordered => write_twice(world, &held.plan, row, value).await,
        Writes::Locked => {
            let _lock = Lock::new(world, row).await;
            write_twice(world, &held.plan, row, value).await
        }
    };
}

fn write_at_once(world: &World, plan: &Plan<Full>, row: usize, value: u64) -> bool {
    let is_applied = !world.fails();
    if is_applied {
        world.row(row, |row| {
            if plan.writes_old() {
                row.set(Side::Old, Some(value));
            }
            if plan.writes_new() {
                row.set(Side::New, Some(value));
            }
        });
    }
    is_applied
}

async fn write_twice(world: &World, plan: &Plan<Full>, row: usize, value: u64) -> bool {
    let written = plan.write_async(|| set(world, row, Side::Old, value), || set(world, row, Side::New, value));
    written.await.is_ok()
}

async fn set(world: &World, row: usize, side: Side, value: u64) -> Result<(), ()> {
    step().await;
    let fails = world.fails();
    // A write that fails may have been applied: the answer is lost.
    if !fails || world.below(2) == 0 {
        world.row(row, |row| match world.rules.writes {
            Writes::Versioned => row.set_newer(side, Some(value)),
            _ => row.set(side, Some(value)),
        });
    }
    step().await;
    if fails { Err(()) } else { Ok(()) }
}

/// Reads a row with a plan of a random instance, and checks the value.
pub(super) async fn read(world: &World, task: usize) {
    let row = world.below(ROWS);
    let start = world.tick();
    let held = world.plan(task);
    step().await;
    let get = async |side| {
        step().await;
        Ok::<_, ()>(world.row(row, |row| row.get(side)))
    };
    let value = held.plan.read(async || get(Side::Old).await, async || get(Side::New).await).run_async().await;
    world.check(row, value.expect("no error"), start, held.plan.stage());
}

/// Copies all rows from the old side to the new one.
pub(super) async fn backfill(world: &World) {
    for row in 0..ROWS {
        let _lock = match world.rules {
            rules if rules.writes == Writes::Locked && rules.backfill != Backfill::Overwrite => {
                Some(Lock::new(world, row).await)
            }
            _ => None,
        };
        step().await;
        let read = world.row(row, |row| *row);
        step().await;
        let value = read.get(Side::Old);
        world.row(row, |row| match (world.rules.backfill, world.rules.writes) {
            (Backfill::Overwrite, _) => row.set(Side::New, value),
            (Backfill::OnlyMissing, _) if row.get(Side::New).is_some() => {}
            (_, Writes::Versioned) => row.set_newer(Side::New, value),
            (_, Writes::Locked) => row.set(Side::New, value),
            (_, Writes::OneStatement | Writes::Unordered) => row.copy_if_unchanged(read),
        });
    }
}
