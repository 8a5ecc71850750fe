//! A flag file that is nearer than the one of the base, and flag files that are not checked out.

use std::fs;

use super::{OFF, ON, commit, expect, expect_change, expect_ran, repository};
use crate::support::{Folder, ended};

#[track_caller]
fn expect_below(folder: &Folder, code: i32, shows: &[&str]) {
    let mut command = folder.command(&["check", "--base", "HEAD~1"]);
    command.current_dir(folder.path("svc"));
    expect_ran(&ended(command), code, shows);
}

#[test]
fn a_new_file_below_does_not_hide_the_one_above() {
    for (above, code, shows) in [(OFF, 0, "0 errors"), (ON, 1, "../flags.toml:2:1: error [widens] x")] {
        let folder = repository(&[("flags.toml", OFF), ("svc/main.rs", "fn f() { flag!(\"x\"); flag!(\"y\"); }\n")]);
        folder.write("flags.toml", above);
        folder.write("svc/flags.toml", OFF);
        commit(&folder);
        expect_below(&folder, code, &[shows]);
    }
}

#[test]
fn a_removed_file_below_is_not_replaced_by_the_one_above() {
    let code = "fn f() { flag!(\"x\"); flag!(\"y\"); }\n";
    let folder = repository(&[("flags.toml", ON), ("svc/flags.toml", OFF), ("svc/main.rs", code)]);
    fs::remove_file(folder.path("svc/flags.toml")).expect("a file");
    commit(&folder);
    expect_below(&folder, 1, &["error [base] the flag file of this folder at HEAD~1 is gone: svc/flags.toml"]);
    expect_change(&folder, 0, &["0 errors"]);
}

#[test]
fn a_sparse_checkout_hides_no_environment() {
    let folder = repository(&[("flags.toml", OFF), ("flags.prod.toml", OFF)]);
    folder.write("flags.prod.toml", ON);
    commit(&folder);
    folder.git(&["sparse-checkout", "set", "--no-cone", "/*", "!flags.prod.toml"]);
    assert!(!folder.path("flags.prod.toml").exists());
    expect_change(&folder, 1, &["flags.prod.toml: error [base] cannot compare", "a sparse checkout leaves it out"]);
    folder.git(&["sparse-checkout", "disable"]);
    expect(&folder, &["check", "--base", "HEAD"], 0, &["0 errors"]);
}
