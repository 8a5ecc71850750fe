//! An undo of a signed release keeps a state that programs accept.

use flagkit_core::Context;
use flagkit_sources::{Builder, File};

use super::team::{ONE, Team};
use crate::support::wait_until;

/// Declines the review. Returns the text of the flags.
#[track_caller]
fn decline(team: &Team, arguments: &[&str]) -> String {
    let mut terminal = team.terminal(Some("alice"), &[&["go", "pay"], arguments].concat());
    terminal.wait_for("Type pay to let it be seen: ");
    terminal.answer("pay");
    terminal.wait_for("Type yes to keep it: ");
    terminal.answer("no");
    let (code, screen) = terminal.end();
    assert_eq!(code, 4, "{screen}");
    team.flags()
}

#[test]
fn a_declined_review_restores_a_covered_state() {
    let flags = ONE.to_owned() + "look = [\"http://shop.example/\"]\n";
    let team = Team::new(&flags);
    assert_eq!(decline(&team, &[]), flags, "byte for byte");
    let mut terminal = team.terminal(Some("alice"), &["go", "pay", "--to", "50"]);
    terminal.wait_for("to let it be seen: ");
    terminal.answer("pay");
    terminal.wait_for("Type yes to keep it: ");
    terminal.answer("yes");
    assert_eq!(terminal.end().0, 0);
    let serial =
        |text: &str| text.split_once("serial = ").expect("an approval").1.lines().next().expect("a line").to_owned();
    let before = serial(&team.flags());
    // A program that loaded the newer approvals refuses the older ones, so the newer ones stay.
    let text = decline(&team, &["--to", "100"]);
    assert!(text.contains("rollout = 50") && text.contains("\nto = \"on\"\n"), "{text}");
    assert_ne!(serial(&text), before);
    assert_eq!(team.folder.run(&["log", "--verify"]).code, 0);
}

/// An edit of the definition voids the approvals, so people approve the same state again.
#[test]
fn a_changed_definition_is_approved_again() {
    let team = Team::new(ONE);
    assert_eq!(team.go("alice", &[]).0, 0);
    let (code, screen) = team.terminal(Some("alice"), &["go", "pay"]).end();
    assert!(code == 0 && screen.contains("pay is already on"), "{screen}");
    let edited = team.flags().replace("gate = \"people\"\n[[", "gate = \"people\"\nsalt = \"x\"\n[[");
    team.folder.write("flags.toml", &edited);
    assert!(!team.is_live("flags.toml", None));
    let (code, screen) = team.go("bob", &[]);
    assert!(code == 0 && screen.contains("The approvals are for its present definition."), "{code}: {screen}");
    assert!(team.is_live("flags.toml", None), "{}", team.flags());
    let text = team.flags();
    assert_eq!(text.matches("[[flags.pay.approval]]").count(), 1, "{text}");
}

#[test]
fn a_declined_review_of_the_same_state_removes_the_approvals() {
    let flags = ONE.replace("on = false", "on = true") + "look = [\"http://shop.example/\"]\n";
    let team = Team::new(&flags);
    assert!(!team.is_live("flags.toml", None));
    assert_eq!(decline(&team, &[]), flags);
    assert!(!team.is_live("flags.toml", None));
}

#[test]
fn a_running_program_follows_releases_and_refuses_older_ones() {
    let team = Team::new(&(ONE.to_owned() + "look = [\"http://shop.example/\"]\n"));
    let builder = Builder::new().quiet().source(File::new(team.folder.path("flags.toml")));
    let guard =
        builder.require_approvals(team.folder.read(".flagkit/approvers"), "default").start().expect("it starts");
    let rollout = || {
        guard
            .flags()
            .snapshot()
            .flag("pay")
            .map_or(0, |flag| if flag.is_enabled() { flag.rollout().millionths() } else { 0 })
    };
    let is_on = |id: &str| guard.flags().is_on("pay", &Context::new(id));
    let keep = |to: &str| {
        let mut terminal = team.terminal(Some("alice"), &["go", "pay", "--to", to]);
        terminal.wait_for("to let it be seen: ");
        terminal.answer("pay");
        terminal.wait_for("Type yes to keep it: ");
        terminal.answer("yes");
        let (code, screen) = terminal.end();
        assert_eq!(code, 0, "{screen}");
    };
    let wait = |state: &str, expected: bool| {
        let ids: Vec<String> = (0..200).map(|id| format!("u{id}")).collect();
        let on = || ids.iter().filter(|id| is_on(id)).count();
        wait_until(state, || if expected { on() > 0 } else { on() == 0 });
    };
    keep("50");
    wait("50% is live", true);
    let half = team.flags();
    // The program loads 100%, and then the undo of it.
    let mut terminal = team.terminal(Some("alice"), &["go", "pay", "--to", "100"]);
    terminal.wait_for("to let it be seen: ");
    terminal.answer("pay");
    terminal.wait_for("Type yes to keep it: ");
    wait_until("100% is live", || rollout() == 100_000_000);
    terminal.answer("no");
    assert_eq!(terminal.end().0, 4);
    wait_until("50% again", || rollout() == 50_000_000);
    wait("50% is live again", true);
    // The older approvals of the same state are a replay.
    team.folder.write("flags.toml", &half);
    wait("a replay is dark", false);
    assert_eq!(team.folder.run(&["revert", "pay"]).code, 0);
    wait("off", false);
    keep("100");
    wait("a new release is live", true);
}
