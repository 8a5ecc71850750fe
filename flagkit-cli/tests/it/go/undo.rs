//! The undo after the write: only a `yes` keeps the change, and an undo never widens.

use std::process::Command;

use crate::support::{Folder, Reply, Server, Terminal, wait_until};

const FLAGS: &str = "# kept\n[flags.pay] # by card\non = true\nrollout = 10\n\n[defaults]\ngate = \"standard\"\n";

/// A `go` to 50% that waits for the end of its review.
fn at_the_review(server: &Server) -> (Folder, Terminal, String) {
    let gate = format!(
        "[gate.standard]\nchecks = [\"home\"]\nlook = [\"{url}\"]\n[check.home]\nurl = \"{url}\"\n",
        url = server.url()
    );
    let text = FLAGS.to_owned() + &gate;
    let folder = Folder::with("flags.toml", &text);
    let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
    terminal.wait_for("to let it be seen: ");
    terminal.answer("pay");
    terminal.wait_for("to keep it: ");
    assert_eq!(folder.read("flags.toml"), text.replace("rollout = 10", "rollout = 50"));
    (folder, terminal, text)
}

fn states(folder: &Folder) -> Vec<String> {
    let state = |entry: &serde_json::Value| entry["to"].as_str().expect("a state").to_owned();
    folder.entries().iter().map(state).collect()
}

#[test]
fn ctrl_c_undoes_the_change() {
    let (folder, mut terminal, text) = at_the_review(&Server::new(Reply::ok("Welcome")));
    terminal.press(3);
    let (code, shown) = terminal.end();
    assert_eq!(code, 4, "{shown}");
    assert!(shown.contains("interrupted: pay is 10% again"), "{shown}");
    assert_eq!(folder.read("flags.toml"), text, "byte for byte");
    assert_eq!(states(&folder), ["50%", "10%"]);
}

#[test]
fn a_closed_terminal_and_a_signal_undo_the_change() {
    for signal in ["HUP", "TERM"] {
        let (folder, terminal, text) = at_the_review(&Server::new(Reply::ok("Welcome")));
        let killed = Command::new("kill").args(["-s", signal, &terminal.id()]).status().expect("kill runs");
        assert!(killed.success());
        assert_eq!(terminal.end().0, 4, "{signal}");
        assert_eq!(folder.read("flags.toml"), text, "{signal}");
        assert_eq!(states(&folder), ["50%", "10%"], "{signal}");
    }
    let (folder, terminal, text) = at_the_review(&Server::new(Reply::ok("Welcome")));
    // This closes the window of the terminal.
    drop(terminal);
    wait_until("the change is undone", || folder.read("flags.toml") == text && folder.entries().len() == 2);
}

#[test]
fn ctrl_c_during_the_second_checks_undoes_the_change() {
    let server = Server::new(Reply::ok("Welcome"));
    let gate =
        format!("[gate.standard]\nchecks = [\"home\"]\n[check.home]\nurl = \"{}\"\nexpect = {{}}\n", server.url());
    let text = FLAGS.to_owned() + &gate;
    let folder = Folder::with("flags.toml", &text);
    let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
    terminal.wait_for("to let it be seen: ");
    server.set(Reply::Silence);
    terminal.answer("pay");
    terminal.wait_for("running the checks again");
    terminal.press(3);
    let (code, shown) = terminal.end();
    assert_eq!(code, 4, "{shown}");
    assert_eq!(folder.read("flags.toml"), text);
}

#[test]
fn an_undo_never_widens_a_flag_that_was_reverted() {
    for answer in ["no", "yes"] {
        let (folder, mut terminal, text) = at_the_review(&Server::new(Reply::ok("Welcome")));
        assert_eq!(folder.run(&["revert", "pay"]).code, 0);
        terminal.answer(answer);
        let (code, shown) = terminal.end();
        let expected = if answer == "no" { (4, "pay is off again") } else { (7, "got off, expected 50%") };
        assert!(code == expected.0 && shown.contains(expected.1), "{code}: {shown}");
        assert_eq!(folder.read("flags.toml"), text.replace("on = true", "on = false").replace("= 10", "= 50"));
        assert_eq!(states(&folder), ["50%", "off"]);
        assert_eq!(folder.run(&["log", "--verify"]).code, 0);
    }
}

