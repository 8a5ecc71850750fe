//! A `go` covers the file that it named, and no environment with a state of its own.

use std::fs;

use super::{OFF, commit, expect, expect_change, go, repository};
use crate::support::Folder;

const OFF_IN_PROD: &str = "[flags]\nx = false\n";

/// A repository with a state of its own in production, and a `go` in the declaration.
fn gone(prod: &str) -> Folder {
    let folder = repository(&[("flags.toml", OFF), ("flags.prod.toml", prod)]);
    go(&folder, &["x"]);
    folder
}

#[test]
fn an_entry_that_is_dropped() {
    let folder = gone(OFF_IN_PROD);
    folder.write("flags.prod.toml", "[flags]\n");
    commit(&folder);
    let help = "widen the flag with `flagkit go x --env prod`";
    expect_change(&folder, 1, &["error [widens] x", "without a `go` in flags.prod.toml", help]);
    let folder = gone("[flags]\nx = \"1%\"\n");
    folder.write("flags.prod.toml", "[flags]\n");
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x", "without a `go` in flags.prod.toml"]);
    let folder = gone(OFF_IN_PROD);
    folder.write("flags.prod.toml", "[flags]\nx = true\n");
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x", "without a `go` in flags.prod.toml"]);
}

#[test]
fn a_file_that_is_dropped_or_renamed() {
    let folder = gone(OFF_IN_PROD);
    folder.remove("flags.prod.toml");
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x", "without a `go` in flags.prod.toml"]);
    for text in [OFF_IN_PROD, "[flags]\n"] {
        let folder = gone(OFF_IN_PROD);
        fs::rename(folder.path("flags.prod.toml"), folder.path("flags.live.toml")).expect("renamed");
        folder.write("flags.live.toml", text);
        commit(&folder);
        expect_change(&folder, 1, &["error [widens] x", "without a `go` in flags.prod.toml"]);
    }
}

#[test]
fn a_go_in_each_file_covers_each_file() {
    let folder = gone(OFF_IN_PROD);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
    go(&folder, &["x", "--env", "prod", "--to", "10"]);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
    // 10% are approved in production, and 100% show through.
    folder.write("flags.prod.toml", "[flags]\n");
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x", "without a `go` in flags.prod.toml"]);
}

#[test]
fn an_environment_without_a_state_of_its_own_follows_the_declaration() {
    let folder = repository(&[("flags.toml", OFF), ("flags.prod.toml", "[flags]\ny = false\n")]);
    go(&folder, &["x", "--to", "10"]);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
    folder.write("flags.prod.toml", "[flags]\ny = false\nx = \"10%\"\n");
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-q", "--amend", "--no-edit"]);
    expect_change(&folder, 1, &["error [widens] x", "without a `go` in flags.prod.toml"]);
}

#[test]
fn a_flag_that_requires_the_flag() {
    let flags = "[flags]\nx = false\n[flags.y]\non = true\nrequires = [\"x\"]\n";
    let folder = repository(&[("flags.toml", flags), ("flags.prod.toml", OFF_IN_PROD)]);
    go(&folder, &["x"]);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
    folder.write("flags.prod.toml", "[flags]\n");
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-q", "--amend", "--no-edit"]);
    expect_change(&folder, 1, &["error [widens] x", "error [widens] y"]);
}

#[test]
fn three_layers_and_another_format() {
    let files = [
        ("flags.toml", OFF),
        ("flags.prod.json", "{\"flags\": {\"x\": false}}\n"),
        ("flags.prod.eu.toml", "[flags]\n"),
    ];
    let folder = repository(&files);
    go(&folder, &["x"]);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
    go(&folder, &["x", "--env", "prod", "--to", "10"]);
    commit(&folder);
    // `prod.eu` has no state of its own, so the `go` for `prod` covers it.
    expect_change(&folder, 0, &["0 errors"]);
    folder.write("flags.prod.eu.toml", "[flags]\nx = \"10%\"\n");
    expect(&folder, &["check", "--base", "HEAD~1"], 1, &["error [widens] x", "without a `go` in flags.prod.eu.toml"]);
    folder.write("flags.prod.eu.toml", "[flags]\n");
    folder.remove("flags.prod.json");
    commit(&folder);
    let help = "flagkit go x --env prod`";
    expect_change(&folder, 1, &["error [widens] x", "without a `go` in flags.prod.toml", help, "1 error"]);
}

#[test]
fn an_entry_that_inherits_its_state_follows_the_declaration() {
    let rules = "[flags.x]\ninherit = true\n[[flags.x.rules]]\nsubjects = [\"u1\"]\nrollout = 0\n";
    let folder = repository(&[("flags.toml", OFF), ("flags.prod.toml", rules)]);
    go(&folder, &["x", "--to", "10"]);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
    let folder = repository(&[("flags.toml", OFF), ("flags.prod.toml", "[flags.x]\ninherit = true\nrollout = 5\n")]);
    go(&folder, &["x", "--to", "10"]);
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x", "without a `go` in flags.prod.toml"]);
}
