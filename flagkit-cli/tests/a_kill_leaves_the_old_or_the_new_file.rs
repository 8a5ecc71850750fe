//! Whenever a run is killed, the flag file is the old one or the new one, and the log claims nothing that did not happen.

mod support;

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use support::Folder;

const OFF: &str = "# kept\n[flags]\na = false # c\n";
const ON: &str = "# kept\n[flags]\na = true # c\n";
const HALF: &str = "# kept\n[flags]\na = \"50%\" # c\n";

/// The entries of a log, of which the last may break off.
fn entries(folder: &Folder) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.path(".flagkit/log.jsonl")).unwrap_or_default();
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn of_revert() {
    let folder = Folder::new(ON);
    // How long a run takes that is left alone.
    let begin = Instant::now();
    assert_eq!(folder.run(&["revert", "a"]).code, 0);
    let whole = begin.elapsed() * 2;
    let (mut old, mut new) = (0, 0);
    for round in 0..400_u32 {
        folder.write("flags.toml", ON);
        let known = entries(&folder).len();
        let mut child =
            folder.command(&["revert", "a"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        // Not a wait for anything: the moment of the kill, spread over the run.
        thread::sleep(whole * round / 400);
        let _ = child.kill();
        child.wait().expect("it ends");
        let text = folder.read("flags.toml");
        let claims = entries(&folder).len() - known;
        match text.as_str() {
            ON => {
                old += 1;
                assert_eq!(claims, 0, "round {round}: the log claims what did not happen");
            }
            OFF => new += 1,
            other => panic!("round {round}: {other:?}"),
        }
    }
    println!("{old} times the old file, {new} times the new one");
    assert!(old > 20 && new > 20, "{old} {new}: the kills are spread");
    assert_eq!(folder.run(&["log"]).code, 0);
    folder.write("flags.toml", ON);
    assert_eq!(folder.run(&["revert", "a", "--to", "50"]).code, 0, "whoever comes next is not hindered");
    assert_eq!(folder.read("flags.toml"), HALF);
}

#[test]
fn of_go() {
    let folder = Folder::new(OFF);
    let (mut old, mut new) = (0, 0);
    for round in 0..100_u32 {
        folder.write("flags.toml", OFF);
        let known = entries(&folder).len();
        let mut terminal = folder.terminal(&["go", "a"]);
        terminal.wait_for("Type a");
        terminal.answer("a");
        thread::sleep(Duration::from_micros(u64::from(round) * 100));
        terminal.kill();
        let claims = entries(&folder).len() - known;
        match folder.read("flags.toml").as_str() {
            OFF => {
                old += 1;
                assert_eq!(claims, 0, "round {round}: the log claims what did not happen");
            }
            ON => new += 1,
            other => panic!("round {round}: {other:?}"),
        }
    }
    println!("{old} times the old file, {new} times the new one");
    assert!(new > 0 && old > 0, "{old} {new}: the kills are spread");
    assert_eq!(folder.run(&["revert", "--all"]).code, 0);
    assert_eq!(folder.read("flags.toml"), OFF);
}
