//! `go` and `revert`, at a terminal, against a running server.

mod undo;

use crate::support::{Folder, Reply, Server, go};

const FLAGS: &str =
    "# The flags.\n[flags]   # all of them\nplain = false  # no gate\n\n[flags.gated] # has one\non = false\n";

fn gated(server: &Server, more: &str) -> Folder {
    let gate = "\n[gate.standard]\nchecks = [\"home\"]\nramp = [10, 50, 100]\n";
    let check = format!("\n[check.home]\nurl = \"{}\"\nexpect = {{ contains = \"Welcome\" }}\n", server.url());
    Folder::with("flags.toml", &format!("{FLAGS}gate = \"standard\"\n{gate}{more}{check}"))
}

#[test]
fn a_person_confirms_with_the_name() {
    let folder = Folder::with("flags.toml", FLAGS);
    let mut terminal = folder.terminal(&["go", "plain", "--to", "10"]);
    terminal.wait_for("Type plain to let it be seen: ");
    assert_eq!(folder.read("flags.toml"), FLAGS, "nothing is written before the confirmation");
    assert!(terminal.shown().contains("10% of all subjects will see it"), "{}", terminal.shown());
    terminal.answer("plain");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("to undo: flagkit revert plain"), "{screen}");
    assert_eq!(
        folder.read("flags.toml"),
        FLAGS.replace("plain = false", "plain = \"10%\""),
        "and no other byte changed"
    );
    let log = folder.entries();
    assert_eq!((&log[0]["from"], &log[0]["to"], &log[0]["who"]), (&"off".into(), &"10%".into(), &"tester".into()));
    assert_eq!(folder.run(&["log", "--verify"]).code, 0);

    let ran = folder.run(&["revert", "plain"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "turned plain from 10% to off\n"));
    assert_eq!(folder.read("flags.toml"), FLAGS);
    assert_eq!(folder.run(&["log", "--verify"]).code, 0);
}

#[test]
fn no_other_input_confirms() {
    let folder = Folder::with("flags.toml", FLAGS);
    let ran = folder.run_with(&["go", "plain", "--to", "10"], "plain\n");
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("run this at a terminal: flagkit go plain --to 10"), "{ran:?}");
    let mut terminal = folder.terminal(&["go", "plain"]);
    terminal.wait_for("Type plain");
    terminal.answer("yes");
    let (code, screen) = terminal.end();
    assert_eq!(code, 4, "{screen}");
    assert_eq!((folder.read("flags.toml").as_str(), folder.entries().len()), (FLAGS, 0));
}

#[test]
fn machines_can_reject() {
    let server = Server::new(Reply::ok("Welcome"));
    let folder = gated(&server, "");
    let before = folder.read("flags.toml");
    for (status, body, why) in [(500, "Welcome", "status 500"), (200, "Sorry", "no \"Welcome\" in the body")] {
        server.set(Reply::Response(status, body.to_owned()));
        let ran = folder.run(&["go", "gated"]);
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.err.contains(why), "{ran:?}");
    }
    let ran = folder.run(&["go", "gated", "--to", "50"]);
    assert_eq!(ran.code, 7, "no step is skipped: {ran:?}");
    assert!(ran.err.contains("flagkit go gated --to 10"), "{ran:?}");
    let ran = folder.run(&["go", "gatet"]);
    assert!(ran.code == 2 && ran.err.contains("did you mean `gated`?"), "{ran:?}");
    assert_eq!((folder.read("flags.toml"), folder.entries().len()), (before, 0));
}

