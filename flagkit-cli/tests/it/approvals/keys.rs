//! The key of a person: where it is found, and when it counts.

use std::fs;
use std::process::Child;

use super::team::{ONE, Team, quiet};
use crate::support::wait_until;

#[test]
fn a_person_without_a_valid_key_is_rejected_before_the_prompt() {
    let team = Team::new(ONE);
    team.rejected("eve", &[], 6, "is not in ./.flagkit/approvers");
    let (code, screen) = team.terminal(None, &["go", "pay"]).end();
    assert_eq!(code, 6, "{screen}");
    for part in ["there is no key", "--key PATH", "FLAGKIT_KEY", "user.signingkey", "gpg.format = ssh"] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    team.rejected("nobody", &[], 6, "cannot read the key");
    team.folder.write(".flagkit/approvers", "# no one\n");
    team.rejected("alice", &[], 6, "flagkit: ./.flagkit/approvers: ");
    team.folder.remove(".flagkit/approvers");
    team.rejected("alice", &[], 6, "there is no list ./.flagkit/approvers");
    let ran = team.run(Some("alice"), &["go", "pay"]);
    assert_eq!(ran.code, 6, "{ran:?}");
    assert_eq!(team.flags(), ONE);
}

#[test]
fn no_pipe_replaces_a_terminal() {
    let team = Team::new(ONE);
    let ran = team.run(Some("alice"), &["go", "pay"]);
    assert!(ran.code == 4 && ran.err.contains("run this at a terminal: flagkit go pay --to 100"), "{ran:?}");
}

#[test]
fn an_expired_key_is_rejected() {
    let team = Team::new(ONE);
    team.folder.write(".flagkit/approvers", &team.line("alice", "valid-before=\"20200101Z\",", "alice"));
    let (code, screen) = team.go("alice", &[]);
    assert!(code == 6 && screen.contains("not valid at the time"), "{code}: {screen}");
    assert_eq!(team.flags(), ONE);
    assert!(team.folder.entries().is_empty() && !team.has_request());
}

#[test]
fn a_key_of_a_file_proves_no_touch() {
    for confirm in ["touch", "touch+pin"] {
        let team = Team::new(&ONE.replace("\"signed\"", &format!("{confirm:?}")));
        let before = team.flags();
        let (code, screen) = team.go("alice", &[]);
        let reason = format!("got a signature that proves \"signed\", expected {confirm:?}");
        assert!(code == 6 && screen.contains(&reason), "{code}: {screen}");
        assert_eq!(team.flags(), before);
    }
}

#[test]
fn the_option_the_variable_and_git_name_a_key() {
    let team = Team::new(ONE);
    let run = |more: &[&str]| {
        let mut terminal = team.terminal(None, &[&["go", "pay"], more].concat());
        terminal.wait_for("Type pay to let it be seen: ");
        terminal.answer("pay");
        let (code, screen) = terminal.end();
        assert_eq!(code, 0, "{screen}");
        assert_eq!(team.folder.run(&["revert", "pay"]).code, 0);
    };
    run(&["--key", &team.key("alice")]);
    team.folder.git(&["init", "-q"]);
    team.folder.git(&["config", "user.signingkey", &team.key("bob")]);
    let (code, screen) = team.terminal(None, &["go", "pay"]).end();
    assert_eq!(code, 6, "without gpg.format = ssh: {screen}");
    team.folder.git(&["config", "gpg.format", "ssh"]);
    run(&[]);
    let by: Vec<_> = team
        .folder
        .entries()
        .iter()
        .filter(|entry| entry["verb"] == "go")
        .map(|entry| entry["approved"][0]["by"].clone())
        .collect();
    assert_eq!(by, ["alice@example.com", "bob@example.com"]);
    team.rejected("eve", &[], 6, "is not in");
}

/// A running agent, which ends with the test.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_key_in_an_agent_signs() {
    let team = Team::new(ONE);
    let socket = team.key("agent.sock");
    let agent = quiet("ssh-agent", team.folder.root()).args(["-D", "-a", &socket]).spawn().expect("an agent");
    let agent = Agent(agent);
    // The socket exists a moment before the agent listens.
    wait_until("the agent has the key", || {
        let mut command = quiet("ssh-add", team.folder.root());
        command.arg(team.key("alice")).env("SSH_AUTH_SOCK", &socket).status().expect("ssh-add runs").success()
    });
    fs::remove_file(team.key("alice")).expect("only the agent has it now");
    let sign = |key: &str| {
        let environment = [("SSH_AUTH_SOCK", socket.as_str())];
        let mut terminal = team.terminal_with(None, &["go", "pay", "--key", key], &environment);
        terminal.wait_for("Type pay to let it be seen: ");
        terminal.answer("pay");
        terminal.end()
    };
    let (code, screen) = sign(&(team.key("alice") + ".pub"));
    assert_eq!(code, 0, "{screen}");
    assert!(team.is_live("flags.toml", None));
    assert_eq!(team.folder.run(&["revert", "pay"]).code, 0);
    // A public key as text in the settings of git.
    team.folder.git(&["init", "-q"]);
    team.folder.git(&["config", "gpg.format", "ssh"]);
    team.folder.git(&["config", "user.signingkey", &format!("key::{}", team.public_key("alice"))]);
    let mut terminal = team.terminal_with(None, &["go", "pay"], &[("SSH_AUTH_SOCK", &socket)]);
    terminal.wait_for("Type pay to let it be seen: ");
    terminal.answer("pay");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert_eq!(team.folder.run(&["revert", "pay"]).code, 0);
    drop(agent);
    let (code, screen) = sign(&(team.key("alice") + ".pub"));
    assert!(code == 6 && screen.contains("cannot sign with the key"), "{code}: {screen}");
    assert_eq!(team.flags(), ONE);
}
