//! `go`: its checks, its confirmation, its review, and its failures.

use super::{BROKEN, FLAGS, changed, gated, shop};
use crate::support::{Reply, Server, Transcript, ended, nobody};

#[test]
fn go_as_it_should_be() {
    let server = Server::new(Reply::ok("Welcome, release-7"));
    let address = server.address().to_owned();
    let gate = format!(
        "build = {{ url = \"http://{address}/version\", expect = \"${{RELEASE}}\", consecutive = 2, within = \"2s\" }}\n\
         ramp = [10, 50, 100]\nlook = [\"http://{address}/checkout\"]\nsoak = \"1h\"\n"
    );
    let folder = gated(&address, &gate, "{ contains = \"Welcome\", max_ms = 5000 }");
    let before = folder.read("flags.toml");
    let all = folder.all();
    let mut told = Transcript::new(&folder);
    told.replace(&address, "127.0.0.1:PORT");
    told.note("A variable that is not set.");
    told.both(&["go", "pay", "--dry-run"]);
    let with_release = |arguments: &[&str]| {
        let mut command = folder.command(arguments);
        command.env("RELEASE", "release-7");
        ended(command)
    };
    told.note("A dry run.");
    let ran = with_release(&["go", "pay", "--dry-run"]);
    told.shown("RELEASE=release-7 flagkit go pay --dry-run", &ran.out, &ran.err, ran.code);
    let written = changed(&folder, &all);
    assert!(written.iter().all(|path| path.starts_with(".flagkit")), "a dry run writes nothing: {written:?}");
    assert_eq!(folder.log(), "", "and logs nothing");
    told.note("Without a terminal.");
    let ran = with_release(&["go", "pay"]);
    told.shown("RELEASE=release-7 flagkit go pay", &ran.out, &ran.err, ran.code);
    let asked = server.asked();
    told.note("At a terminal.");
    let mut terminal = folder.terminal_with(&["go", "pay"], &[("NO_COLOR", "1"), ("RELEASE", "release-7")]);
    terminal.wait_for("to let it be seen: ");
    assert_eq!(folder.read("flags.toml"), before, "nothing is written before the name is typed");
    terminal.answer("pay");
    terminal.wait_for("to keep it: ");
    terminal.answer("yes");
    let (code, shown) = terminal.end();
    told.shown("RELEASE=release-7 flagkit go pay        (at a terminal)", &shown, "", code);
    assert_eq!(server.asked() - asked, 4, "the build twice, the check before and after");
    told.file("flags.toml");
    told.both(&["log"]);
    told.both(&["log", "--verify"]);
    told.note("The next step has to wait, and none is skipped.");
    told.both(&["go", "pay"]);
    told.both(&["go", "pay", "--to", "100"]);
    told.both(&["go", "pay", "--to", "5"]);
    told.both(&["go", "pay", "--to", "10"]);
    told.check("go");
}

#[test]
fn go_where_it_is_used_wrongly() {
    let folder = shop();
    folder.write(
        "flags.toml",
        &(FLAGS.to_owned() + "[flags.old]\nexpires = 2020-01-01\n[flags.late]\nstart_at = 2030-01-01\n"),
    );
    let mut told = Transcript::new(&folder);
    told.both(&["go", "dark-mod"]);
    told.both(&["go", "zzz"]);
    told.text(&["go"]);
    told.text(&["go", "new-checkout", "--yes"]);
    told.text(&["go", "new-checkout", "--force"]);
    told.text(&["go", "new-checkout", "--to", "101"]);
    told.text(&["go", "new-checkout", "--to", "ten"]);
    told.both(&["go", "new-checkout", "--env", "../prod"]);
    told.both(&["go", "new-checkout", "--file", "nowhere.toml"]);
    folder.write("broken.toml", BROKEN);
    told.both(&["go", "a", "--file", "broken.toml"]);
    told.note("Not clean.");
    told.both(&["go", "old"]);
    told.both(&["go", "late"]);
    told.note("A step back, and no step.");
    told.both(&["go", "search-v2", "--to", "10"]);
    told.both(&["go", "dark-mode"]);
    told.note("With flags that require it.");
    told.both(&["go", "search-v2", "--to", "50", "--dry-run"]);
    told.note("No terminal.");
    told.both(&["go", "new-checkout", "--to", "12.5", "--env", "prod"]);
    told.check("go-used-wrongly");
}