#[test]
fn an_undo_that_fails_is_reported() {
    let (folder, mut terminal, _) = at_the_review(&Server::new(Reply::ok("Welcome")));
    folder.write("flags.toml", "[flags.pay]\non = = true\n");
    terminal.answer("no");
    let (code, shown) = terminal.end();
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("cannot undo the change: pay is still 50%"), "{shown}");
    assert!(shown.contains("`flagkit revert --all` turns off every flag"), "{shown}");
    assert_eq!(folder.run(&["revert", "--all"]).code, 0);
    assert_eq!(folder.read("flags.toml"), "[flags]\npay = false\n");
}

#[test]
fn a_yes_covers_only_the_reviewed_contents() {
    let (folder, mut terminal, _) = at_the_review(&Server::new(Reply::ok("Welcome")));
    folder.write("flags.toml", "[fla");
    terminal.answer("yes");
    let (code, shown) = terminal.end();
    assert!(code == 1 && shown.contains("pay is still 50%, but flags.toml changed and cannot be read"), "{shown}");

    let (folder, mut terminal, text) = at_the_review(&Server::new(Reply::ok("Welcome")));
    let other = text.replace("rollout = 10\n", "rollout = 50\nrules = [{ subjects = [\"u1\"] }]\n");
    folder.write("flags.toml", &other);
    terminal.answer("yes");
    let (code, shown) = terminal.end();
    assert!(code == 7 && shown.contains("its file changed in other ways during the review"), "{shown}");
    assert_eq!(folder.read("flags.toml"), other);
}

#[test]
fn input_from_before_the_review_does_not_confirm_it() {
    let server = Server::new(Reply::ok("Welcome"));
    let gate = format!("[gate.standard]\nlook = [\"{}\"]\n", server.url());
    let folder = Folder::with("flags.toml", &(FLAGS.to_owned() + &gate));
    let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
    terminal.wait_for("to let it be seen: ");
    terminal.answer("pay\nyes");
    terminal.wait_for("to keep it: ");
    terminal.answer("no");
    let (code, shown) = terminal.end();
    assert_eq!(code, 4, "{shown}");
    assert_eq!(states(&folder), ["50%", "10%"]);
}

#[test]
fn a_flag_that_became_invalid_is_restored() {
    let (folder, mut terminal, text) = at_the_review(&Server::new(Reply::ok("Welcome")));
    folder.write("flags.toml", &text.replace("rollout = 10", "rollout = \"a\""));
    terminal.answer("no");
    let (code, shown) = terminal.end();
    assert!(code == 4 && shown.contains("pay is 10% again"), "{shown}");
    assert_eq!(folder.read("flags.toml"), text);
}

#[test]
fn without_a_log_go_writes_nothing_and_revert_still_works() {
    let folder = Folder::with("flags.toml", "[flags]\nplain = \"10%\"\n");
    folder.write(".flagkit/log.jsonl/a-folder", "");
    let mut terminal = folder.terminal(&["go", "plain"]);
    // Typed ahead, because this run may fail before its prompt.
    terminal.answer("plain");
    let (code, shown) = terminal.end();
    assert_eq!(code, 8, "{shown}");
    assert_eq!(folder.read("flags.toml"), "[flags]\nplain = \"10%\"\n");
    let ran = folder.run(&["revert", "plain"]);
    assert_eq!(ran.code, 8, "{ran:?}");
    assert!(ran.err.contains("the flags were changed, but") && ran.err.contains("plain is off"), "{ran:?}");
    assert_eq!(folder.read("flags.toml"), "[flags]\nplain = false\n");
}
