//! A file is replaced a thousand times a second. The source loads it now and then, and the newest content wins.
//! Thousands of other files in the directory do no harm. The tests that flood the event queue run by themselves in a
//! child, because all files of a process share the queue.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{self, Changes, TestDir, document, in_own_process, is_on, pause, status, wait_until};
use flagkit_sources::Guard;

fn text(n: u32) -> String {
    format!("[flags]\n[flags.count]\non = true\nsalt = \"{n}\"\n")
}

fn newest(guard: &Guard) -> Option<u32> {
    guard.flags().snapshot().flag("count")?.salt()?.parse().ok()
}

fn storm(least: f64, start: fn(&std::path::Path) -> Guard) {
    let folder = TestDir::new();
    folder.write(text(0));
    let guard = start(&folder.flags());
    let changes = Changes::of(&guard);
    let begin = Instant::now();
    let mut n = 0;
    let mut last_seen = 0;
    while begin.elapsed() < Duration::from_secs(3) {
        n += 1;
        folder.replace(text(n));
        let seen = newest(&guard).expect("a number");
        assert!(seen >= last_seen, "{seen} after {last_seen}");
        last_seen = seen;
        pause(Duration::from_micros(900));
    }
    wait_until("the newest is published", || newest(&guard) == Some(n));
    let most = begin.elapsed().as_secs_f64() * 21.0;
    println!("{n} files, {} changes in {:?}", changes.count(), begin.elapsed());
    // This is the mean over a long time. The source keeps a minimum interval, so a slow machine cannot exceed it.
    #[allow(clippy::cast_precision_loss)]
    let changes = changes.count() as f64;
    assert!((least..=most).contains(&changes), "{changes} changes");
}

#[test]
fn by_events() {
    storm(2.0, support::follow);
}

/// Without events a rename looks like a rewrite. A file that always changes is accepted when it pauses.
#[test]
fn by_polling_only() {
    storm(1.0, |path| support::poll(path, Duration::from_millis(10)));
}

#[test]
fn junk_beside_the_file() {
    if !in_own_process(module_path!(), "junk_beside_the_file") {
        return;
    }
    let folder = TestDir::new();
    folder.write(document("checkout", false));
    let guard = support::follow(&folder.flags());
    let changes = Changes::of(&guard);
    let before = status(&guard);
    thread::scope(|scope| {
        for writer in 0..2 {
            let folder = &folder;
            scope.spawn(move || {
                for n in 0..3_000 {
                    let junk = folder.path(&format!("junk-{writer}-{n}.toml"));
                    fs::write(&junk, "[flags]\ncheckout = true\n").expect("written");
                    if n % 2 == 0 {
                        fs::remove_file(junk).expect("removed");
                    }
                }
            });
        }
    });
    assert_eq!((changes.count(), is_on(&guard, "checkout")), (0, false));
    let after = status(&guard);
    assert_eq!((after.loads, after.refusals), (before.loads, before.refusals));
    folder.replace(document("checkout", true));
    wait_until("the change is seen among the junk", || is_on(&guard, "checkout"));
    assert_eq!(changes.count(), 1);
}

/// The system's queue overflows meanwhile, and no change of the file is lost.
#[test]
fn junk_while_the_file_changes() {
    if !in_own_process(module_path!(), "junk_while_the_file_changes") {
        return;
    }
    let folder = TestDir::new();
    folder.write(text(0));
    let guard = support::follow(&folder.flags());
    thread::scope(|scope| {
        let folder = &folder;
        let junk = scope.spawn(move || {
            for n in 0..20_000 {
                fs::write(folder.path(&format!("junk-{}", n % 50)), "x").expect("written");
            }
        });
        let mut n = 0;
        while !junk.is_finished() {
            n += 1;
            folder.replace(text(n));
            wait_until("the change is seen among the junk", || newest(&guard) == Some(n));
        }
        println!("{n} changes seen");
        assert!(n > 3);
    });
}

/// The source must notice the stop among the events, at any moment of its start.
#[test]
fn a_guard_dropped_in_a_storm() {
    if !in_own_process(module_path!(), "a_guard_dropped_in_a_storm") {
        return;
    }
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0_u32;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                n = n.wrapping_add(1);
                fs::write(folder.path(&format!("junk-{}", n % 50)), "x").expect("written");
            }
        });
        for n in 0..50 {
            let guard = support::follow(&folder.flags());
            assert!(is_on(&guard, "checkout"));
            pause(Duration::from_micros(n * 100));
            let begin = Instant::now();
            drop(guard);
            // A source that does not stop gets one second; none may need it.
            assert!(begin.elapsed() < Duration::from_secs(1), "the drop took {:?}", begin.elapsed());
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
