//! Concurrent runs: one `go` at a time, for exact contents. A revert never waits.

use std::thread;
use std::time::Instant;

use crate::support::{DEADLINE, Folder, Reply, Server};

const FLAGS: &str = "# kept\n[flags]   # all\npay = \"10%\"   # by card\nother = false\n";
const PROMPT: &str = "to let it be seen: ";

#[test]
fn a_second_go_is_rejected() {
    let folder = Folder::with("flags.toml", FLAGS);
    let mut first = folder.terminal(&["go", "pay", "--to", "50"]);
    first.wait_for(PROMPT);
    let (code, shown) = folder.terminal(&["go", "pay", "--to", "50"]).end();
    assert_eq!(code, 7, "{shown}");
    assert!(
        shown.contains("another `flagkit go` or `flagkit migrate` is running")
            && shown.contains("`flagkit revert` never waits"),
        "{shown}"
    );
    let (code, shown) = folder.terminal(&["go", "other"]).end();
    assert_eq!(code, 7, "another flag of the same file too: {shown}");
    first.answer("pay");
    let (code, shown) = first.end();
    assert_eq!(code, 0, "the first run continues: {shown}");
    assert_eq!(folder.read("flags.toml"), FLAGS.replace("10%", "50%"));
    assert_eq!(folder.entries().len(), 1);
    assert_eq!(folder.run(&["log", "--verify"]).code, 0);
}

#[test]
fn of_many_concurrent_runs_one_changes_the_file() {
    let folder = Folder::with("flags.toml", FLAGS);
    let ended: Vec<(i32, String)> = thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
                    // Typed ahead, because this run may end before its prompt.
                    terminal.answer("pay");
                    terminal.end()
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().expect("no panic")).collect()
    });
    for (code, shown) in &ended {
        let is_late = *code == 0 && shown.contains("pay is already 50%");
        let is_done = *code == 0 && shown.contains("pay is now 50%");
        assert!(is_late || is_done || *code == 7, "{code}: {shown}");
    }
    assert_eq!(ended.iter().filter(|(_, shown)| shown.contains("pay is now 50%")).count(), 1, "{ended:?}");
    assert_eq!(folder.read("flags.toml"), FLAGS.replace("10%", "50%"));
    assert_eq!(folder.entries().len(), 1);
}

#[test]
fn the_lock_of_a_killed_run_blocks_no_other_run() {
    let folder = Folder::with("flags.toml", FLAGS);
    let mut first = folder.terminal(&["go", "pay", "--to", "50"]);
    first.wait_for(PROMPT);
    first.kill_nine();
    let mut second = folder.terminal(&["go", "pay", "--to", "50"]);
    second.wait_for(PROMPT);
    second.answer("pay");
    let (code, shown) = second.end();
    assert_eq!(code, 0, "{shown}");
}

#[test]
fn a_file_that_changed_in_the_meantime_stays_unchanged() {
    for changed in [
        FLAGS.replace("# kept", "# changed"),
        FLAGS.replace("other = false", "other = true"),
        FLAGS.replace("10%", "50%"),
        FLAGS.replace("pay = \"10%\"   # by card\n", ""),
        "[flags]\npay = = 1\n".to_owned(),
        String::new(),
    ] {
        let folder = Folder::with("flags.toml", FLAGS);
        let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
        terminal.wait_for(PROMPT);
        folder.write("flags.toml", &changed);
        terminal.answer("pay");
        let (code, shown) = terminal.end();
        assert_eq!(code, 7, "{shown}");
        assert!(shown.contains("flags.toml changed meanwhile; nothing was written"), "{shown}");
        assert_eq!((folder.read("flags.toml"), folder.log()), (changed, String::new()));
    }
}

#[test]
fn a_removed_file_stays_removed() {
    let folder = Folder::with("flags.toml", FLAGS);
    let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
    terminal.wait_for(PROMPT);
    folder.remove("flags.toml");
    terminal.answer("pay");
    let (code, shown) = terminal.end();
    assert_eq!(code, 7, "{shown}");
    assert!(!folder.path("flags.toml").exists() && folder.log().is_empty());
}

