//! A pool runs shadow reads on its own threads. What is late, too much or panics counts as a failed comparison, and
//! reaches no caller.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, LazyLock};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::support::{DEADLINE, pause, wait_until};
use flagkit_core::migrate::{Counters, Full, Migration};
use flagkit_core::source::Stage;
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, migration};
use flagkit_sources::ShadowPool;

/// Returns a pool with a limit that only a hang reaches.
fn patient() -> ShadowPool {
    ShadowPool::new().limit(DEADLINE)
}

/// Reads a migration in the stage `shadow`, and passes the read of the new side to the pool. Returns the old side.
fn read<E: 'static>(
    pool: &ShadowPool,
    migration: &'static Migration<Full>,
    new: impl FnOnce() -> Result<u32, E> + Send + 'static,
) -> u32 {
    let flag = Flag::migration().at_stage(Stage::Shadow);
    let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new(migration.key()).expect("a key"), flag)]));
    let plan = migration.plan_in(&flags, &()).expect("it is supported");
    let read = plan.read(|| Ok(1), new).compare(|old, new| old == new).run(|shadow| pool.spawn(shadow));
    read.unwrap_or_else(|_| panic!("the authoritative side does not fail"))
}

/// Occupies a thread of the pool until the sender is dropped. Returns once the thread is occupied.
fn occupy(pool: &ShadowPool, migration: &'static Migration<Full>) -> Sender<()> {
    let (release, released): (Sender<()>, Receiver<()>) = mpsc::channel();
    let (occupied, is_occupied) = mpsc::channel();
    read(pool, migration, move || {
        occupied.send(()).expect("the test waits");
        let _ = released.recv();
        Ok::<_, Infallible>(1)
    });
    is_occupied.recv_timeout(DEADLINE).expect("a thread is free");
    release
}

fn counts(counters: Counters) -> [u64; 3] {
    [counters.compared, counters.mismatched, counters.comparisons_failed]
}

#[test]
fn a_shadow_read_runs_on_a_thread_of_the_pool_and_is_compared() {
    migration! { static SPLIT: "split", range = Full }
    static POOL: LazyLock<ShadowPool> = LazyLock::new(patient);
    let (sender, receiver) = mpsc::channel();
    for new in [1, 2] {
        let sender = sender.clone();
        let run = move || {
            let thread = thread::current();
            sender.send((thread.id(), thread.name().map(str::to_owned))).expect("the test waits");
            Ok::<_, Infallible>(new)
        };
        assert_eq!(read(&POOL, &SPLIT, run), 1);
        let (id, name) = receiver.recv_timeout(DEADLINE).expect("it runs");
        assert_ne!(id, thread::current().id());
        assert_eq!(name.as_deref(), Some("flagkit-shadow"));
    }
    wait_until("two comparisons", || SPLIT.counters().compared == 2);
    assert_eq!(counts(SPLIT.counters()), [2, 1, 0]);
}

#[test]
fn a_pool_in_a_static_needs_no_initialization() {
    migration! { static SPLIT: "split", range = Full }
    static POOL: ShadowPool = ShadowPool::new().limit(DEADLINE).threads(2).queue(8);
    assert_eq!(read(&POOL, &SPLIT, || Ok::<_, Infallible>(1)), 1);
    wait_until("the comparison", || SPLIT.counters().compared == 1);
}

#[test]
fn the_caller_returns_while_the_shadow_read_runs() {
    migration! { static SPLIT: "split", range = Full }
    let pool = patient();
    // The shadow read ends only after the caller has returned.
    let release = occupy(&pool, &SPLIT);
    assert_eq!(counts(SPLIT.counters()), [0, 0, 0]);
    drop(release);
    wait_until("the comparison", || SPLIT.counters().compared == 1);
}

#[test]
fn a_full_queue_drops_shadow_reads_and_runs_none_of_them_in_the_caller() {
    migration! { static SPLIT: "split", range = Full }
    let pool = patient().queue(2);
    let release = occupy(&pool, &SPLIT);
    let runs = Arc::new(AtomicUsize::new(0));
    for _ in 0..10 {
        let runs = Arc::clone(&runs);
        read(&pool, &SPLIT, move || {
            runs.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(1)
        });
    }
    assert_eq!(counts(SPLIT.counters()), [0, 0, 8]);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    drop(release);
    wait_until("the rest", || SPLIT.counters().compared == 3);
    assert_eq!((runs.load(Ordering::SeqCst), SPLIT.counters().comparisons_failed), (2, 8));
}

#[test]
fn a_shadow_read_that_waited_too_long_is_not_run() {
    migration! { static SPLIT: "split", range = Full }
    let pool = ShadowPool::new().limit(Duration::ZERO);
    read(&pool, &SPLIT, || -> Result<u32, Infallible> { panic!("it has waited too long") });
    wait_until("the end", || SPLIT.counters().comparisons_failed == 1);
    assert_eq!(counts(SPLIT.counters()), [0, 0, 1]);
}

