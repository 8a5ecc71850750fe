//! The fleet, and the scheduler of one interleaving.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Waker};

use flagkit_core::migrate::{Full, Migration, Plan};
use flagkit_core::source::{Side, Stage};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags};

use super::history::History;
use super::rows::Row;
use super::rules::{Backfill, Rules, Steps};
use super::work;

pub(super) const ROWS: usize = 8;
const INSTANCES: usize = 3;
const WRITERS: usize = 3;
const READERS: usize = 1;
const TASKS: usize = WRITERS + READERS;
/// All that the scheduler chooses from: instances, tasks, the operator, the backfill, and dropping a future.
const ACTORS: usize = INSTANCES + TASKS + 3;
const OPERATOR: usize = INSTANCES + TASKS;
const BACKFILL: usize = OPERATOR + 1;
/// The changes of the stage in one interleaving, unless it completes before.
const MOVES: usize = 12;
/// More steps than any interleaving takes.
const STEPS: usize = 100_000;

/// Everything that tasks share.
pub(super) struct World {
    pub(super) rules: Rules,
    migration: &'static Migration<Full>,
    random: Cell<u64>,
    now: Cell<u64>,
    next_value: Cell<u64>,
    rows: RefCell<[Row; ROWS]>,
    histories: RefCell<[History; ROWS]>,
    /// The stage in the file, and the one that each instance has loaded.
    file: Cell<Stage>,
    instances: [Cell<Stage>; INSTANCES],
    /// The stage of the plan that each task holds.
    held: [Cell<Option<Stage>>; TASKS],
    moves: Cell<usize>,
    /// How many of eight moves are forward.
    forward_of_8: Cell<usize>,
    is_backfilled: Cell<bool>,
    /// Whether the running backfill began before a return to `off`.
    is_void: Cell<bool>,
    violation: RefCell<Option<String>>,
}

/// A plan that a task holds.
pub(super) struct Held<'w> {
    pub(super) plan: Plan<Full>,
    holder: &'w Cell<Option<Stage>>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.holder.set(None);
    }
}

/// The flags of a file at each stage.
static FLAGS: LazyLock<[(Stage, Flags); 7]> = LazyLock::new(|| {
    Stage::ALL.map(|stage| {
        let flag = Flag::migration().at_stage(stage);
        (stage, Flags::fixed(FlagSet::from_iter([(FlagKey::new("split").expect("a key"), flag)])))
    })
});

type Task<'w> = Pin<Box<dyn Future<Output = ()> + 'w>>;

/// Runs a task until its next step, and removes it when it is finished.
fn poll(slot: &mut Option<Task<'_>>, finish: impl FnOnce()) {
    if let Some(task) = slot {
        if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            *slot = None;
            finish();
        }
    }
}

impl World {
    pub(super) fn new(migration: &'static Migration<Full>, rules: Rules, seed: u64) -> Self {
        let world = Self {
            rules,
            migration,
            random: Cell::new(seed),
            now: Cell::new(0),
            next_value: Cell::new(0),
            rows: RefCell::default(),
            histories: RefCell::default(),
            file: Cell::new(Stage::Off),
            instances: [const { Cell::new(Stage::Off) }; INSTANCES],
            held: [const { Cell::new(None) }; TASKS],
            moves: Cell::new(0),
            forward_of_8: Cell::new(8),
            is_backfilled: Cell::new(false),
            is_void: Cell::new(false),
            violation: RefCell::default(),
        };
        for row in 0..ROWS {
            let value = world.begin_write(row);
            world.row(row, |row| row.set(Side::Old, Some(value)));
            world.end_write(row, value, true);
        }
        world
    }

    /// Runs one interleaving, and returns the violation that it found.
    pub(super) fn run(&self) -> Result<(), String> {
        let mut tasks: Vec<Option<Task<'_>>> = (0..TASKS).map(|_| None).collect();
        let mut backfill: Option<Task<'_>> = None;
        let mut speeds = self.speeds();
        for _ in 0..STEPS {
            if self.below(100) == 0 {
                speeds = self.speeds();
            }
            match self.choose(&speeds) {
                instance if instance < INSTANCES => self.learn(instance),
                OPERATOR => self.control(&mut backfill),
                BACKFILL => poll(&mut backfill, || self.is_backfilled.set(!self.is_void.get())),
                task if task < OPERATOR => {
                    let task = task - INSTANCES;
                    let slot = &mut tasks[task];
                    slot.get_or_insert_with(|| self.work(task));
                    poll(slot, || ());
                }
                _ if self.below(8) == 0 => tasks[self.below(TASKS)] = None,
                _ => {}
            }
            if let Some(violation) = self.violation.take() {
                return Err(violation);
            }
            if self.is_finished() {
                break;
            }
        }
        assert!(self.is_finished(), "more than {STEPS} steps");
        drop(tasks);
        self.check_all(self.file.get());
        self.violation.take().map_or(Ok(()), Err)
    }

