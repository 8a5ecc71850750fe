//! Once `go` has written, only a human's yes keeps the change; and what is taken back is never more than it is by then.

use std::process::Command;

use crate::support::{Folder, Reply, Server, Terminal, wait_until};

const FLAGS: &str = "# kept\n[flags.pay] # by card\non = true\nrollout = 10\n\n[defaults]\ngate = \"standard\"\n";

/// At the last look, after a go to 50.
fn at_the_last_look(server: &Server) -> (Folder, Terminal, String) {
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
fn by_ctrl_c() {
    let (folder, mut terminal, text) = at_the_last_look(&Server::new(Reply::ok("Welcome")));
    terminal.press(3);
    let (code, shown) = terminal.end();
    assert_eq!(code, 4, "{shown}");
    assert!(shown.contains("broken off: pay is 10% again"), "{shown}");
    assert_eq!(folder.read("flags.toml"), text, "to the letter");
    assert_eq!(states(&folder), ["50%", "10%"]);
}

#[test]
fn by_a_terminal_that_is_closed_and_by_a_signal() {
    for signal in ["HUP", "TERM"] {
        let (folder, terminal, text) = at_the_last_look(&Server::new(Reply::ok("Welcome")));
        let killed = Command::new("kill").args(["-s", signal, &terminal.id()]).status().expect("kill runs");
        assert!(killed.success());
        assert_eq!(terminal.end().0, 4, "{signal}");
        assert_eq!(folder.read("flags.toml"), text, "{signal}");
        assert_eq!(states(&folder), ["50%", "10%"], "{signal}");
    }
    let (folder, terminal, text) = at_the_last_look(&Server::new(Reply::ok("Welcome")));
    // As a window that is closed.
    drop(terminal);
    wait_until("it is taken back", || folder.read("flags.toml") == text && folder.entries().len() == 2);
}

#[test]
fn while_the_checks_are_made_again() {
    let server = Server::new(Reply::ok("Welcome"));
    let gate =
        format!("[gate.standard]\nchecks = [\"home\"]\n[check.home]\nurl = \"{}\"\nexpect = {{}}\n", server.url());
    let text = FLAGS.to_owned() + &gate;
    let folder = Folder::with("flags.toml", &text);
    let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
    terminal.wait_for("to let it be seen: ");
    server.set(Reply::Dawdles);
    terminal.answer("pay");
    terminal.wait_for("making the checks again");
    terminal.press(3);
    let (code, shown) = terminal.end();
    assert_eq!(code, 4, "{shown}");
    assert_eq!(folder.read("flags.toml"), text);
}

#[test]
fn and_never_to_more_than_it_is_by_then() {
    for answer in ["no", "yes"] {
        let (folder, mut terminal, text) = at_the_last_look(&Server::new(Reply::ok("Welcome")));
        assert_eq!(folder.run(&["revert", "pay"]).code, 0);
        terminal.answer(answer);
        let (code, shown) = terminal.end();
        let said = if answer == "no" { (4, "pay is off again") } else { (7, "pay is off and not 50%") };
        assert!(code == said.0 && shown.contains(said.1), "{code}: {shown}");
        assert_eq!(folder.read("flags.toml"), text.replace("on = true", "on = false").replace("= 10", "= 50"));
        assert_eq!(states(&folder), ["50%", "off"]);
        assert_eq!(folder.run(&["log", "--verify"]).code, 0);
    }
}

#[test]
fn and_says_loudly_where_it_cannot() {
    let (folder, mut terminal, _) = at_the_last_look(&Server::new(Reply::ok("Welcome")));
    folder.write("flags.toml", "[flags.pay]\non = = true\n");
    terminal.answer("no");
    let (code, shown) = terminal.end();
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("pay is still 50%: it could not be taken back"), "{shown}");
    assert!(shown.contains("`flagkit revert --all` turns everything off"), "{shown}");
    assert_eq!(folder.run(&["revert", "--all"]).code, 0);
    assert_eq!(folder.read("flags.toml"), "[flags]\npay = false\n");
}

#[test]
fn a_yes_is_to_what_was_seen() {
    let (folder, mut terminal, _) = at_the_last_look(&Server::new(Reply::ok("Welcome")));
    folder.write("flags.toml", "[fla");
    terminal.answer("yes");
    let (code, shown) = terminal.end();
    assert!(
        code == 1 && shown.contains("pay is 50% and stays so, but flags.toml was changed and cannot be read"),
        "{shown}"
    );

    let (folder, mut terminal, text) = at_the_last_look(&Server::new(Reply::ok("Welcome")));
    let other = text.replace("rollout = 10\n", "rollout = 50\nrules = [{ subjects = [\"u1\"] }]\n");
    folder.write("flags.toml", &other);
    terminal.answer("yes");
    let (code, shown) = terminal.end();
    assert!(code == 7 && shown.contains("something else in its file was changed while you looked"), "{shown}");
    assert_eq!(folder.read("flags.toml"), other);
}

#[test]
fn what_was_typed_before_there_was_anything_to_see_is_no_answer() {
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
fn a_flag_that_is_refused_by_then_is_taken_back_too() {
    let (folder, mut terminal, text) = at_the_last_look(&Server::new(Reply::ok("Welcome")));
    folder.write("flags.toml", &text.replace("rollout = 10", "rollout = \"a\""));
    terminal.answer("no");
    let (code, shown) = terminal.end();
    assert!(code == 4 && shown.contains("pay is 10% again"), "{shown}");
    assert_eq!(folder.read("flags.toml"), text);
}

#[test]
fn without_a_log_nothing_is_let_be_seen_and_everything_is_taken_back() {
    let folder = Folder::with("flags.toml", "[flags]\nplain = \"10%\"\n");
    folder.write(".flagkit/log.jsonl/in-its-place", "");
    let mut terminal = folder.terminal(&["go", "plain"]);
    // Whatever it finds out first.
    terminal.answer("plain");
    let (code, shown) = terminal.end();
    assert_eq!(code, 8, "{shown}");
    assert_eq!(folder.read("flags.toml"), "[flags]\nplain = \"10%\"\n");
    let ran = folder.run(&["revert", "plain"]);
    assert_eq!(ran.code, 8, "{ran:?}");
    assert!(ran.err.contains("it is done, and") && ran.err.contains("plain is off"), "{ran:?}");
    assert_eq!(folder.read("flags.toml"), "[flags]\nplain = false\n");
}
