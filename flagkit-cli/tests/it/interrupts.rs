//! SIGKILL at any point of `go`, from its start to its end, and of `revert`: 500 rounds.

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

/// The whole lines of the log, which all are entries, and whether another breaks off.
fn log(folder: &Folder) -> (Vec<serde_json::Value>, bool) {
    let text = folder.log();
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    let mut is_torn = whole < text.len();
    let mut entries = Vec::new();
    for line in text[..whole].lines().filter(|line| !line.is_empty()) {
        match serde_json::from_str(line) {
            Ok(entry) => entries.push(entry),
            // Broken off in an earlier round, and kept.
            Err(error) => {
                assert!(error.is_eof(), "{error}: {line}");
                is_torn = true;
            }
        }
    }
    (entries, is_torn)
}

/// What is so after a kill, whenever it came.
fn judge(folder: &Folder, [old, new]: [&str; 2], before: usize, round: u32) -> bool {
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

/// Whoever comes next is not held up.
fn go_on(folder: &Folder, round: u32) {
    let ran = folder.run(&["revert", "pay"]);
    assert_eq!(ran.code, 0, "round {round}: {ran:?}");
    assert_eq!(folder.read("flags.toml"), OFF, "round {round}");
    let ran = folder.run(&["log"]);
    assert_eq!(ran.code, 0, "round {round}: {ran:?}");
}

/// What a killed run may leave behind: parts of what was to be written, under names that nobody reads.
fn left_behind(folder: &Folder) -> usize {
    let names = fs::read_dir(folder.root()).expect("a folder").flatten().map(|entry| entry.file_name());
    let others = names.filter(|name| name != "flags.toml" && name != ".flagkit");
    others.inspect(|name| assert!(name.to_string_lossy().starts_with(".flagkit-write-"), "{name:?}")).count()
}

#[test]
fn of_go() {
    let folder = Folder::with("flags.toml", OFF);
    let ten = at("10%");
    let run = || {
        let mut terminal = folder.terminal(&["go", "pay", "--to", "10"]);
        // Typed ahead: so the run does not wait for its human, and the kill may come at any point.
        terminal.answer("pay");
        terminal
    };
    let mut whole = Duration::ZERO;
    for _ in 0..3 {
        let begin = Instant::now();
        assert_eq!(run().end().0, 0);
        whole = whole.max(begin.elapsed());
        assert_eq!(folder.read("flags.toml"), ten);
        go_on(&folder, 0);
    }
    let mut new = 0;
    for round in 0..ROUNDS {
        let before = log(&folder).0.len();
        let mut terminal = run();
        // Not a wait for anything: the moment of the kill, spread over the life of the run.
        thread::sleep(whole * round / ROUNDS);
        terminal.kill_nine();
        new += u32::from(judge(&folder, [OFF, &ten], before, round));
        go_on(&folder, round);
    }
    println!("go: killed {ROUNDS} times, {new} times after the write, {} left behind", left_behind(&folder));
    assert!((1..ROUNDS).contains(&new), "{new}: the kills are spread over the run");
}

#[test]
fn of_revert() {
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
    for round in 0..ROUNDS {
        folder.write("flags.toml", &half);
        let before = log(&folder).0.len();
        let mut child = folder.command(&["revert", "pay", "--to", "10"]).spawn().expect("it starts");
        // Not a wait for anything: the moment of the kill, spread over the life of the run.
        thread::sleep(whole * round / ROUNDS);
        let _ = child.kill();
        child.wait().expect("it ends");
        new += u32::from(judge(&folder, [&half, &ten], before, round));
        go_on(&folder, round);
    }
    println!("revert: killed {ROUNDS} times, {new} times after the write, {} left behind", left_behind(&folder));
    assert!((1..ROUNDS).contains(&new), "{new}: the kills are spread over the run");
}