    fn work(&self, task: usize) -> Task<'_> {
        if task < WRITERS { Box::pin(work::write(self, task)) } else { Box::pin(work::read(self, task)) }
    }

    /// Returns how often each actor runs. They differ widely, so that some of them lag. Sets the operator's direction.
    fn speeds(&self) -> [usize; ACTORS] {
        let mut speeds = [(); ACTORS].map(|()| [0, 1, 8, 64][self.below(4)]);
        // One of them always runs.
        speeds[ACTORS - 1] = 1;
        self.forward_of_8.set([8, 8, 6, 0][self.below(4)]);
        speeds
    }

    fn choose(&self, speeds: &[usize; ACTORS]) -> usize {
        let mut number = self.below(speeds.iter().sum());
        let is_next = |speed: &usize| match number.checked_sub(*speed) {
            Some(rest) => {
                number = rest;
                false
            }
            None => true,
        };
        speeds.iter().position(is_next).expect("the number is below the sum")
    }

    /// An instance reads the file. From now on it may read every row, so all of them are checked.
    fn learn(&self, instance: usize) {
        let stage = self.file.get();
        if self.instances[instance].replace(stage) != stage {
            self.check_all(stage);
        }
    }

    /// The operator starts a backfill, or changes the stage if the rules allow it.
    fn control<'w>(&'w self, backfill: &mut Option<Task<'w>>) {
        let stage = self.file.get();
        let copies_at = match self.rules.backfill {
            Backfill::BeforeDualWrite => Stage::Off,
            _ => Stage::DualWrite,
        };
        if stage == copies_at && backfill.is_none() && !self.is_backfilled.get() && self.all_have(stage) {
            self.is_void.set(false);
            *backfill = Some(Box::pin(work::backfill(self)));
            return;
        }
        if self.moves.get() >= MOVES {
            return;
        }
        let is_forward = self.below(8) < self.forward_of_8.get();
        match if is_forward { self.forward(stage) } else { self.back(stage) } {
            Some(Stage::Off) if self.rules.backfill != Backfill::BeforeDualWrite => {
                // Rows that are written at `off` are not on the new side.
                self.is_void.set(true);
                self.is_backfilled.set(false);
                self.move_to(Stage::Off);
            }
            Some(stage) => self.move_to(stage),
            None => {}
        }
    }

    fn move_to(&self, stage: Stage) {
        self.file.set(stage);
        self.moves.set(self.moves.get() + 1);
    }

    fn forward(&self, stage: Stage) -> Option<Stage> {
        let next = stage.next().filter(|next| *next <= Stage::Complete)?;
        let needs_backfill = stage == Stage::DualWrite || self.rules.backfill == Backfill::BeforeDualWrite;
        match self.rules.steps {
            Steps::Skip => return Some(next.next().unwrap_or(next).min(Stage::Complete)),
            Steps::DoNotWait => {}
            _ if !self.all_have(stage) => return None,
            _ => {}
        }
        (!needs_backfill || self.is_backfilled.get()).then_some(next)
    }

    fn back(&self, stage: Stage) -> Option<Stage> {
        let previous = stage.previous().filter(|_| stage.is_reversible())?;
        let is_safe = previous != Stage::Off || self.holders().all(|stage| stage < Stage::Live);
        (is_safe || self.rules.steps == Steps::ReturnAtOnce).then_some(previous)
    }

    fn all_have(&self, stage: Stage) -> bool {
        self.holders().all(|held| held == stage)
    }

    /// Returns the stages that instances and running units of work have.
    fn holders(&self) -> impl Iterator<Item = Stage> {
        let drains = self.rules.steps != Steps::DoNotDrain;
        let held = self.held.iter().filter_map(Cell::get).filter(move |_| drains);
        self.instances.iter().map(Cell::get).chain(held)
    }

    fn is_finished(&self) -> bool {
        let stage = self.file.get();
        (stage == Stage::Complete || self.moves.get() >= MOVES) && self.all_have(stage)
    }

    /// Reads every row at a stage.
    fn check_all(&self, stage: Stage) {
        for row in 0..ROWS {
            let start = self.tick();
            self.check(row, self.row(row, |row| row.get(stage.authoritative())), start, stage);
        }
    }

    /// Returns a plan of a random instance.
    pub(super) fn plan(&self, task: usize) -> Held<'_> {
        let stage = self.instances[self.below(INSTANCES)].get();
        let flags = FLAGS.iter().find(|(other, _)| *other == stage).map(|(_, flags)| flags).expect("a stage");
        let holder = &self.held[task];
        holder.set(Some(stage));
        Held { plan: self.migration.plan_in(flags, &()).expect("the range is full"), holder }
    }

    pub(super) fn row<T>(&self, row: usize, access: impl FnOnce(&mut Row) -> T) -> T {
        access(&mut self.rows.borrow_mut()[row])
    }

    /// Returns the value of a write that begins now.
    pub(super) fn begin_write(&self, row: usize) -> u64 {
        let value = self.next_value.get() + 1;
        self.next_value.set(value);
        let start = self.tick();
        self.histories.borrow_mut()[row].begin(value, start);
        value
    }

    pub(super) fn end_write(&self, row: usize, value: u64, is_acknowledged: bool) {
        let now = self.tick();
        self.histories.borrow_mut()[row].end(value, now, is_acknowledged);
    }

    pub(super) fn check(&self, row: usize, value: Option<u64>, start: u64, stage: Stage) {
        let time = start..self.tick();
        if let Err(reason) = self.histories.borrow_mut()[row].check(value, time) {
            *self.violation.borrow_mut() = Some(format!("row {row} at {stage}: {reason}"));
        }
    }

    pub(super) fn tick(&self) -> u64 {
        self.now.set(self.now.get() + 1);
        self.now.get()
    }

    /// Returns whether a write fails.
    pub(super) fn fails(&self) -> bool {
        self.below(12) == 0
    }

    /// Returns a pseudo-random number below `limit`, by `SplitMix64`.
    pub(super) fn below(&self, limit: usize) -> usize {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).expect("it is below the limit")
    }
}
