//! Reading the file makes events, also when flagkit itself reads it: they do not wake the thread that would read it
//! again. It looks at the threads of the whole process, so it is one test in a file of its own.

use std::fs;
use std::time::Duration;

use crate::support::{self, Place, document, is_on, pause, runs_alone, status, wait_until};

/// How often the threads of sources have gone to sleep so far.
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
    if !runs_alone(module_path!(), "idle") {
        return;
    }
    let place = Place::new();
    place.write(document("checkout", false));
    let guard = support::follow(&place.flags());
    place.write(document("checkout", true));
    wait_until("the change is seen", || is_on(&guard, "checkout"));
    // The last looks at a young file.
    pause(Duration::from_millis(500));
    let before = sleeps();
    assert!(before > 0, "there is such a thread");
    for _ in 0..500 {
        assert!(!fs::read(place.flags()).expect("read").is_empty());
        pause(Duration::from_millis(4));
    }
    let woken = sleeps() - before;
    println!("woken {woken} times in two seconds");
    // The poll looks every two seconds; a reader that wakes itself would be up thousands of times.
    assert!(woken < 50, "woken {woken} times");
    assert_eq!(status(&guard).loads, 2);
}