#[test]
fn a_shadow_read_that_ends_too_late_is_not_compared() {
    migration! { static SPLIT: "split", range = Full }
    let limit = Duration::from_millis(20);
    let pool = ShadowPool::new().limit(limit);
    read(&pool, &SPLIT, move || {
        pause(limit);
        Ok::<_, Infallible>(2)
    });
    wait_until("the end", || SPLIT.counters().comparisons_failed == 1);
    assert_eq!(counts(SPLIT.counters()), [0, 0, 1]);
}

#[test]
fn the_error_of_a_shadow_read_is_a_failed_comparison() {
    migration! { static SPLIT: "split", range = Full }
    let pool = patient();
    assert_eq!(read(&pool, &SPLIT, || Err("the new side is away")), 1);
    wait_until("the end", || SPLIT.counters().comparisons_failed == 1);
    assert_eq!(counts(SPLIT.counters()), [0, 0, 1]);
}

/// Panics when it is dropped, as the payload of a panic may.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn a_panic_in_a_shadow_read_ends_no_thread() {
    migration! { static SPLIT: "split", range = Full }
    let pool = patient();
    let (sender, receiver) = mpsc::channel();
    let note_thread = || {
        let sender: Sender<ThreadId> = sender.clone();
        read(&pool, &SPLIT, move || {
            sender.send(thread::current().id()).expect("the test waits");
            Ok::<_, Infallible>(1)
        });
        receiver.recv_timeout(DEADLINE).expect("the thread lives")
    };
    let before = note_thread();
    read(&pool, &SPLIT, || -> Result<u32, Infallible> { panic!("a panic of the application") });
    read(&pool, &SPLIT, || -> Result<u32, Infallible> { std::panic::panic_any(PanicsOnDrop) });
    assert_eq!(note_thread(), before);
    wait_until("the comparisons", || SPLIT.counters().compared == 2);
    assert_eq!(counts(SPLIT.counters()), [2, 0, 2]);
}

#[test]
fn each_thread_runs_a_shadow_read_of_its_own() {
    migration! { static SPLIT: "split", range = Full }
    let pool = patient().threads(3);
    // No read passes the barrier unless all three run at the same time.
    let barrier = Arc::new(Barrier::new(3));
    for _ in 0..3 {
        let barrier = Arc::clone(&barrier);
        read(&pool, &SPLIT, move || {
            barrier.wait();
            Ok::<_, Infallible>(1)
        });
    }
    wait_until("the comparisons", || SPLIT.counters().compared == 3);
}

#[test]
fn zero_threads_are_one_and_an_absurd_queue_is_bounded() {
    migration! { static SPLIT: "split", range = Full }
    let pool = patient().threads(0).queue(usize::MAX).limit(Duration::MAX);
    read(&pool, &SPLIT, || Ok::<_, Infallible>(1));
    wait_until("the comparison", || SPLIT.counters().compared == 1);
}

#[test]
fn dropping_the_pool_drops_what_waits_and_joins_what_runs() {
    migration! { static SPLIT: "split", range = Full }
    let pool = patient();
    let release = occupy(&pool, &SPLIT);
    for _ in 0..5 {
        read(&pool, &SPLIT, || -> Result<u32, Infallible> { panic!("it is dropped") });
    }
    assert_eq!(counts(SPLIT.counters()), [0, 0, 0]);
    let dropping = thread::spawn(move || drop(pool));
    // The drop waits for the read in progress, which ends now or later.
    drop(release);
    dropping.join().expect("no panic");
    let [compared, mismatched, failed] = counts(SPLIT.counters());
    assert_eq!((compared, mismatched, compared + failed), (1, 0, 6), "after the drop, nothing is left");
}

#[test]
fn a_pool_without_a_shadow_read_starts_nothing_and_can_be_dropped() {
    drop(ShadowPool::default());
}

#[test]
fn a_shadow_read_may_own_the_pool_that_it_runs_on() {
    migration! { static SPLIT: "split", range = Full }
    let pool = Arc::new(patient());
    let (release, released) = mpsc::channel::<()>();
    let own = Arc::clone(&pool);
    read(&pool, &SPLIT, move || {
        let _ = released.recv();
        drop(own);
        Ok::<_, Infallible>(1)
    });
    let (sender, receiver) = mpsc::channel();
    for _ in 0..5 {
        let sender = sender.clone();
        read(&pool, &SPLIT, move || {
            sender.send(()).expect("the test waits");
            Ok::<_, Infallible>(1)
        });
    }
    drop((sender, pool));
    drop(release);
    // The queue was dropped by the read in progress, so what waited in it never ran.
    assert_eq!(receiver.recv(), Err(mpsc::RecvError));
    wait_until("the comparison", || SPLIT.counters().compared == 1);
    wait_until("the dropped ones", || SPLIT.counters().comparisons_failed == 5);
}
