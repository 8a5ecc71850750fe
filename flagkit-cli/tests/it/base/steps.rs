//! Ramp and soak: each step starts from a state that a step released.

use super::{GATE, OFF, commit, edit, expect, expect_change, go, repository};
use crate::support::Folder;

fn gated() -> Folder {
    repository(&[("flags.toml", &(OFF.to_owned() + GATE))])
}

#[track_caller]
fn refuses_to_go(folder: &Folder, arguments: &[&str], shows: &[&str]) {
    expect(folder, &[&["go", "--dry-run"], arguments].concat(), 7, shows);
}

#[test]
fn an_edit_by_hand_is_no_start() {
    let folder = gated();
    edit(&folder, "flags.toml", "x = false", "x = \"50%\"");
    let why = "cannot go on from 50%: no step released it, and the last released state is off";
    refuses_to_go(&folder, &["x"], &[why, "go back with `flagkit revert x`"]);
    folder.write("flags.toml", &(OFF.to_owned() + GATE));
    go(&folder, &["x"]);
    commit(&folder);
    edit(&folder, "flags.toml", "x = \"1%\"", "x = \"50%\"");
    let why = "the last released state is 1%";
    refuses_to_go(&folder, &["x"], &[why, "go back with `flagkit revert x --to 1`"]);
    // A committed edit is none either, and a revert releases nothing.
    commit(&folder);
    refuses_to_go(&folder, &["x"], &[why]);
    assert_eq!(folder.run(&["revert", "x", "--to", "49"]).code, 0);
    refuses_to_go(&folder, &["x"], &[why]);
    assert_eq!(folder.run(&["revert", "x", "--to", "1"]).code, 0);
    refuses_to_go(&folder, &["x"], &["the last step was"]);
}

#[test]
fn the_base_knows_the_start() {
    let folder = gated();
    // Without its gate, `go` takes any step.
    folder.write("flags.toml", "[flags]\nx = \"50%\"\ny = false\n");
    go(&folder, &["x"]);
    folder.write("flags.toml", &("[flags]\nx = true\ny = false\n".to_owned() + GATE));
    commit(&folder);
    let lacks = "its `go` in flags.toml lacks the same gate, a step that released 50%";
    expect_change(&folder, 1, &["error [widens] x", lacks]);
    let why = "x was 50% in flags.toml before a step, but no step released that";
    expect(&folder, &["log", "--verify"], 1, &[why]);
}

#[test]
fn an_environment_starts_from_the_declared_state() {
    let folder = gated();
    go(&folder, &["x"]);
    refuses_to_go(&folder, &["x", "--env", "prod"], &["the last step was"]);
    folder.write("flags.toml", &folder.read("flags.toml").replace("24h", "0s"));
    go(&folder, &["x", "--env", "prod"]);
    expect(&folder, &["log", "--verify"], 0, &["2 entries"]);
    folder.write("flags.prod.toml", "[flags]\nx = \"50%\"\n");
    refuses_to_go(&folder, &["x", "--env", "prod"], &["the last released state is 10%"]);
    expect(&folder, &["log", "--verify"], 1, &["x is 50% in flags.prod.toml"]);
}

#[test]
fn a_state_from_before_the_log_is_a_start() {
    let flags = OFF.replace("x = false", "x = \"10%\"") + GATE;
    let folder = repository(&[("flags.toml", &flags)]);
    go(&folder, &["x"]);
    commit(&folder);
    expect_change(&folder, 0, &["0 errors"]);
    expect(&folder, &["log", "--verify"], 0, &["1 entry"]);
    // The same without a repository, where no commit proves more.
    let folder = Folder::with("flags.toml", &flags);
    go(&folder, &["x"]);
    expect(&folder, &["log", "--verify"], 0, &["1 entry"]);
}

#[test]
fn a_lower_state_by_hand_is_a_start() {
    let folder = gated();
    go(&folder, &["x"]);
    edit(&folder, "flags.toml", "x = \"1%\"", "x = \"0.5%\"");
    commit(&folder);
    refuses_to_go(&folder, &["x"], &["the last step was"]);
}
