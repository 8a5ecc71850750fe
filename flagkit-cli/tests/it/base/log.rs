//! Entries that were removed from the log.

use std::fs;

use sha2::{Digest as _, Sha256};

use super::{GATE, OFF, ON, clone, commit, expect, expect_change, go, repository};
use crate::support::Folder;

const LOG: &str = ".flagkit/log.jsonl";

/// A repository with a log of `go x`, `go y`, `revert x`, `go x` at its last commit.
fn logged() -> Folder {
    let folder = repository(&[("flags.toml", OFF)]);
    go(&folder, &["x", "--to", "10"]);
    go(&folder, &["y", "--to", "10"]);
    assert_eq!(folder.run(&["revert", "x"]).code, 0);
    go(&folder, &["x", "--to", "20"]);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
    folder
}

fn lines(folder: &Folder) -> Vec<String> {
    folder.read(LOG).split_inclusive('\n').map(str::to_owned).collect()
}

#[test]
fn removed_lines_are_found() {
    let folder = logged();
    let all = lines(&folder);
    for removed in [&[0][..], &[1], &[2], &[3], &[0, 2, 3], &[1, 2, 3], &[0, 1, 2, 3]] {
        let kept = all.iter().enumerate().filter(|(line, _)| !removed.contains(line));
        folder.write(LOG, &kept.map(|(_, text)| text.as_str()).collect::<String>());
        expect(&folder, &["check", "--base", "HEAD"], 1, &["error [log] the log lacks ", "that HEAD has"]);
        expect(&folder, &["log", "--verify"], 1, &["an entry was removed: "]);
    }
    folder.write(LOG, &all.concat());
    let edited = all.concat().replacen("tester", "nobody", 1);
    folder.write(LOG, &edited);
    expect(&folder, &["check", "--base", "HEAD"], 1, &["error [log] the log lacks an entry of x that HEAD has"]);
    fs::remove_file(folder.path(LOG)).expect("a log");
    expect(&folder, &["check", "--base", "HEAD"], 1, &["error [log] the log lacks 3 entries of x that HEAD has"]);
    commit(&folder);
    expect(&folder, &["log", "--verify"], 1, &["an entry was removed: "]);
}

#[test]
fn lines_that_a_branch_adds_and_removes_are_found() {
    let folder = repository(&[("flags.toml", OFF)]);
    folder.git(&["checkout", "-qb", "feature"]);
    go(&folder, &["x"]);
    commit(&folder);
    assert_eq!(folder.run(&["revert", "x"]).code, 0);
    commit(&folder);
    let all = lines(&folder);
    folder.write(LOG, &all[0]);
    folder.write("flags.toml", ON);
    let finding = "error [log] the log lacks an entry of x that a commit since main has";
    expect(&folder, &["check", "--base", "main"], 1, &[finding]);
    commit(&folder);
    expect(&folder, &["check", "--base", "main"], 1, &[finding]);
    folder.write(LOG, &all.concat());
    folder.write("flags.toml", OFF);
    expect(&folder, &["check", "--base", "main"], 0, &["0 errors"]);
    // A commit that the branch no longer contains is no history of it.
    folder.git(&["reset", "-q", "--soft", "main"]);
    fs::remove_file(folder.path(LOG)).expect("a log");
    expect(&folder, &["check", "--base", "main"], 0, &["0 errors"]);
}

#[test]
fn no_repository_is_needed_to_find_them() {
    let folder = Folder::with("flags.toml", OFF);
    go(&folder, &["x", "--to", "10"]);
    go(&folder, &["y", "--to", "10"]);
    go(&folder, &["y", "--to", "20"]);
    expect(&folder, &["log", "--verify"], 0, &["3 entries"]);
    let all = lines(&folder);
    let without_x = [all[1].as_str(), &all[2]].concat();
    folder.write(LOG, &without_x);
    expect(&folder, &["log", "--verify"], 1, &["the previous entry is missing"]);
    // The first entry has the states at the beginning, and `y` was off.
    folder.write(LOG, &all[0]);
    expect(&folder, &["log", "--verify"], 1, &["y is 20% in flags.toml, but no entry released it"]);
    folder.write(LOG, &[all[0].as_str(), &all[2]].concat());
    expect(&folder, &["log", "--verify"], 1, &["y: the previous entry is missing"]);
    folder.write(LOG, &[all[0].as_str(), &all[1]].concat());
    expect(&folder, &["log", "--verify"], 1, &["its last entry says 10%"]);
}

