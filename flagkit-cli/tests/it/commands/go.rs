//! `go`: its checks, its confirmation, its review, and its failures.

use super::{FLAGS, INVALID, changed, gated, shop};
use crate::support::{Reply, Server, Transcript, ended, refused_address};

#[test]
fn go_succeeds() {
    let server = Server::new(Reply::ok("Welcome, release-7"));
    let address = server.address().to_owned();
    let gate = format!(
        "build = {{ url = \"http://{address}/version\", expect = \"${{RELEASE}}\", consecutive = 2, within = \"2s\" }}\n\
         ramp = [10, 50, 100]\nlook = [\"http://{address}/checkout\"]\nsoak = \"1h\"\n"
    );
    let folder = gated(&address, &gate, "{ contains = \"Welcome\", max_ms = 5000 }");
    let before = folder.read("flags.toml");
    let all = folder.all();
    let mut transcript = Transcript::new(&folder);
    transcript.replace(&address, "127.0.0.1:PORT");
    transcript.note("A variable that is not set.");
    transcript.both(&["go", "pay", "--dry-run"]);
    let with_release = |arguments: &[&str]| {
        let mut command = folder.command(arguments);
        command.env("RELEASE", "release-7");
        ended(command)
    };
    transcript.note("A dry run.");
    let ran = with_release(&["go", "pay", "--dry-run"]);
    transcript.shown("RELEASE=release-7 flagkit go pay --dry-run", &ran.out, &ran.err, ran.code);
    let written = changed(&folder, &all);
    assert!(written.iter().all(|path| path.starts_with(".flagkit")), "a dry run writes nothing: {written:?}");
    assert_eq!(folder.log(), "", "and logs nothing");
    transcript.note("Without a terminal.");
    let ran = with_release(&["go", "pay"]);
    transcript.shown("RELEASE=release-7 flagkit go pay", &ran.out, &ran.err, ran.code);
    let before_go = server.requests();
    transcript.note("At a terminal.");
    let mut terminal = folder.terminal_with(&["go", "pay"], &[("NO_COLOR", "1"), ("RELEASE", "release-7")]);
    terminal.wait_for("to let it be seen: ");
    assert_eq!(folder.read("flags.toml"), before, "nothing is written before the name is typed");
    terminal.answer("pay");
    terminal.wait_for("to keep it: ");
    terminal.answer("yes");
    let (code, shown) = terminal.end();
    transcript.shown("RELEASE=release-7 flagkit go pay        (at a terminal)", &shown, "", code);
    assert_eq!(server.requests() - before_go, 4, "the build twice, the check before and after");
    transcript.file("flags.toml");
    transcript.both(&["log"]);
    transcript.both(&["log", "--verify"]);
    transcript.note("The next step must wait, and no step can be skipped.");
    transcript.both(&["go", "pay"]);
    transcript.both(&["go", "pay", "--to", "100"]);
    transcript.both(&["go", "pay", "--to", "5"]);
    transcript.both(&["go", "pay", "--to", "10"]);
    transcript.check("go");
}

#[test]
fn go_with_invalid_arguments() {
    let folder = shop();
    folder.write(
        "flags.toml",
        &(FLAGS.to_owned() + "[flags.old]\nexpires = 2020-01-01\n[flags.late]\nstart_at = 2030-01-01\n"),
    );
    let mut transcript = Transcript::new(&folder);
    transcript.both(&["go", "dark-mod"]);
    transcript.both(&["go", "zzz"]);
    transcript.text(&["go"]);
    transcript.text(&["go", "new-checkout", "--yes"]);
    transcript.text(&["go", "new-checkout", "--force"]);
    transcript.text(&["go", "new-checkout", "--to", "101"]);
    transcript.text(&["go", "new-checkout", "--to", "ten"]);
    transcript.both(&["go", "new-checkout", "--env", "../prod"]);
    transcript.both(&["go", "new-checkout", "--file", "nowhere.toml"]);
    folder.write("invalid.toml", INVALID);
    transcript.both(&["go", "a", "--file", "invalid.toml"]);
    transcript.note("Flags with problems.");
    transcript.both(&["go", "old"]);
    transcript.both(&["go", "late"]);
    transcript.note("A step back, and a flag that is already on.");
    transcript.both(&["go", "search-v2", "--to", "10"]);
    transcript.both(&["go", "dark-mode"]);
    transcript.note("With flags that require it.");
    transcript.both(&["go", "search-v2", "--to", "50", "--dry-run"]);
    transcript.note("No terminal.");
    transcript.both(&["go", "new-checkout", "--to", "12.5", "--env", "prod"]);
    transcript.check("go-invalid-arguments");
}