#[test]
fn go_where_machines_say_no() {
    let server = Server::new(Reply::ok("Welcome"));
    let address = server.address().to_owned();
    let folder = gated(&address, "", "{ contains = \"Welcome\", max_ms = 300 }");
    let before = folder.read("flags.toml");
    let gone = nobody();
    let mut told = Transcript::new(&folder);
    told.replace(&address, "127.0.0.1:PORT");
    told.replace(&gone, "127.0.0.1:NOBODY");
    for (note, reply) in [
        ("Another status.", Reply::Says(500, "Welcome".to_owned())),
        ("Another text.", Reply::ok("Sorry")),
        ("Slow.", Reply::Dawdles),
        ("Cut off.", Reply::BreaksOff),
    ] {
        told.note(note);
        server.set(reply);
        told.both(&["go", "pay"]);
    }
    told.note("Nobody there.");
    folder.write("flags.toml", &before.replace(&address, &gone));
    told.both(&["go", "pay"]);
    told.note("A build that never serves the release.");
    server.set(Reply::ok("Welcome, release-6"));
    let build = "checks = []\nbuild = { url = \"http://ADDRESS/\", expect = \"release-7\", consecutive = 2, within = \"500ms\" }\n";
    let waits = before.replace("checks = [\"home\"]\n", &build.replace("ADDRESS", &address));
    folder.write("flags.toml", &waits);
    told.both(&["go", "pay"]);
    told.note("A build that is down.");
    folder.write("flags.toml", &waits.replace(&address, &gone));
    told.both(&["go", "pay"]);
    assert_eq!(folder.log(), "", "nothing was done, and nothing is logged");
    told.check("go-refused");
}

#[test]
fn go_where_a_human_says_no() {
    let server = Server::new(Reply::ok("Welcome"));
    let address = server.address().to_owned();
    let gate = format!("look = [\"http://{address}/checkout\"]\n");
    let folder = gated(&address, &gate, "{ contains = \"Welcome\" }");
    let before = folder.read("flags.toml");
    let mut told = Transcript::new(&folder);
    told.replace(&address, "127.0.0.1:PORT");
    for wrong in ["yes", "Pay", ""] {
        told.at_terminal(&["go", "pay", "--to", "10"], |terminal| {
            terminal.wait_for("to let it be seen: ");
            terminal.answer(wrong);
        });
    }
    told.note("The end of the input.");
    told.at_terminal(&["go", "pay", "--to", "10"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.press(4);
    });
    assert_eq!((folder.read("flags.toml"), folder.log()), (before.clone(), String::new()), "nothing was written");
    told.note("A last look that is no yes.");
    told.at_terminal(&["go", "pay", "--to", "10"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.answer("pay");
        terminal.wait_for("to keep it: ");
        terminal.answer("y");
    });
    assert_eq!(folder.read("flags.toml"), before, "to the letter");
    told.note("As JSON, at a terminal: the conversation is on standard error.");
    told.at_terminal(&["--json", "go", "pay", "--to", "10"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.answer("pay");
        terminal.wait_for("to keep it: ");
        terminal.press(4);
    });
    assert_eq!(folder.read("flags.toml"), before, "to the letter");
    told.both(&["log"]);
    told.both(&["log", "--verify"]);
    told.check("go-said-no");
}

#[test]
fn go_where_a_check_fails_after_the_change() {
    for (name, on_failure) in [("revert", "revert"), ("report", "report")] {
        let server = Server::new(Reply::ok("Welcome"));
        let address = server.address().to_owned();
        let folder = gated(&address, &format!("on_failure = \"{on_failure}\"\n"), "{ contains = \"Welcome\" }");
        let before = folder.read("flags.toml");
        let mut told = Transcript::new(&folder);
        told.replace(&address, "127.0.0.1:PORT");
        told.at_terminal(&["go", "pay", "--to", "10"], |terminal| {
            terminal.wait_for("to let it be seen: ");
            server.set(Reply::Says(500, "Welcome".to_owned()));
            terminal.answer("pay");
        });
        if on_failure == "revert" {
            assert_eq!(folder.read("flags.toml"), before, "to the letter");
        }
        told.file("flags.toml");
        told.both(&["log"]);
        told.both(&["log", "--verify"]);
        told.check(&format!("go-fails-after-{name}"));
    }
}

#[test]
fn go_in_an_environment() {
    let folder = shop();
    let mut told = Transcript::new(&folder);
    told.both(&["go", "new-checkout", "--env", "prod", "--to", "10", "--dry-run"]);
    assert!(!folder.path("flags.prod.toml").exists(), "a dry run writes nothing");
    told.at_terminal(&["go", "new-checkout", "--env", "prod", "--to", "10", "--reason", "the tenth"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.answer("new-checkout");
    });
    assert_eq!(folder.read("flags.toml"), FLAGS, "what declares stays as it is");
    told.file("flags.prod.toml");
    told.text(&["show", "new-checkout"]);
    told.text(&["log"]);
    told.text(&["log", "--verify"]);
    told.both(&["go", "beta-ui", "--env", "prod", "--to", "10", "--dry-run"]);
    told.text(&["revert", "new-checkout", "--env", "prod", "--dry-run"]);
    told.json(&["revert", "new-checkout", "--env", "prod"]);
    told.file("flags.prod.toml");
    told.text(&["check"]);
    told.check("go-in-an-environment");
}