#[test]
fn a_build_that_never_comes_times_out() {
    let server = Server::new(Reply::ok("release-1"));
    let build = format!(
        "build = {{ url = \"{}\", expect = \"${{RELEASE}}\", consecutive = 2, within = \"1s\" }}\n",
        server.url()
    );
    let folder = gated(&Server::new(Reply::ok("Welcome")), &build);
    let mut command = folder.command(&["go", "gated", "--dry-run"]);
    let output = command.env("RELEASE", "release-2").output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let output = command.env("RELEASE", "release-1").output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let output = command.env_remove("RELEASE").output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_failed_check_after_the_change_undoes_it() {
    let server = Server::new(Reply::ok("Welcome"));
    for (more, code, state) in [("", 3, "off"), ("on_failure = \"report\"\n", 3, "10%")] {
        server.set(Reply::Response(200, "Welcome".to_owned()));
        let folder = gated(&server, more);
        let before = folder.read("flags.toml");
        let mut terminal = folder.terminal(&["go", "gated"]);
        terminal.wait_for("Type gated");
        server.set(Reply::Response(503, "Sorry".to_owned()));
        terminal.answer("gated");
        let (ended, screen) = terminal.end();
        assert_eq!(ended, code, "{screen}");
        let list = folder.json(&["list"]);
        let gated = list["data"]["flags"].as_array().expect("flags").iter().find(|flag| flag["flag"] == "gated");
        assert_eq!(gated.expect("it")["state"], state, "{screen}");
        if state == "off" {
            assert_eq!(folder.read("flags.toml"), before, "byte for byte");
            assert_eq!(folder.entries().len(), 2);
        }
        assert_eq!(folder.run(&["log", "--verify"]).code, 0);
    }
}

#[test]
fn a_review_ends_with_yes_or_no() {
    let server = Server::new(Reply::ok("Welcome"));
    let folder = gated(&server, "look = [\"http://shop.example/\"]\nsoak = \"1h\"\n");
    for (answer, code, state) in [("no", 4, "off"), ("yes", 0, "10%")] {
        let mut terminal = folder.terminal(&["go", "gated"]);
        terminal.wait_for("Type gated");
        terminal.answer("gated");
        terminal.wait_for("Type yes to keep it");
        assert!(terminal.shown().contains("http://shop.example/"));
        terminal.answer(answer);
        let (ended, screen) = terminal.end();
        assert_eq!(ended, code, "{screen}");
        assert_eq!(folder.entries().last().expect("an entry")["to"], state);
    }
    let ran = folder.run(&["go", "gated"]);
    assert_eq!(ran.code, 7, "the soak is not over: {ran:?}");
    assert!(ran.err.contains("does not advance on its own"), "{ran:?}");
}

#[test]
fn a_soak_ignores_reverts_in_between() {
    let gate = "gate = \"standard\"\n\n[gate.standard]\nramp = [10, 50, 100]\nsoak = \"1h\"\n";
    let folder = Folder::with("flags.toml", &(FLAGS.to_owned() + gate));
    go(&folder, &["gated"]);
    assert_eq!(folder.run(&["revert", "gated", "--to", "9"]).code, 0);
    let ran = folder.run(&["go", "gated", "--to", "10", "--dry-run"]);
    assert!(ran.code == 7 && ran.err.contains("does not advance on its own"), "after a step back: {ran:?}");
    folder.write("flags.prod.toml", "[flags.gated]\non = false\n");
    go(&folder, &["gated", "--env", "prod", "--to", "10"]);
    let ran = folder.run(&["go", "gated", "--dry-run"]);
    assert_eq!(ran.code, 7, "another environment has steps of its own: {ran:?}");
    assert_eq!(folder.run(&["revert", "gated"]).code, 0);
    go(&folder, &["gated"]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = Folder::with("flags.toml", FLAGS);
    let ran = folder.run(&["go", "plain", "--dry-run"]);
    assert!(ran.code == 0 && ran.out.ends_with("nothing was written\n"), "{ran:?}");
    assert_eq!(folder.run(&["revert", "plain", "--dry-run"]).code, 0);
    assert_eq!(folder.all().len(), 1, "{:?}", folder.all());
}

#[test]
fn an_approval_covers_exact_contents() {
    let folder = Folder::with("flags.toml", FLAGS);
    let mut terminal = folder.terminal(&["go", "plain"]);
    terminal.wait_for("Type plain");
    let (code, screen) = folder.terminal(&["go", "plain"]).end();
    assert_eq!(code, 7, "one at a time: {screen}");
    let changed = FLAGS.replace("# has one", "# had one");
    folder.write("flags.toml", &changed);
    terminal.answer("plain");
    let (code, screen) = terminal.end();
    assert_eq!(code, 7, "{screen}");
    assert_eq!((folder.read("flags.toml"), folder.entries().len()), (changed, 0));
}

#[test]
fn a_revert_never_waits() {
    let folder = Folder::with("flags.toml", &FLAGS.replace("plain = false", "plain = \"10%\""));
    let mut terminal = folder.terminal(&["go", "plain"]);
    terminal.wait_for("Type plain");
    assert_eq!(folder.run(&["revert", "plain", "--reason", "a smell"]).code, 0);
    terminal.answer("plain");
    let (code, screen) = terminal.end();
    assert_eq!(code, 7, "{screen}");
    assert_eq!(folder.read("flags.toml"), FLAGS);
    assert_eq!(folder.entries()[0]["reason"], "a smell");
    let ran = folder.run(&["revert", "plain", "--to", "50"]);
    assert_eq!(ran.code, 7, "a revert only narrows: {ran:?}");
}

#[test]
fn all_flags_of_an_invalid_file_are_turned_off() {
    let invalid = "[flags]\na = true\nb = = 1\n[flags.c]\non = true\n";
    let folder = Folder::with("flags.toml", invalid);
    assert_eq!(folder.run(&["check"]).code, 1);
    assert_eq!(folder.run(&["revert", "--all", "--dry-run"]).code, 0);
    assert_eq!(folder.read("flags.toml"), invalid);
    let data = folder.json(&["revert", "--all"]);
    assert_eq!(data["exit"], 0, "{data}");
    assert_eq!(folder.read("flags.toml"), "[flags]\na = false\nb = false\nc = false\n");
    let kept = data["data"]["kept"].as_str().expect("a path").to_owned();
    assert_eq!(folder.read(&kept), invalid);
    assert_eq!(folder.run(&["log", "--verify"]).code, 0);
}

#[test]
fn an_environment_has_its_own_state() {
    let folder = Folder::with("flags.toml", FLAGS);
    let mut terminal = folder.terminal(&["go", "plain", "--env", "prod", "--to", "25"]);
    terminal.wait_for("Type plain");
    terminal.answer("plain");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("to undo: flagkit revert plain --env prod"), "{screen}");
    assert_eq!(folder.read("flags.toml"), FLAGS);
    assert_eq!(folder.read("flags.prod.toml"), "[flags]\nplain = \"25%\"\n");
    assert_eq!(folder.run(&["revert", "plain", "--env", "prod"]).code, 0);
    assert_eq!(folder.read("flags.prod.toml"), "[flags]\nplain = false\n");
    assert_eq!(folder.run(&["log", "--verify"]).code, 0);
}

#[test]
fn an_edited_log_is_detected() {
    let folder = Folder::with("flags.toml", &FLAGS.replace("plain = false", "plain = true"));
    for to in ["50", "20", "10"] {
        assert_eq!(folder.run(&["revert", "plain", "--to", to]).code, 0);
    }
    let log = folder.read(".flagkit/log.jsonl");
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let edited = log.replacen("tester", "nobody", 1);
    let middle_gone = [lines[0], lines[2]].concat();
    let end_gone = [lines[0], lines[1]].concat();
    for (text, why) in [
        (edited, "its hash does not match"),
        (middle_gone, "the previous entry is missing"),
        (end_gone, "the log was cut"),
        ("{}\n".to_owned() + &log, "cannot read the entry"),
    ] {
        folder.write(".flagkit/log.jsonl", &text);
        let ran = folder.run(&["log", "--verify"]);
        assert!(ran.code == 1 && ran.out.contains(why), "{why}: {ran:?}");
    }
    // Merged branches come in any order.
    folder.write(".flagkit/log.jsonl", &[lines[1], lines[2], lines[0]].concat());
    assert_eq!(folder.run(&["log", "plain"]).code, 0);
}
