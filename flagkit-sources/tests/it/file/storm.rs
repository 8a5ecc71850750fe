//! A file is replaced a thousand times a second. The source loads it now and then, and the newest content wins.
//! Thousands of other files in the directory do no harm. The tests that flood the event queue run by themselves in a
//! child, because all files of a process share the queue.

use std::fs;
#[cfg(unix)]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
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

fn storm(least: f64, start: fn(&Path) -> Guard) {
    let folder = TestDir::new();
    folder.write(text(0));
    let guard = start(&folder.flags());
    let changes = Changes::of(&guard);
    let begin = Instant::now();
    let mut n = 0;
    let mut last_seen = 0;
    let is_enough = |count: usize| f64::from(u32::try_from(count).expect("small")) >= least;
    // The last file is one more change.
    while begin.elapsed() < Duration::from_secs(3) || !is_enough(changes.count() + 1) {
        assert!(begin.elapsed() < support::DEADLINE, "{} changes", changes.count());
        n += 1;
        folder.replace(text(n));
        let seen = newest(&guard).expect("a number");
        assert!(seen >= last_seen, "{seen} after {last_seen}");
        last_seen = seen;
        pause(Duration::from_micros(900));
    }
    wait_until("the newest is published", || newest(&guard) == Some(n));
    wait_until("and reported", || is_enough(changes.count()));
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
    assert_eq!((after.loads, after.failures), (before.loads, before.failures));
    folder.replace(document("checkout", true));
    wait_until("the change is seen among the junk", || is_on(&guard, "checkout"));
    wait_until("the change is reported", || changes.count() == 1);
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
    let seen = AtomicU32::new(0);
    thread::scope(|scope| {
        let (folder, seen) = (&folder, &seen);
        let junk = scope.spawn(move || {
            let mut written = 0;
            while written < 20_000 || seen.load(Ordering::Relaxed) <= 3 {
                fs::write(folder.path(&format!("junk-{}", written % 50)), "x").expect("written");
                written += 1;
            }
        });
        let mut n = 0;
        while !junk.is_finished() {
            n += 1;
            folder.replace(text(n));
            wait_until("the change is seen among the junk", || newest(&guard) == Some(n));
            seen.store(n, Ordering::Relaxed);
        }
        println!("{n} changes seen");
    });
}

/// Changes the file's metadata without a pause, and expects few checks; one change of the contents is still detected.
#[cfg(unix)]
fn storm_without_a_change(disturb: impl Fn(&Path, u32) + Sync) {
    let folder = TestDir::new();
    folder.write(document("checkout", false));
    let guard = support::follow(&folder.flags());
    wait_until("the first check", || status(&guard).unchanged > 0);
    let (disturbances, done) = (AtomicU32::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                disturb(&folder.flags(), disturbances.fetch_add(1, Ordering::Relaxed));
            }
        });
        let (begin, before) = (Instant::now(), status(&guard).unchanged);
        wait_until("a storm", || {
            disturbances.load(Ordering::Relaxed) > 5_000 && begin.elapsed() > Duration::from_secs(1)
        });
        let (checks, elapsed) = (status(&guard).unchanged - before, begin.elapsed());
        println!("{} disturbances and {checks} checks in {elapsed:?}", disturbances.load(Ordering::Relaxed));
        // At most 40 checks per second, the first few and the polls. A slow machine makes fewer.
        let most = 10.0 + elapsed.as_secs_f64() * 41.0;
        #[allow(clippy::cast_precision_loss)]
        let is_paced = checks as f64 <= most;
        folder.replace(document("checkout", true));
        let result = catch_unwind(AssertUnwindSafe(|| wait_until("the change", || is_on(&guard, "checkout"))));
        done.store(true, Ordering::Relaxed);
        assert!(result.is_ok(), "the change is detected among the disturbances");
        assert!(is_paced, "{checks} checks in {elapsed:?}, expected at most {most}");
    });
}

#[cfg(unix)]
mod without_a_change {
    use super::storm_without_a_change;
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, SystemTime};

    #[test]
    fn of_the_mode() {
        storm_without_a_change(|path, n| {
            // Another file may replace it meanwhile.
            let _ = fs::set_permissions(path, Permissions::from_mode(if n % 2 == 0 { 0o600 } else { 0o644 }));
        });
    }

    #[test]
    fn of_the_times() {
        storm_without_a_change(|path, n| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(n));
            let _ = File::open(path).and_then(|file| file.set_modified(time));
        });
    }

    #[test]
    fn of_the_links() {
        storm_without_a_change(|path, _| {
            let link = path.with_extension("link");
            let _ = fs::hard_link(path, &link);
            let _ = fs::remove_file(link);
        });
    }

    #[test]
    fn of_the_directory() {
        storm_without_a_change(|path, n| {
            let directory = path.parent().expect("it has one");
            let mode = if n % 2 == 0 { 0o700 } else { 0o755 };
            fs::set_permissions(directory, Permissions::from_mode(mode)).expect("it is ours");
        });
    }
}

/// The source must notice the stop among the events, at any moment of its start.
#[test]
fn a_guard_dropped_in_a_storm() {
    if !in_own_process(module_path!(), "a_guard_dropped_in_a_storm") {
        return;
    }
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0_u32;
            while !done.load(Ordering::Relaxed) {
                n = n.wrapping_add(1);
                fs::write(folder.path(&format!("junk-{}", n % 50)), "x").expect("written");
            }
        });
        for n in 0..50 {
            let guard = support::follow(&folder.flags());
            assert!(is_on(&guard, "checkout"));
            pause(Duration::from_micros(n * 100));
            assert!(guard.stop(support::DEADLINE), "the source of round {n} does not stop");
        }
        done.store(true, Ordering::Relaxed);
    });
}
