//! An approval is of exact content, one at a time; a revert waits for nobody.

use std::thread;
use std::time::Instant;

use crate::support::{DEADLINE, Folder, Reply, Server};

const FLAGS: &str = "# kept\n[flags]   # all\npay = \"10%\"   # by card\nother = false\n";
const ASKS: &str = "to let it be seen: ";

#[test]
fn the_second_go_is_told_to_wait() {
    let folder = Folder::with("flags.toml", FLAGS);
    let mut first = folder.terminal(&["go", "pay", "--to", "50"]);
    first.wait_for(ASKS);
    let (code, shown) = folder.terminal(&["go", "pay", "--to", "50"]).end();
    assert_eq!(code, 7, "{shown}");
    assert!(
        shown.contains("another `flagkit go` runs") && shown.contains("`flagkit revert` waits for nobody"),
        "{shown}"
    );
    let (code, shown) = folder.terminal(&["go", "other"]).end();
    assert_eq!(code, 7, "another flag of the same file too: {shown}");
    first.answer("pay");
    let (code, shown) = first.end();
    assert_eq!(code, 0, "the first is not disturbed: {shown}");
    assert_eq!(folder.read("flags.toml"), FLAGS.replace("10%", "50%"));
    assert_eq!(folder.entries().len(), 1);
    assert_eq!(folder.run(&["log", "--verify"]).code, 0);
}

#[test]
fn of_many_that_start_together_one_changes_the_file() {
    let folder = Folder::with("flags.toml", FLAGS);
    let ended: Vec<(i32, String)> = thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
                    // Typed ahead, as nobody can tell whether it will be asked for.
                    terminal.answer("pay");
                    terminal.end()
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().expect("no panic")).collect()
    });
    for (code, shown) in &ended {
        let is_late = *code == 0 && shown.contains("pay is 50% already");
        let is_done = *code == 0 && shown.contains("pay is 50% now");
        assert!(is_late || is_done || *code == 7, "{code}: {shown}");
    }
    assert_eq!(ended.iter().filter(|(_, shown)| shown.contains("pay is 50% now")).count(), 1, "{ended:?}");
    assert_eq!(folder.read("flags.toml"), FLAGS.replace("10%", "50%"));
    assert_eq!(folder.entries().len(), 1);
}

#[test]
fn a_lock_of_somebody_who_was_killed_holds_nobody_up() {
    let folder = Folder::with("flags.toml", FLAGS);
    let mut first = folder.terminal(&["go", "pay", "--to", "50"]);
    first.wait_for(ASKS);
    first.kill_nine();
    let mut second = folder.terminal(&["go", "pay", "--to", "50"]);
    second.wait_for(ASKS);
    second.answer("pay");
    let (code, shown) = second.end();
    assert_eq!(code, 0, "{shown}");
}

#[test]
fn a_file_that_changed_underneath_is_left_as_it_is() {
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
        terminal.wait_for(ASKS);
        folder.write("flags.toml", &changed);
        terminal.answer("pay");
        let (code, shown) = terminal.end();
        assert_eq!(code, 7, "{shown}");
        assert!(shown.contains("flags.toml changed meanwhile; nothing was written"), "{shown}");
        assert_eq!((folder.read("flags.toml"), folder.log()), (changed, String::new()));
    }
}

#[test]
fn a_file_that_is_gone_stays_gone() {
    let folder = Folder::with("flags.toml", FLAGS);
    let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
    terminal.wait_for(ASKS);
    folder.remove("flags.toml");
    terminal.answer("pay");
    let (code, shown) = terminal.end();
    assert_eq!(code, 7, "{shown}");
    assert!(!folder.path("flags.toml").exists() && folder.log().is_empty());
}