#[test]
fn a_removed_entry_shortens_no_soak() {
    let folder = repository(&[("flags.toml", &(OFF.to_owned() + GATE))]);
    go(&folder, &["x"]);
    commit(&folder);
    fs::remove_file(folder.path(LOG)).expect("a log");
    let why = "cannot verify the last step: an entry was removed from the log";
    expect(&folder, &["go", "x", "--dry-run"], 3, &[why, "flagkit log --verify"]);
    // In a copy without its history, the command cannot know it. The base does.
    let copy = Folder::with("flags.toml", &folder.read("flags.toml"));
    go(&copy, &["x"]);
    folder.write("flags.toml", &copy.read("flags.toml"));
    folder.write(LOG, &copy.read(LOG));
    commit(&folder);
    let lacks = "its `go` in flags.toml lacks a soak of 24h";
    expect_change(&folder, 1, &["error [log] the log lacks an entry of x", "error [widens] x", lacks]);
}

#[test]
fn a_branch_need_not_have_the_newest_entries_of_the_base() {
    let folder = repository(&[("flags.toml", OFF)]);
    folder.git(&["checkout", "-qb", "feature"]);
    go(&folder, &["y", "--to", "10"]);
    commit(&folder);
    folder.git(&["checkout", "-q", "main"]);
    go(&folder, &["x", "--to", "10"]);
    commit(&folder);
    folder.git(&["checkout", "-q", "feature"]);
    expect(&folder, &["check", "--base", "main"], 0, &["0 errors"]);
    fs::remove_file(folder.path(LOG)).expect("a log");
    expect(&folder, &["check", "--base", "main"], 1, &["error [widens] y"]);
    // Both logs begin with a baseline, and a merge has both.
    folder.git(&["checkout", "-q", "-f", "feature"]);
    folder.write(".gitattributes", "*.jsonl merge=union\n");
    commit(&folder);
    folder.git(&["merge", "-q", "-X", "ours", "main"]);
    assert_eq!(lines(&folder).len(), 2);
    folder.write("flags.toml", "[flags]\nx = \"10%\"\ny = \"10%\"\n");
    expect(&folder, &["check", "--base", "main"], 0, &["0 errors"]);
    expect(&folder, &["log", "--verify"], 0, &["2 entries"]);
    go(&folder, &["x", "--to", "20"]);
    expect(&folder, &["log", "--verify"], 0, &["3 entries"]);
}

#[test]
fn a_shallow_clone_has_less_history() {
    let folder = logged();
    let copy = clone(&folder, &["--depth", "1"]);
    expect(&copy, &["log", "--verify"], 0, &["4 entries"]);
    let all = lines(&copy);
    copy.write(LOG, &all[1..].concat());
    expect(&copy, &["log", "--verify"], 1, &["an entry was removed: "]);
}

/// Returns an entry in the form of older versions, without a gate and a baseline.
fn old_entry(flag: &str, verb: &str, [from, to]: [&str; 2], previous: &str) -> (String, String) {
    let text = |hash: &str| {
        let head =
            format!(r#"{{"flag":"{flag}","verb":"{verb}","who":"tester","when":"2026-01-0{}T00:00:00Z""#, to.len());
        format!(
            r#"{head},"from":"{from}","to":"{to}","file":"flags.toml","digest":"d","previous":"{previous}","hash":"{hash}"}}"#
        )
    };
    let digit = |half: u8| char::from_digit(half.into(), 16).expect("a digit");
    let digest = Sha256::digest(text(""));
    let hash: String = digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    (text(&hash) + "\n", hash)
}

#[test]
fn logs_of_older_versions_stay_valid() {
    let (first, hash) = old_entry("x", "go", ["off", "1%"], "");
    let (second, _) = old_entry("x", "go", ["1%", "10%"], &hash);
    let flags = OFF.replace("x = false", "x = \"10%\"").replace("y = false", "y = true") + GATE;
    let folder = repository(&[("flags.toml", &flags), (LOG, &(first + &second))]);
    expect(&folder, &["log", "--verify"], 0, &["2 entries"]);
    expect(&folder, &["check", "--base", "HEAD"], 0, &["0 errors"]);
    go(&folder, &["x"]);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
    assert_eq!(folder.run(&["revert", "y", "--to", "50"]).code, 0);
    expect(&folder, &["log", "--verify"], 0, &["4 entries"]);
    assert!(folder.entries()[2]["baseline"].is_object() && folder.entries()[3]["baseline"].is_null());
}