#[test]
fn go_with_failed_checks() {
    let server = Server::new(Reply::ok("Welcome"));
    let address = server.address().to_owned();
    let folder = gated(&address, "", "{ contains = \"Welcome\", max_ms = 300 }");
    let before = folder.read("flags.toml");
    let gone = refused_address();
    let mut transcript = Transcript::new(&folder);
    transcript.replace(&address, "127.0.0.1:PORT");
    transcript.replace(&gone, "127.0.0.1:REFUSED");
    for (note, reply) in [
        ("Another status.", Reply::Response(500, "Welcome".to_owned())),
        ("Another text.", Reply::ok("Sorry")),
        ("Slow.", Reply::Silence),
        ("Cut off.", Reply::Truncated),
    ] {
        transcript.note(note);
        server.set(reply);
        transcript.both(&["go", "pay"]);
    }
    transcript.note("Connection refused.");
    folder.write("flags.toml", &before.replace(&address, &gone));
    transcript.both(&["go", "pay"]);
    transcript.note("A build that never serves the release.");
    server.set(Reply::ok("Welcome, release-6"));
    let build = "checks = []\nbuild = { url = \"http://ADDRESS/\", expect = \"release-7\", consecutive = 2, within = \"500ms\" }\n";
    let waits = before.replace("checks = [\"home\"]\n", &build.replace("ADDRESS", &address));
    folder.write("flags.toml", &waits);
    transcript.both(&["go", "pay"]);
    transcript.note("A build that is down.");
    folder.write("flags.toml", &waits.replace(&address, &gone));
    transcript.both(&["go", "pay"]);
    assert_eq!(folder.log(), "", "nothing was done, and nothing is logged");
    transcript.check("go-failed-checks");
}

#[test]
fn go_without_confirmation() {
    let server = Server::new(Reply::ok("Welcome"));
    let address = server.address().to_owned();
    let gate = format!("look = [\"http://{address}/checkout\"]\n");
    let folder = gated(&address, &gate, "{ contains = \"Welcome\" }");
    let before = folder.read("flags.toml");
    let mut transcript = Transcript::new(&folder);
    transcript.replace(&address, "127.0.0.1:PORT");
    for wrong in ["yes", "Pay", ""] {
        transcript.at_terminal(&["go", "pay", "--to", "10"], |terminal| {
            terminal.wait_for("to let it be seen: ");
            terminal.answer(wrong);
        });
    }
    transcript.note("The end of the input.");
    transcript.at_terminal(&["go", "pay", "--to", "10"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.press(4);
    });
    assert_eq!((folder.read("flags.toml"), folder.log()), (before.clone(), String::new()), "nothing was written");
    transcript.note("A review that ends without a yes.");
    transcript.at_terminal(&["go", "pay", "--to", "10"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.answer("pay");
        terminal.wait_for("to keep it: ");
        terminal.answer("y");
    });
    assert_eq!(folder.read("flags.toml"), before, "byte for byte");
    transcript.note("As JSON, at a terminal: the prompts are on standard error.");
    transcript.at_terminal(&["--json", "go", "pay", "--to", "10"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.answer("pay");
        terminal.wait_for("to keep it: ");
        terminal.press(4);
    });
    assert_eq!(folder.read("flags.toml"), before, "byte for byte");
    transcript.both(&["log"]);
    transcript.both(&["log", "--verify"]);
    transcript.check("go-not-confirmed");
}

#[test]
fn go_with_a_failed_check_after_the_change() {
    for (name, on_failure) in [("revert", "revert"), ("report", "report")] {
        let server = Server::new(Reply::ok("Welcome"));
        let address = server.address().to_owned();
        let folder = gated(&address, &format!("on_failure = \"{on_failure}\"\n"), "{ contains = \"Welcome\" }");
        let before = folder.read("flags.toml");
        let mut transcript = Transcript::new(&folder);
        transcript.replace(&address, "127.0.0.1:PORT");
        transcript.at_terminal(&["go", "pay", "--to", "10"], |terminal| {
            terminal.wait_for("to let it be seen: ");
            server.set(Reply::Response(500, "Welcome".to_owned()));
            terminal.answer("pay");
        });
        if on_failure == "revert" {
            assert_eq!(folder.read("flags.toml"), before, "byte for byte");
        }
        transcript.file("flags.toml");
        transcript.both(&["log"]);
        transcript.both(&["log", "--verify"]);
        transcript.check(&format!("go-fails-after-{name}"));
    }
}

#[test]
fn go_in_an_environment() {
    let folder = shop();
    let mut transcript = Transcript::new(&folder);
    transcript.both(&["go", "new-checkout", "--env", "prod", "--to", "10", "--dry-run"]);
    assert!(!folder.path("flags.prod.toml").exists(), "a dry run writes nothing");
    transcript.at_terminal(
        &["go", "new-checkout", "--env", "prod", "--to", "10", "--reason", "the tenth"],
        |terminal| {
            terminal.wait_for("to let it be seen: ");
            terminal.answer("new-checkout");
        },
    );
    assert_eq!(folder.read("flags.toml"), FLAGS, "what declares stays as it is");
    transcript.file("flags.prod.toml");
    transcript.text(&["show", "new-checkout"]);
    transcript.text(&["log"]);
    transcript.text(&["log", "--verify"]);
    transcript.both(&["go", "beta-ui", "--env", "prod", "--to", "10", "--dry-run"]);
    transcript.text(&["revert", "new-checkout", "--env", "prod", "--dry-run"]);
    transcript.json(&["revert", "new-checkout", "--env", "prod"]);
    transcript.file("flags.prod.toml");
    transcript.text(&["check"]);
    transcript.check("go-in-an-environment");
}
