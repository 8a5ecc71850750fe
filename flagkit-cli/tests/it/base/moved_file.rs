//! A flag file that has another path at the base.

use std::fs;

use super::{GATE, OFF, ON, commit, expect_change, go, repository};

#[test]
fn its_old_path_is_the_base() {
    let gated = OFF.to_owned() + GATE;
    let folder = repository(&[("config/flags.toml", &gated), ("config/flags.prod.toml", "[flags]\ny = \"1%\"\n")]);
    for name in ["flags.toml", "flags.prod.toml"] {
        fs::rename(folder.path(&format!("config/{name}")), folder.path(name)).expect("moved");
    }
    commit(&folder);
    expect_change(&folder, 0, &["warning [base] compared with config/flags.toml at HEAD~1, which was moved here"]);
    // Without the gate of the old file, one step leads to 100%.
    folder.git(&["reset", "-q", "--soft", "HEAD~1"]);
    folder.write("flags.toml", OFF);
    go(&folder, &["x"]);
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x", "lacks a step of the ramp", "error [gate-weakened]"]);
}

#[test]
fn another_name() {
    let folder = repository(&[("features.toml", OFF), ("Cargo.toml", "[package]\nname = \"shop\"\n")]);
    fs::remove_file(folder.path("Cargo.toml")).expect("a file");
    fs::rename(folder.path("features.toml"), folder.path("flags.toml")).expect("moved");
    commit(&folder);
    expect_change(&folder, 0, &["compared with features.toml"]);
    folder.write("flags.toml", ON);
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x"]);
}

#[test]
fn another_extension() {
    for old in ["flags.conf", "flags", "flags.TOML", "config/flags.txt"] {
        let folder = repository(&[(old, &(OFF.to_owned() + GATE)), ("notes.txt", "flags are nice\n")]);
        for name in [old, "notes.txt"] {
            fs::remove_file(folder.path(name)).expect("a file");
        }
        folder.write("flags.toml", OFF);
        go(&folder, &["x"]);
        commit(&folder);
        let shows = [&format!("compared with {old}"), "error [widens] x", "lacks a step of the ramp"];
        expect_change(&folder, 1, &shows);
    }
}

#[test]
fn more_than_one_old_path() {
    let folder = repository(&[("a/flags.toml", OFF), ("b/flags.toml", ON)]);
    fs::remove_file(folder.path("a/flags.toml")).expect("a file");
    fs::rename(folder.path("b/flags.toml"), folder.path("flags.toml")).expect("moved");
    commit(&folder);
    let which = "error [base] did not exist at HEAD~1, and may be one of a/flags.toml, b/flags.toml";
    expect_change(&folder, 1, &[which, "error [widens] x"]);
}

#[test]
fn a_new_file() {
    let folder = repository(&[("README", "no flags yet\n")]);
    folder.write("flags.toml", OFF);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors, 0 warnings"]);
    folder.write("flags.toml", ON);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-q", "--amend", "--no-edit"]);
    expect_change(&folder, 1, &["error [widens] x"]);
}
