//! Steps of migrations under a gate that requires signatures.

use flagkit_core::source::Stage;
use flagkit_sources::{Builder, File};

use super::team::Team;

const FLAGS: &str = "\
[flags.pay]
kind = \"migration\"
stage = \"off\"
gate = \"data\"

[gate.data]
instances = []
drain = \"0s\"
confirm = \"signed\"
humans = 2
";

#[track_caller]
fn step(team: &Team, key: &str) -> (i32, String) {
    let mut terminal = team.terminal(Some(key), &["migrate", "pay", "advance"]);
    terminal.wait_for("Type pay to advance it to ");
    terminal.answer("pay");
    terminal.end()
}

/// The stage that a program which requires approvals has from its start.
fn stage(team: &Team) -> Option<Stage> {
    let builder = Builder::new().quiet().source(File::new(team.folder.path("flags.toml")));
    let builder = builder.require_approvals(team.folder.read(".flagkit/approvers"), "default");
    let guard = builder.start().expect("it starts");
    guard.flags().snapshot().flag("pay")?.stage()
}

#[test]
fn two_people_advance_a_migration() {
    let team = Team::new(FLAGS);
    let (code, screen) = step(&team, "alice");
    assert_eq!(code, 5, "{screen}");
    assert!(screen.contains("another person runs: flagkit migrate pay advance --to dual-write\n"), "{screen}");
    assert_eq!(team.flags(), FLAGS);
    let (code, screen) = team.terminal(Some("alice"), &["migrate", "pay", "advance"]).end();
    assert!(code == 6 && screen.contains("cannot approve again"), "{code}: {screen}");
    let (code, screen) = step(&team, "bob");
    assert_eq!(code, 0, "{screen}");
    assert_eq!(team.flags().matches("\nto = \"dual-write\"\n").count(), 2, "{}", team.flags());
    assert_eq!(stage(&team), Some(Stage::DualWrite));
    let entries = team.folder.entries();
    let entry = entries.iter().find(|entry| entry["verb"] == "advance").expect("a step");
    assert_eq!(entry["approved"].as_array().expect("people").len(), 2, "{entry}");
    assert_eq!(team.folder.run(&["log", "--verify"]).code, 0);

    // A step back needs no one.
    let ran = team.folder.run(&["migrate", "pay", "back"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(stage(&team), Some(Stage::Off));
}

#[test]
fn a_step_can_be_requested_and_cancelled() {
    let team = Team::new(FLAGS);
    let ran = team.run(None, &["request", "pay"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(
        ran.out.contains("2 people must approve it within 24h: flagkit migrate pay advance --to dual-write\n"),
        "{ran:?}"
    );
    let ran = team.run(None, &["no", "pay", "--reason", "later"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(team.folder.run(&["log", "--verify"]).code, 0);
    assert_eq!(team.flags(), FLAGS);
    assert_eq!(step(&team, "bob").0, 5);
    assert_eq!(step(&team, "alice").0, 0);
}
