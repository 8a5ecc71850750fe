//! An undo of a signed release keeps a state that programs accept.

use super::team::{ONE, Team};

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