#[test]
fn the_file_of_an_environment_and_what_it_lies_on_are_both_approved() {
    for name in ["flags.toml", "flags.prod.toml"] {
        let folder = Folder::with("flags.toml", FLAGS);
        folder.write("flags.prod.toml", "[flags]\nother = false # p\n");
        let mut terminal = folder.terminal(&["go", "pay", "--to", "50", "--env", "prod"]);
        terminal.wait_for(ASKS);
        folder.write(name, &(folder.read(name) + "# more\n"));
        let before = folder.read("flags.prod.toml");
        terminal.answer("pay");
        let (code, shown) = terminal.end();
        assert_eq!(code, 7, "{name}: {shown}");
        assert_eq!((folder.read("flags.prod.toml"), folder.log()), (before, String::new()), "{name}");
    }
    // And one that comes into being meanwhile.
    let folder = Folder::with("flags.toml", FLAGS);
    let mut terminal = folder.terminal(&["go", "pay", "--to", "50", "--env", "prod"]);
    terminal.wait_for(ASKS);
    folder.write("flags.prod.toml", "[flags]\npay = false\n");
    terminal.answer("pay");
    let (code, shown) = terminal.end();
    assert_eq!(code, 7, "{shown}");
    assert_eq!(folder.read("flags.prod.toml"), "[flags]\npay = false\n");
}

#[test]
fn a_revert_while_a_go_waits_for_its_human_is_done_at_once() {
    for (arguments, after) in [
        (&["revert", "pay"][..], FLAGS.replace("\"10%\"", "false")),
        (&["revert", "pay", "--to", "5"], FLAGS.replace("10%", "5%")),
        (&["revert", "--all"], FLAGS.replace("\"10%\"", "false")),
    ] {
        let folder = Folder::with("flags.toml", FLAGS);
        let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
        terminal.wait_for(ASKS);
        let begin = Instant::now();
        let ran = folder.run(arguments);
        assert!(ran.code == 0 && begin.elapsed() < DEADLINE, "{ran:?}");
        assert_eq!(folder.read("flags.toml"), after);
        terminal.answer("pay");
        let (code, shown) = terminal.end();
        assert_eq!(code, 7, "{shown}");
        assert_eq!(folder.read("flags.toml"), after, "the revert stands");
        assert_eq!(folder.entries().len(), 1);
        assert_eq!(folder.run(&["log", "--verify"]).code, 0);
    }
}

#[test]
fn reverts_at_once_are_done_one_after_the_other() {
    let flags = (0..8).fold(String::new(), |text, n| text + &format!("f{n} = true\n"));
    let folder = Folder::with("flags.toml", &format!("[flags]\n{flags}"));
    let codes: Vec<i32> = thread::scope(|scope| {
        let folder = &folder;
        let runs: Vec<_> = (0..8)
            .map(|n| {
                scope.spawn(move || {
                    // Whoever finds that the file changed begins again, as the message says.
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
fn what_is_taken_back_leaves_what_others_changed_meanwhile() {
    let server = Server::new(Reply::ok("Welcome"));
    let gate = format!(
        "\n[defaults]\ngate = \"standard\"\n[gate.standard]\nchecks = [\"home\"]\nlook = [\"http://{0}/\"]\n[check.home]\nurl = \"http://{0}/\"\n",
        server.address()
    );
    let text = FLAGS.to_owned() + &gate;
    let folder = Folder::with("flags.toml", &text);
    let mut terminal = folder.terminal(&["go", "pay", "--to", "50"]);
    terminal.wait_for(ASKS);
    terminal.answer("pay");
    terminal.wait_for("to keep it: ");
    let now = folder.read("flags.toml");
    assert_eq!(now, text.replace("10%", "50%"));
    folder.write("flags.toml", &now.replace("# kept", "# changed by somebody else"));
    terminal.answer("no");
    let (code, shown) = terminal.end();
    assert_eq!(code, 4, "{shown}");
    assert_eq!(folder.read("flags.toml"), text.replace("# kept", "# changed by somebody else"));
    assert_eq!(folder.run(&["log", "--verify"]).code, 0);
}
