//! Every command line in the pages is accepted, on the file of the README.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::{fs, thread};

use super::Page;
use super::approvals::list_of_two;
use crate::support::{DEADLINE, Folder};

/// The migration that the README names. No instance can be observed, so a person must confirm a step.
const MIGRATION: &str = "[flags.move-search]\nkind = \"migration\"\ngate = \"data\"\n[gate.data]\ninstances = []\n";

/// A repository with the files of the README. `origin/main` is the only commit.
pub(super) fn repository() -> Folder {
    let readme = Page::read("README.md");
    let folder = Folder::with("flags.toml", &readme.file("flags.toml"));
    folder.write("src/main.rs", &readme.file("src/main.rs"));
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "."],
        &["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "first"],
        &["update-ref", "refs/remotes/origin/main", "HEAD"],
    ] {
        assert!(Command::new("git").args(arguments).current_dir(folder.root()).status().expect("git runs").success());
    }
    folder
}

#[test]
fn every_command_line_of_the_pages_is_accepted() {
    let (mut typed, list) = (0, list_of_two());
    for name in ["README.md", "docs/cli.md", "docs/testing.md", "flagkit-cli/README.md"] {
        let page = Page::read(name);
        let indented = page.text.lines().filter_map(|line| line.strip_prefix("    "));
        let indented = indented.filter(|line| line.starts_with("flagkit ")).map(|line| line.split(" #").next());
        for line in page.code_spans("flagkit ").into_iter().chain(indented.flatten().map(str::to_owned)) {
            // `flagkit eval` by itself names the command. Its arguments are elsewhere.
            if ["flagkit eval", "flagkit explain", "flagkit watch"].contains(&line.as_str()) {
                continue;
            }
            let folder = repository();
            folder.write("flags.prod.toml", "[flags]\n");
            folder.write(".flagkit/approvers", &list);
            if line.contains(" migrate move-search ") {
                folder.write("flags.toml", &format!("{}\n{MIGRATION}", folder.read("flags.toml")));
            }
            let line = line.replace("NAME", "beta-ui");
            let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
            let ran = folder.run_with(&arguments, "{\"flag\":\"beta-ui\",\"id\":\"u1\"}\n");
            // Success, findings, a person must confirm, or an approval is missing.
            assert!([0, 1, 4, 6].contains(&ran.code), "{name}: {line}: {ran:?}");
            typed += 1;
        }
    }
    assert!(typed > 15, "the pages have commands: {typed}");
}

#[test]
fn watch_prints_a_line_for_a_change() {
    let folder = repository();
    let mut child = folder.command(&["watch"]).stderr(Stdio::null()).spawn().expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let (path, first) = (folder.path("flags.toml"), folder.read("flags.toml"));
    let second = first.replace("new-checkout = false", "new-checkout = true ");
    let (stop, stopped) = mpsc::channel::<()>();
    // Writes until the command has started and printed a change.
    let writer = thread::spawn(move || {
        for text in [&second, &first].into_iter().cycle() {
            fs::write(&path, text).expect("a file");
            if stopped.recv_timeout(DEADLINE / 100) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    });
    let line = lines.find(|line| line.contains("new-checkout"));
    drop(stop);
    writer.join().expect("it ends");
    let _ = child.kill();
    let _ = child.wait();
    let line: serde_json::Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
    assert!(line.is_object(), "{line}");
}

#[test]
fn the_gates_on_the_page_of_the_command_are_valid() {
    let page = Page::read("docs/cli.md");
    let gates = page.blocks().find(|block| block.contains("[gate.standard]")).expect("gates");
    let folder = repository();
    // The gates require signatures of flags that are on.
    let flags = folder.read("flags.toml").replace("on = true", "on = false");
    folder.write("flags.toml", &format!("{flags}\n{gates}"));
    folder.write(".flagkit/approvers", &list_of_two());
    let ran = folder.run(&["check"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}
