//! `migrate`: the steps of a migration, at a terminal, with real instances.

mod fleet;
mod kills;
mod pairs;
mod release;
mod steps;

use crate::support::Folder;

/// A migration with instances that cannot be observed.
const VOUCHED: &str = "\
# The flags.
[flags.split-name]   # of users
kind = \"migration\"
stage = \"off\"       # not begun
gate = \"data\"

[gate.data]
instances = []
drain = \"0s\"
";

/// Takes a step forward, and types the name. Returns the screen.
#[track_caller]
fn step(folder: &Folder, arguments: &[&str]) -> String {
    let mut terminal = folder.terminal(&[&["migrate", "split-name"], arguments].concat());
    terminal.wait_for("Type split-name to advance it to ");
    terminal.answer("split-name");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{arguments:?}: {screen}");
    screen
}

/// Certifies a backfill that starts now.
#[track_caller]
fn backfill(folder: &Folder) {
    let started = jiff::Timestamp::now().to_string();
    let arguments = ["backfill-done", "--started", &started, "--rows", "7", "--mismatches", "0"];
    let ran = folder.run(&[&["migrate", "split-name"][..], &arguments].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn a_migration_goes_through_all_stages_and_back() {
    let folder = Folder::with("flags.toml", VOUCHED);
    let at = |stage: &str| VOUCHED.replace("\"off\"", &format!("\"{stage}\""));
    let screen = step(&folder, &["advance"]);
    assert!(screen.contains("to undo: flagkit migrate split-name back"), "{screen}");
    assert_eq!(folder.read("flags.toml"), at("dual-write"), "no other byte changed");
    let ran = folder.run(&["migrate", "split-name", "advance"]);
    assert!(ran.code == 3 && ran.err.contains("a backfill that began after"), "{ran:?}");
    backfill(&folder);
    for (before, stage) in [("dual-write", "shadow"), ("shadow", "live"), ("live", "ramp-down")] {
        step(&folder, &["advance", "--to", stage]);
        assert_eq!(folder.read("flags.toml"), at(stage));
        let ran = folder.run(&["migrate", "split-name", "back"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(folder.read("flags.toml"), at(before));
        step(&folder, &["advance"]);
        let ran = folder.run(&["log", "--verify"]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let screen = step(&folder, &["advance"]);
    assert!(screen.contains("This is the point of no return."), "{screen}");
    let ran = folder.run(&["migrate", "split-name", "back"]);
    assert!(ran.code == 7 && ran.err.contains("stale"), "{ran:?}");
    let ran = folder.run(&["migrate", "split-name", "advance"]);
    assert!(ran.code == 7 && ran.err.contains("flagkit migrate split-name contract"), "{ran:?}");
    step(&folder, &["contract"]);
    assert_eq!(folder.read("flags.toml"), at("contracted"));
    let ran = folder.run(&["log", "--verify"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let verbs: Vec<_> = folder.entries().iter().map(|entry| entry["verb"].clone()).collect();
    assert_eq!(verbs.iter().filter(|verb| **verb == "observe").count(), 9, "{verbs:?}");
    assert_eq!(verbs[verbs.len() - 2..], ["contract", "observe"], "{verbs:?}");
}

/// The partitions that went back to `off` wrote only the old side meanwhile.
#[test]
fn partitions_that_went_back_to_off_void_the_backfill() {
    let folder = Folder::with("flags.toml", &VOUCHED.replace("stage =", "partition = \"tenant\"\nstage ="));
    step(&folder, &["advance"]);
    backfill(&folder);
    assert_eq!(folder.run(&["migrate", "split-name", "advance", "--dry-run"]).code, 0);
    let text = folder.read("flags.toml");
    let back =
        if text.contains("rollout") { text.replace("100", "10") } else { text.replace("stage", "rollout = 10\nstage") };
    folder.write("flags.toml", &back);
    step(&folder, &["advance", "--partitions", "100"]);
    let ran = folder.run(&["migrate", "split-name", "advance", "--dry-run"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("a backfill that began after"), "{ran:?}");
    backfill(&folder);
    assert_eq!(folder.run(&["migrate", "split-name", "advance", "--dry-run"]).code, 0);
}

/// Before `complete`, nothing refuses a step back.
#[test]
fn a_step_back_needs_neither_a_log_nor_a_valid_gate() {
    let at = |stage: &str| VOUCHED.replace("\"off\"", &format!("\"{stage}\""));
    for damage in ["a folder as the log", "a file as the folder", "an invalid gate"] {
        for command in [&["migrate", "split-name", "back"][..], &["revert", "split-name"]] {
            let folder = Folder::with("flags.toml", &at("live"));
            match damage {
                "a folder as the log" => std::fs::create_dir_all(folder.path(".flagkit/log.jsonl")).expect("a folder"),
                "a file as the folder" => folder.write(".flagkit", "not a folder"),
                _ => folder.write("flags.toml", &at("live").replace("drain = \"0s\"", "compared = -1")),
            }
            let ran = folder.run(command);
            assert!(folder.read("flags.toml").contains("stage = \"shadow\""), "{damage}: {ran:?}");
        }
    }
}
