//! SIGKILL at any point of `go` and of `revert`, with a rename and in place.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::Folder;
use sha2::{Digest as _, Sha256};

const OFF: &str = "# kept\n[flags]   # all\npay = false   # by card\n\n[gate.unused]\nramp = [10]\n";
const ROUNDS: u32 = 250;

fn at(percent: &str) -> String {
    OFF.replace("false", &format!("\"{percent}\""))
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The entries of the log, and whether the log has a truncated line.
fn log(folder: &Folder) -> (Vec<serde_json::Value>, bool) {
    let text = folder.log();
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    let mut is_torn = whole < text.len();
    let mut entries = Vec::new();
    for line in text[..whole].lines().filter(|line| !line.is_empty()) {
        match serde_json::from_str(line) {
            Ok(entry) => entries.push(entry),
            // Truncated by the kill of an earlier round.
            Err(error) => {
                assert!(error.is_eof(), "{error}: {line}");
                is_torn = true;
            }
        }
    }
    (entries, is_torn)
}

/// Checks the file and the log after a kill. Returns whether the file is the new one.
fn check_state(folder: &Folder, [old, new]: [&str; 2], before: usize, round: u32) -> bool {
    let text = folder.read("flags.toml");
    let is_new = text == new;
    assert!(is_new || text == old, "round {round}: {text:?}");
    let (entries, _) = log(folder);
    match &entries[before..] {
        [] => {}
        [entry] => {
            assert!(is_new, "round {round}: the log claims what did not happen: {entry}");
            assert_eq!(entry["digest"], digest(new), "round {round}");
        }
        more => panic!("round {round}: {more:?}"),
    }
    is_new
}

/// Checks that the next runs work.
fn check_next_run(folder: &Folder, round: u32) {
    let ran = folder.run(&["revert", "pay"]);
    assert_eq!(ran.code, 0, "round {round}: {ran:?}");
    assert_eq!(folder.read("flags.toml"), OFF, "round {round}");
    let ran = folder.run(&["log"]);
    assert_eq!(ran.code, 0, "round {round}: {ran:?}");
}

/// The number of temporary files that killed runs left. No other program reads files of these names.
fn temporary_files(folder: &Folder, kept: &[&str]) -> usize {
    let names = fs::read_dir(folder.root()).expect("a folder").flatten().map(|entry| entry.file_name());
    let others = names.filter(|name| !kept.iter().any(|kept| name == kept));
    others.inspect(|name| assert!(name.to_string_lossy().starts_with(".flagkit-write-"), "{name:?}")).count()
}

/// Returns when to kill the run of this round. `new` earlier rounds were killed after the write.
///
/// A run takes longer on a busy machine than at the measurement, or the reverse. So rounds are added until some kills
/// come before the write and some after it.
fn delay(whole: Duration, round: u32, rounds: u32, new: u32) -> Duration {
    match round.checked_sub(rounds) {
        None => whole * round / rounds,
        Some(added) if new == 0 => whole * (added + 2),
        Some(_) => Duration::ZERO,
    }
}

#[test]
fn a_kill_of_go_loses_nothing() {
    let folder = Folder::with("flags.toml", OFF);
    let ten = at("10%");
    let run = || {
        let mut terminal = folder.terminal(&["go", "pay", "--to", "10"]);
        // Typed ahead, so that the run does not wait at its prompt, and the kill may come at any point.
        terminal.answer("pay");
        terminal
    };
    let mut whole = Duration::ZERO;
    for _ in 0..3 {
        let begin = Instant::now();
        assert_eq!(run().end().0, 0);
        whole = whole.max(begin.elapsed());
        assert_eq!(folder.read("flags.toml"), ten);
        check_next_run(&folder, 0);
    }
    let mut new = 0;
    let mut round = 0;
    while round < ROUNDS || !(1..round).contains(&new) {
        let before = log(&folder).0.len();
        let mut terminal = run();
        // Not a wait for a condition: the kills are spread over the duration of the run.
        thread::sleep(delay(whole, round, ROUNDS, new));
        terminal.kill_nine();
        new += u32::from(check_state(&folder, [OFF, &ten], before, round));
        check_next_run(&folder, round);
        round += 1;
    }
    println!(
        "go: killed {round} times, {new} times after the write, {} temporary files",
        temporary_files(&folder, &["flags.toml", ".flagkit"])
    );
}

#[test]
fn a_kill_of_revert_loses_nothing() {
    let folder = Folder::with("flags.toml", &at("50%"));
    let (half, ten) = (at("50%"), at("10%"));
    let mut whole = Duration::ZERO;
    for _ in 0..3 {
        folder.write("flags.toml", &half);
        let begin = Instant::now();
        assert_eq!(folder.run(&["revert", "pay", "--to", "10"]).code, 0);
        whole = whole.max(begin.elapsed());
    }
    let mut new = 0;
    let mut round = 0;
    while round < ROUNDS || !(1..round).contains(&new) {
        folder.write("flags.toml", &half);
        let before = log(&folder).0.len();
        let mut child = folder.command(&["revert", "pay", "--to", "10"]).spawn().expect("it starts");
        // Not a wait for a condition: the kills are spread over the duration of the run.
        thread::sleep(delay(whole, round, ROUNDS, new));
        let _ = child.kill();
        child.wait().expect("it ends");
        new += u32::from(check_state(&folder, [&half, &ten], before, round));
        check_next_run(&folder, round);
        round += 1;
    }
    println!(
        "revert: killed {round} times, {new} times after the write, {} temporary files",
        temporary_files(&folder, &["flags.toml", ".flagkit"])
    );
}

#[test]
fn a_kill_of_a_write_in_place_loses_nothing() {
    const ROUNDS: u32 = 100;
    // A second link makes the command write in place. The text is long, so that the write takes a while.
    let text = |state: &str| {
        let long = "# all of the flags, and why they are as they are\n".repeat(1_000);
        format!("[flags]\npay = {state}\n{long}other = false\n")
    };
    let (on, off) = (text("\"50%\""), text("false"));
    let folder = Folder::with("flags.toml", &on);
    fs::hard_link(folder.path("flags.toml"), folder.path("second.toml")).expect("a link");
    let mut whole = Duration::ZERO;
    for _ in 0..3 {
        folder.write("flags.toml", &on);
        let begin = Instant::now();
        assert_eq!(folder.run(&["revert", "pay"]).code, 0);
        whole = whole.max(begin.elapsed());
    }
    let (mut new, mut torn) = (0, 0);
    let mut round = 0;
    while round < ROUNDS || !(1..round).contains(&new) {
        folder.write("flags.toml", &on);
        let before = log(&folder).0.len();
        let mut child = folder.command(&["revert", "pay"]).spawn().expect("it starts");
        // Not a wait for a condition: the kills are spread over the duration of the run.
        thread::sleep(delay(whole, round, ROUNDS, new));
        let _ = child.kill();
        child.wait().expect("it ends");
        torn += u32::from(![&on, &off].contains(&&folder.read("flags.toml")));
        // Any next run completes the write.
        assert_eq!(folder.run(&["log"]).code, 0);
        let is_new = check_state(&folder, [&on, &off], before, round);
        new += u32::from(is_new);
        assert_eq!(folder.read("second.toml"), folder.read("flags.toml"), "round {round}");
        temporary_files(&folder, &["flags.toml", "second.toml", ".flagkit"]);
        round += 1;
    }
    println!("in place: killed {round} times, {new} times after the write, {torn} times within it");
}