#[test]
fn an_approval_covers_the_file_of_the_environment_and_the_declaration() {
    for name in ["flags.toml", "flags.prod.toml"] {
        let folder = Folder::with("flags.toml", FLAGS);
        folder.write("flags.prod.toml", "[flags]\nother = false # p\n");
        let mut terminal = folder.terminal(&["go", "pay", "--to", "50", "--env", "prod"]);
        terminal.wait_for(PROMPT);
        folder.write(name, &(folder.read(name) + "# more\n"));
        let before = folder.read("flags.prod.toml");
        terminal.answer("pay");
        let (code, shown) = terminal.end();
        assert_eq!(code, 7, "{name}: {shown}");
        assert_eq!((folder.read("flags.prod.toml"), folder.log()), (before, String::new()), "{name}");
    }
    // The file of the environment may also be created in the meantime.
    let folder = Folder::with("flags.toml", FLAGS);
    let mut terminal = folder.terminal(&["go", "pay", "--to", "50", "--env", "prod"]);
    terminal.wait_for(PROMPT);
    folder.write("flags.prod.toml", "[flags]\npay = false\n");
    terminal.answer("pay");
    let (code, shown) = terminal.end();
    assert_eq!(code, 7, "{shown}");
    assert_eq!(folder.read("flags.prod.toml"), "[flags]\npay = false\n");
}

#[test]
fn a_revert_does_not_wait_for_a_go_at_its_prompt() {
    for (arguments, after) in [
        (&["revert", "pay"][..], FLAGS.replace("\"10%\"", "false")),
        (&["revert", "pay", "--to", "5"], FLAGS.replace("10%", "5%")),
        (&["revert", "--all"], FLAGS.replace("\"10%\"", "false")),
    ] {
        let folder = Folder::with("flags.toml", FLAGS);
        let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
        terminal.wait_for(PROMPT);
        let begin = Instant::now();
        let ran = folder.run(arguments);
        assert!(ran.code == 0 && begin.elapsed() < DEADLINE, "{ran:?}");
        assert_eq!(folder.read("flags.toml"), after);
        terminal.answer("pay");
        let (code, shown) = terminal.end();
        assert_eq!(code, 7, "{shown}");
        assert_eq!(folder.read("flags.toml"), after, "the revert stays");
        assert_eq!(folder.entries().len(), 1);
        assert_eq!(folder.run(&["log", "--verify"]).code, 0);
    }
}

#[test]
fn concurrent_reverts_run_one_after_the_other() {
    let flags = (0..8).fold(String::new(), |text, n| text + &format!("f{n} = true\n"));
    let folder = Folder::with("flags.toml", &format!("[flags]\n{flags}"));
    let codes: Vec<i32> = thread::scope(|scope| {
        let folder = &folder;
        let runs: Vec<_> = (0..8)
            .map(|n| {
                scope.spawn(move || {
                    // A run that fails because the file changed is started again, as its message advises.
                    let begin = Instant::now();
                    loop {
                        let code = folder.run(&["revert", &format!("f{n}")]).code;
                        if code != 7 || begin.elapsed() > DEADLINE {
                            return code;
                        }
                    }
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().expect("no panic")).collect()
    });
    assert_eq!(codes, [0; 8]);
    assert!(!folder.read("flags.toml").contains("true"), "{}", folder.read("flags.toml"));
    assert_eq!(folder.entries().len(), 8);
    assert_eq!(folder.run(&["log", "--verify"]).code, 0);
}

#[test]
fn an_undo_keeps_the_changes_of_others() {
    let server = Server::new(Reply::ok("Welcome"));
    let gate = format!(
        "\n[defaults]\ngate = \"standard\"\n[gate.standard]\nchecks = [\"home\"]\nlook = [\"http://{0}/\"]\n[check.home]\nurl = \"http://{0}/\"\n",
        server.address()
    );
    let text = FLAGS.to_owned() + &gate;
    let folder = Folder::with("flags.toml", &text);
    let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
    terminal.wait_for(PROMPT);
    terminal.answer("pay");
    terminal.wait_for("to keep it: ");
    let now = folder.read("flags.toml");
    assert_eq!(now, text.replace("10%", "50%"));
    folder.write("flags.toml", &now.replace("# kept", "# changed by another program"));
    terminal.answer("no");
    let (code, shown) = terminal.end();
    assert_eq!(code, 4, "{shown}");
    assert_eq!(folder.read("flags.toml"), text.replace("# kept", "# changed by another program"));
    assert_eq!(folder.run(&["log", "--verify"]).code, 0);
}
