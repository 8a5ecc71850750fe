//! SIGKILL at any point of a step: the file and the log agree afterwards, or the next run makes them agree.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{VOUCHED, step};
use crate::support::Folder;

/// The number of kills, unless `FLAGKIT_KILLS` has another.
const ROUNDS: u32 = 20;

const INTENT: &str = ".flagkit/intent.lock";

fn rounds() -> u32 {
    std::env::var("FLAGKIT_KILLS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

fn at(stage: &str) -> String {
    VOUCHED.replace("\"off\"", &format!("\"{stage}\""))
}

/// The stage in the file.
fn stage(folder: &Folder) -> &'static str {
    let text = folder.read("flags.toml");
    ["shadow", "live"].into_iter().find(|stage| text == at(stage)).expect("the file is whole")
}

/// The stage after the last step in the log.
fn logged(folder: &Folder) -> String {
    let is_step = |entry: &Value| entry["verb"] == "advance" || entry["verb"] == "back";
    let mut steps = folder.entries().into_iter().filter(is_step);
    steps.next_back().map_or_else(|| "shadow".to_owned(), |entry| entry["to"].as_str().expect("a stage").to_owned())
}

/// Checks that the next run of any command makes the file and the log agree.
#[track_caller]
fn check_next_run(folder: &Folder) {
    let stage = stage(folder);
    let ran = folder.run(&["log", "--verify"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!((self::stage(folder), logged(folder).as_str()), (stage, stage));
    assert!(!folder.path(INTENT).exists());
    let steps = folder.entries().into_iter().filter(|entry| entry["verb"] != "observe");
    let hashes: Vec<Value> = steps.map(|entry| entry["when"].clone()).collect();
    let mut unique = hashes.clone();
    unique.dedup();
    assert_eq!(hashes, unique, "no entry is in the log twice");
}

#[test]
fn a_kill_of_advance_leaves_the_file_and_the_log_in_agreement() {
    let folder = Folder::with("flags.toml", &at("shadow"));
    let run = || {
        let mut terminal = folder.terminal(&["migrate", "split-name", "advance"]);
        // Typed ahead, so that the run does not wait at its prompt, and the kill may come at any point.
        terminal.answer("split-name");
        terminal
    };
    let mut whole = Duration::ZERO;
    for _ in 0..3 {
        let begin = Instant::now();
        assert_eq!(run().end().0, 0);
        whole = whole.max(begin.elapsed());
        assert_eq!(folder.run(&["migrate", "split-name", "back"]).code, 0);
    }
    let (rounds, mut round) = (rounds(), 0);
    let [mut before, mut within, mut after] = [0; 3];
    while round < rounds || before == 0 || after == 0 {
        let mut terminal = run();
        // Not a wait for a condition: the kills are spread over the duration of the run. A run takes longer on a busy
        // machine than at the measurement, or the reverse, so rounds are added until there are kills on both sides.
        let delay = match round.checked_sub(rounds) {
            None => whole * round / rounds,
            Some(added) if after == 0 => whole * (added + 2),
            Some(_) => Duration::ZERO,
        };
        thread::sleep(delay);
        terminal.kill_nine();
        match (stage(&folder), logged(&folder).as_str()) {
            ("shadow", "shadow") => before += 1,
            ("live", "live") => after += 1,
            (stage, logged) => {
                assert!(folder.path(INTENT).exists(), "round {round}: {stage} in the file, {logged} in the log");
                within += 1;
            }
        }
        check_next_run(&folder);
        if stage(&folder) == "live" {
            assert_eq!(folder.run(&["migrate", "split-name", "back"]).code, 0, "round {round}");
        }
        round += 1;
    }
    println!(
        "killed {round} times: {before} before the write, {within} between the file and the log, {after} after both"
    );
}

/// A folder at `live`, and the entry of the step there.
fn stepped() -> (Folder, Value) {
    let folder = Folder::with("flags.toml", &at("shadow"));
    step(&folder, &["advance"]);
    let entry = folder.entries()[0].clone();
    assert_eq!(entry["verb"], "advance");
    (folder, entry)
}

fn write_intent(folder: &Folder, entry: &Value) {
    folder.write(INTENT, &json!({ "name": "flags.toml", "entries": [entry] }).to_string());
}

#[test]
fn a_step_that_is_in_the_file_only_is_added_to_the_log() {
    let (folder, entry) = stepped();
    folder.write(".flagkit/log.jsonl", "");
    write_intent(&folder, &entry);
    check_next_run(&folder);
    assert_eq!(folder.entries().len(), 1);
    assert_eq!(folder.entries()[0]["observed"], entry["observed"]);
    // A later edit of the file, which keeps the stage, changes nothing about it.
    folder.write(".flagkit/log.jsonl", "");
    write_intent(&folder, &entry);
    folder.write("flags.toml", &(at("live") + "# edited\n"));
    assert_eq!(folder.run(&["list"]).code, 0);
    assert_eq!(folder.entries().len(), 1);
}

#[test]
fn a_step_that_is_only_intended_is_dropped() {
    let (folder, entry) = stepped();
    folder.write(".flagkit/log.jsonl", "");
    folder.write("flags.toml", &at("shadow"));
    write_intent(&folder, &entry);
    check_next_run(&folder);
    assert_eq!(folder.entries(), Vec::<Value>::new());
}

#[test]
fn a_step_that_is_in_the_file_and_in_the_log_is_finished() {
    let (folder, entry) = stepped();
    let log = folder.log();
    write_intent(&folder, &entry);
    check_next_run(&folder);
    assert_eq!(folder.log(), log);
}
