//! `check --base`, `go` and `log --verify` in real repositories.

mod environments;
mod gates;
mod git_failures;
mod links;
mod log;
mod moved_file;
mod nearest;
mod repair;
mod revisions;
mod steps;

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::{Folder, Ran, ended, go};

/// The flags `x` and `y`, both off.
const OFF: &str = "[flags]\nx = false\ny = false\n";
/// `x` is on.
const ON: &str = "[flags]\nx = true\ny = false\n";
/// A gate with a ramp and a soak.
const GATE: &str = "[defaults]\ngate = \"g\"\n[gate.g]\nramp = [1, 10, 50, 100]\nsoak = \"24h\"\n";

/// A repository with these files at its first commit, and with code that reads the flags.
fn repository(files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    folder.write("src/main.rs", "fn main() { flag!(\"x\"); flag!(\"y\"); }\n");
    folder.git(&["init", "-q"]);
    for (name, text) in files {
        folder.write(name, text);
    }
    commit(&folder);
    folder
}

/// Commits all files.
fn commit(folder: &Folder) {
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "a change", "--allow-empty"]);
}

fn link(folder: &Folder, target: &str, name: &str) {
    let _ = std::fs::remove_file(folder.path(name));
    symlink(target, folder.path(name)).expect("a link");
}

/// Replaces a text in a file.
fn edit(folder: &Folder, name: &str, from: &str, to: &str) {
    let text = folder.read(name);
    assert!(text.contains(from), "{text}");
    folder.write(name, &text.replacen(from, to, 1));
}

/// Runs the command. Its exit code and its output must be these.
#[track_caller]
fn expect(folder: &Folder, arguments: &[&str], code: i32, shows: &[&str]) {
    expect_ran(&ended(folder.command(arguments)), code, shows);
}

#[track_caller]
fn expect_ran(ran: &Ran, code: i32, shows: &[&str]) {
    assert_eq!(ran.code, code, "{ran:?}");
    let printed = ran.out.clone() + &ran.err;
    for part in shows {
        assert!(printed.contains(part), "no {part:?} in {printed}");
    }
}

/// Runs `check` against the commit before the last one.
#[track_caller]
fn expect_change(folder: &Folder, code: i32, shows: &[&str]) {
    expect(folder, &["check", "--base", "HEAD~1"], code, shows);
}

/// The output of git.
fn git_output(folder: &Folder, arguments: &[&str]) -> String {
    let output = Command::new("git").current_dir(folder.root()).args(arguments).output().expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Clones the repository into a folder of its own.
fn clone(folder: &Folder, options: &[&str]) -> Folder {
    let copy = Folder::new();
    let url = format!("file://{}", folder.root().display());
    copy.git(&[&["clone", "-q"], options, &[url.as_str(), "."]].concat());
    copy
}
