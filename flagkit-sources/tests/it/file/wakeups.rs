//! Reading the file causes events, even when flagkit reads it. They must not wake the thread that would read it again.
//! The test counts context switches of the whole process, so it runs by itself in a child.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::{self, TestDir, document, in_own_process, is_on, pause, status, wait_until};

/// Returns how often the threads of sources have gone to sleep so far.
fn sleeps() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").expect("tasks").map(|task| task.expect("a task").path());
    let sources = tasks
        .filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end().starts_with("flagkit-")));
    let counts = sources.map(|task| {
        let status = fs::read_to_string(task.join("status")).expect("a status");
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).expect("a line");
        line.trim().parse::<u64>().expect("a number")
    });
    counts.sum()
}

#[test]
fn idle() {
    if !in_own_process(module_path!(), "idle") {
        return;
    }
    let folder = TestDir::new();
    folder.write(document("checkout", false));
    let guard = support::follow(&folder.flags());
    folder.write(document("checkout", true));
    wait_until("the change is seen", || is_on(&guard, "checkout"));
    // The source rereads a recently written file for this long.
    pause(Duration::from_millis(500));
    let (begin, before) = (Instant::now(), sleeps());
    assert!(before > 0, "there is such a thread");
    for _ in 0..500 {
        assert!(!fs::read(folder.flags()).expect("read").is_empty());
        pause(Duration::from_millis(4));
    }
    let woken = sleeps() - before;
    println!("woken {woken} times in {:?}", begin.elapsed());
    // The poll runs every two seconds. A source that each of the 500 reads wakes would sleep as often.
    assert!(woken < 30 + 5 * begin.elapsed().as_secs(), "woken {woken} times in {:?}", begin.elapsed());
    assert_eq!(status(&guard).loads, 2);
}
