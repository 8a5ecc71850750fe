//! A dropped guard leaves no thread, no file descriptor and no change, a thousand times in a row. The test counts those
//! of the whole process, so it runs by itself in a child.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::support::{self, TestDir, document, in_own_process, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::{Builder, Env, File, Notify, OnFailedStart};

/// The number of threads by name.
fn threads() -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").expect("tasks") {
        // A thread may end between the two steps.
        if let Ok(name) = fs::read_to_string(task.expect("a task").path().join("comm")) {
            *names.entry(name.trim().to_owned()).or_default() += 1;
        }
    }
    names
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("descriptors").count()
}

#[test]
fn nothing_is_left() {
    if !in_own_process(module_path!(), "nothing_is_left") {
        return;
    }
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let other = folder.path("other.json");
    fs::write(&other, "{\"flags\": {}}").expect("written");
    let start = || {
        Builder::new()
            .source(File::new(folder.flags()))
            .source(File::new(&other).notify(Notify::Off))
            .source(File::new(folder.path("missing.toml")))
            .source(Env::from_vars("FLAG_", [("FLAG_X".into(), "on".into())]))
            .when_missing(OnFailedStart::Skip)
            .start()
            .expect("starts")
    };
    let (threads_before, descriptors_before) = (threads(), descriptors());

    let guard = start();
    wait_until("the threads are there", || threads().get("flagkit-file") == Some(&3));
    wait_until("that of the environment ends by itself", || !threads().contains_key("flagkit-env"));
    wait_until("the watchers are there", || threads().keys().any(|name| name.contains("notify")));
    assert!(descriptors() > descriptors_before);
    let flags = guard.flags().clone();
    assert!(guard.stop(support::DEADLINE), "a thread is left");
    assert!(!threads().keys().any(|name| name.starts_with("flagkit-")), "{:?}", threads());
    wait_until("the watchers have ended", || threads() == threads_before && descriptors() == descriptors_before);

    // The flags stay unchanged, whatever happens to the file.
    assert!(flags.status().sources.iter().all(|source| source.state == SourceState::Stopped));
    folder.write(document("checkout", false));
    support::holds_for(Duration::from_millis(500), "the flags stay", || flags.is_on("checkout", &()));
    folder.write(document("checkout", true));

    for round in 0..1_000 {
        let guard = start();
        assert!(guard.flags().is_on("checkout", &()), "round {round}");
        drop(guard);
    }
    wait_until("nothing is left of a thousand rounds", || {
        threads() == threads_before && descriptors() == descriptors_before
    });

    // A start that fails leaves nothing either.
    folder.write("[flags");
    for _ in 0..20 {
        assert!(Builder::new().source(File::new(folder.flags())).start().is_err());
    }
    wait_until("nothing is left of a start that fails", || {
        threads() == threads_before && descriptors() == descriptors_before
    });
}
