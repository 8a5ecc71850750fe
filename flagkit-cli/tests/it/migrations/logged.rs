//! `check --base` of steps that the log has.

use super::{FULL, MIGRATION, commit, expect};
use crate::support::Folder;

const BASE: [&str; 3] = ["check", "--base", "HEAD"];

/// A committed migration at a stage. Its gate has no instance that can be observed.
fn gated(stage: &str) -> Folder {
    let text = format!("{MIGRATION}stage = \"{stage}\"\ngate = \"data\"\n[gate.data]\ninstances = []\ncompared = 0\n");
    let folder = Folder::with("flags.toml", &text);
    folder.write("src/main.rs", FULL);
    folder.git(&["init", "-q"]);
    commit(&folder);
    folder
}

/// Takes a step forward at a terminal.
#[track_caller]
fn step(folder: &Folder, arguments: &[&str]) {
    let mut terminal = folder.terminal(&[&["migrate", "split-name"], arguments].concat());
    terminal.wait_for("Type split-name to advance it to ");
    terminal.answer("split-name");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{arguments:?}: {screen}");
}

fn edit(folder: &Folder, from: &str, to: &str) {
    let text = folder.read("flags.toml");
    assert!(text.contains(from), "{text}");
    folder.write("flags.toml", &text.replacen(from, to, 1));
}

#[test]
fn a_logged_step_passes() {
    let folder = gated("off");
    step(&folder, &["advance"]);
    expect(&folder, &BASE, 0, &["0 errors"]);
    commit(&folder);
    // The entry is the one of another change now.
    edit(&folder, "dual-write", "shadow");
    expect(&folder, &BASE, 1, &["[widens]", "without an entry `advance` in the log"]);
    edit(&folder, "shadow", "live");
    expect(&folder, &BASE, 1, &["[stage-skipped]"]);
}

#[test]
fn several_logged_steps_pass_in_one_change() {
    let folder = gated("shadow");
    step(&folder, &["advance"]);
    step(&folder, &["advance"]);
    expect(&folder, &BASE, 0, &["0 errors"]);
    assert_eq!(folder.run(&["revert", "split-name"]).code, 0);
    expect(&folder, &BASE, 0, &["0 errors"]);
    // An edit by hand is no step.
    edit(&folder, "\"live\"", "\"ramp-down\"");
    expect(&folder, &BASE, 1, &["[stage-skipped]"]);
}

#[test]
fn a_step_counts_for_its_definition_and_gate_only() {
    let folder = gated("shadow");
    step(&folder, &["advance"]);
    edit(&folder, "stage =", "partition = \"tenant\"\nstage =");
    expect(&folder, &BASE, 1, &["[widens]", "its `advance` lacks the current definition of the migration"]);
    let folder = gated("shadow");
    edit(&folder, "compared = 0", "compared = 5");
    step(&folder, &["advance"]);
    expect(&folder, &BASE, 1, &["[widens]", "its `advance` lacks the same gate"]);
}

#[test]
fn the_last_step_needs_its_certificate() {
    let folder = gated("ramp-down");
    step(&folder, &["advance"]);
    step(&folder, &["contract"]);
    expect(&folder, &BASE, 0, &["0 errors"]);
    commit(&folder);
    folder.write("flags.toml", "[flags]\n[gate.data]\ninstances = []\ncompared = 0\n");
    folder.write("src/main.rs", "fn main() {}\n");
    expect(&folder, &BASE, 0, &["0 errors"]);
}

#[test]
fn a_return_to_stale_data_needs_its_entry() {
    let folder = gated("complete");
    edit(&folder, "complete", "ramp-down");
    expect(&folder, &BASE, 1, &["[stale-data] split-name went back from complete to ramp-down"]);
    edit(&folder, "ramp-down", "complete");
    expect(&folder, &["revert", "split-name", "--accept-stale-data"], 0, &[]);
    expect(&folder, &BASE, 0, &["0 errors"]);
}

#[test]
fn the_entry_must_be_of_the_same_file() {
    let folder = gated("off");
    edit(&folder, "stage = \"off\"\n", "");
    folder.write("flags.prod.toml", "[flags.split-name]\nstage = \"shadow\"\n");
    folder.write("flags.dev.toml", "[flags.split-name]\nstage = \"shadow\"\n");
    commit(&folder);
    step(&folder, &["advance", "--env", "prod"]);
    expect(&folder, &BASE, 0, &["0 errors"]);
    folder.write("flags.dev.toml", "[flags.split-name]\nstage = \"live\"\n");
    expect(&folder, &BASE, 1, &["flags.dev.toml:1:8: error [widens]", "advance --env dev"]);
}
