//! A user may create few inotify instances, so a process uses one for all its files. The test counts the instances of
//! the whole process, so it runs by itself in a child.

use std::fs;

use crate::support::{DEADLINE, TestDir, document, in_own_process, is_on, wait_until};
use flagkit_sources::{Builder, File, Guard};

fn instances() -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").expect("descriptors").flatten();
    let leads = |entry: fs::DirEntry| fs::read_link(entry.path()).ok();
    descriptors.filter_map(leads).filter(|target| target.to_string_lossy().contains("inotify")).count()
}

/// Follows three files, two of them in one directory. The next poll comes after the end of any test.
fn start(folder: &TestDir) -> Guard {
    let never = DEADLINE * 100;
    let file = |name: &str| File::new(folder.path(name)).poll_every(never);
    Builder::new().source(file("a.toml")).source(file("b.toml")).source(file("c/c.toml")).start().expect("starts")
}

#[test]
fn one_for_three_files_and_two_guards() {
    if !in_own_process(module_path!(), "one_for_three_files_and_two_guards") {
        return;
    }
    let folder = TestDir::new();
    fs::create_dir(folder.path("c")).expect("a directory");
    let paths = ["a.toml", "b.toml", "c/c.toml"].map(|name| folder.path(name));
    let set = |on: bool| {
        for (path, key) in paths.iter().zip(["a", "b", "c"]) {
            fs::write(path, document(key, on)).expect("written");
        }
    };
    let all = |guard: &Guard, on: bool| ["a", "b", "c"].iter().all(|key| is_on(guard, key) == on);
    set(false);
    let (first, second) = (start(&folder), start(&folder));
    let has_looked = |guard: &Guard| guard.status().sources.iter().all(|source| source.unchanged > 0);
    wait_until("all have begun to watch", || has_looked(&first) && has_looked(&second));
    assert_eq!(instances(), 1);
    set(true);
    wait_until("all sources receive it", || all(&first, true) && all(&second, true));

    // The other guard's watches are independent of this one's.
    assert!(first.stop(DEADLINE));
    assert_eq!(instances(), 1);
    set(false);
    wait_until("the remaining sources receive it", || all(&second, false));

    // A directory that was replaced is watched again by every file with this directory on its path.
    let third = start(&folder);
    wait_until("it has begun to watch", || has_looked(&third));
    fs::rename(folder.path("c"), folder.path("old")).expect("renamed");
    fs::create_dir(folder.path("c")).expect("a directory");
    set(true);
    let guards = [&second, &third];
    let mut turns = 0;
    // A missing file is polled for. After that, only the new directory's events can report a change.
    wait_until("all follow", || guards.iter().all(|guard| all(guard, true)));
    for on in [false, true, false] {
        set(on);
        wait_until("all follow on", || guards.iter().all(|guard| all(guard, on)));
        turns += 1;
    }
    assert_eq!((turns, instances()), (3, 1));

    drop((second, third));
    wait_until("none is left", || instances() == 0);
    let fourth = start(&folder);
    wait_until("it has begun to watch", || has_looked(&fourth));
    assert_eq!(instances(), 1);
}
