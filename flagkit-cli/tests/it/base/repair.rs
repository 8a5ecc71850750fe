//! A base that programs cannot read: the change that repairs it passes, and passes nothing else.

use super::{GATE, OFF, ON, commit, edit, expect, expect_change, go, repository};

const DUPLICATE: &str = "[flags]\nx = \"10%\"\ny = true\nnew = false\nnew = false\n";
const REPAIRED: &str = "[flags]\nx = \"10%\"\ny = true\n[flags.new]\nallow = { unused = \"later\" }\n";

#[test]
fn two_merged_changes_make_a_duplicate_key() {
    // `y` was on before there was a log.
    let folder = repository(&[("flags.toml", "[flags]\nx = false\ny = true\n")]);
    go(&folder, &["x", "--to", "10"]);
    folder.write("flags.toml", DUPLICATE);
    commit(&folder);
    folder.write("flags.toml", REPAIRED);
    commit(&folder);
    let reason = "got the name \"new\" a second time";
    expect_change(
        &folder,
        0,
        &["warning [base] cannot read the flags at HEAD~1", reason, "compared with ", " instead"],
    );
    for (from, to, flag) in [("10%", "11%", "x"), ("allow =", "on = true\nallow =", "new")] {
        folder.write("flags.toml", REPAIRED);
        edit(&folder, "flags.toml", from, to);
        expect(&folder, &["check", "--base", "HEAD~1"], 1, &[&format!("error [widens] {flag}")]);
    }
}

#[test]
fn a_flag_that_was_turned_on_by_hand_stays_a_finding() {
    let folder = repository(&[("flags.toml", OFF)]);
    folder.write("flags.toml", "[flags]\nx = true\nx = true\ny = false\n");
    commit(&folder);
    folder.write("flags.toml", ON);
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x", "without a `go`"]);
}

#[test]
fn several_commits_cannot_be_read() {
    let folder = repository(&[("flags.toml", OFF)]);
    go(&folder, &["x"]);
    commit(&folder);
    for text in ["[flags]\nx = = 1\n", "[flags\n", "\u{1}"] {
        folder.write("flags.toml", text);
        commit(&folder);
    }
    folder.write("flags.toml", ON);
    commit(&folder);
    expect_change(&folder, 0, &["warning [base]"]);
    folder.write("flags.toml", "[flags]\nx = true\ny = true\n");
    expect(&folder, &["check", "--base", "HEAD~1"], 1, &["error [widens] y", "1 error"]);
}

#[test]
fn the_gates_of_the_last_readable_commit_decide() {
    let folder = repository(&[("flags.toml", &(OFF.to_owned() + GATE))]);
    folder.write("flags.toml", &(OFF.to_owned() + "[defaults]\ngate = \"gone\"\n"));
    commit(&folder);
    folder.write("flags.toml", OFF);
    go(&folder, &["x"]);
    commit(&folder);
    let lacks = "lacks a step of the ramp from off";
    expect_change(&folder, 1, &["warning [base]", "invalid gates", "error [widens] x", lacks, "error [gate-weakened]"]);
}

#[test]
fn one_invalid_flag() {
    let folder = repository(&[("flags.toml", OFF)]);
    go(&folder, &["x", "--to", "20"]);
    assert_eq!(folder.run(&["revert", "x", "--to", "10"]).code, 0);
    folder.write("flags.toml", "[flags]\ny = false\n[flags.x]\non = true\nrollout = 500\n");
    commit(&folder);
    folder.write("flags.toml", "[flags]\nx = \"10%\"\ny = false\n");
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
    folder.write("flags.toml", "[flags]\nx = \"11%\"\ny = false\n");
    expect(&folder, &["check", "--base", "HEAD~1"], 1, &["error [widens] x"]);
}

#[test]
fn an_old_go_covers_no_invalid_flag_that_was_off_before() {
    for invalid in ["on = true\nrollout = 500\n", "on = false\nrules = [{ segment = \"gone\" }]\n"] {
        let folder = repository(&[("flags.toml", OFF)]);
        go(&folder, &["x"]);
        commit(&folder);
        folder.write("flags.toml", OFF);
        commit(&folder);
        for _ in 0..2 {
            folder.write("flags.toml", &format!("[flags]\ny = false\n[flags.x]\n{invalid}"));
            commit(&folder);
        }
        folder.write("flags.toml", ON);
        commit(&folder);
        expect_change(&folder, 1, &["error [widens] x", "without a `go`"]);
        // A newer `go` starts from the state before.
        folder.write("flags.toml", OFF);
        go(&folder, &["x"]);
        expect_change(&folder, 0, &["0 errors"]);
    }
}

#[test]
fn a_repair_returns_to_the_last_valid_state() {
    let folder = repository(&[("flags.toml", OFF)]);
    go(&folder, &["x", "--to", "10"]);
    commit(&folder);
    let valid = folder.read("flags.toml");
    folder.write("flags.toml", "[flags]\ny = false\n[flags.x]\nrollout = 500\n");
    commit(&folder);
    folder.write("flags.toml", &valid);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
    assert_eq!(folder.run(&["revert", "x", "--to", "5"]).code, 0);
    expect_change(&folder, 0, &["0 errors"]);
    folder.write("flags.toml", &valid);
    expect_change(&folder, 1, &["error [widens] x"]);
}

#[test]
fn an_old_go_covers_no_new_flag_of_that_name() {
    let folder = repository(&[("flags.toml", OFF)]);
    go(&folder, &["x"]);
    commit(&folder);
    folder.write("flags.toml", "[flags]\ny = false\n");
    commit(&folder);
    folder.write("flags.toml", ON);
    commit(&folder);
    expect_change(&folder, 1, &["error [widens] x", "without a `go`"]);
}

#[test]
fn an_environment_that_cannot_be_read() {
    let folder = repository(&[("flags.toml", ON), ("flags.prod.toml", "[flags]\nx = false\n")]);
    folder.write("flags.prod.toml", "[flags]\nx = false\nx = false\n");
    commit(&folder);
    folder.write("flags.prod.toml", "[flags]\n");
    commit(&folder);
    expect_change(&folder, 1, &["warning [base]", "flags.prod.toml: got", "error [widens] x"]);
    folder.write("flags.prod.toml", "[flags]\nx = false\n");
    expect(&folder, &["check", "--base", "HEAD~1"], 0, &["warning [base]"]);
}
