//! Whole runs of every command, as text and as JSON, compared with the files in `tests/it/snapshots`.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p flagkit-cli --test it commands` writes the files again. Read the difference.

mod check;
mod declare;
mod go;
mod inspect;
mod migrate;
mod revert;

use crate::support::{Folder, Transcript};

const FLAGS: &str = "\
# The flags of the shop.
[flags]
new-checkout = false            # merged, and dark
dark-mode = true

[flags.search-v2]
description = \"Search by meaning\"
owner = \"search@example.com\"
kind = \"release\"
expires = 2999-01-01
on = true
rollout = 25

[flags.beta-ui]
on = true
requires = [\"search-v2\"]
rollout = 0
[[flags.beta-ui.rules]]
name = \"testers\"
subjects = [\"tester-1\"]
[[flags.beta-ui.rules]]
name = \"beta\"
if = { plan = [\"beta\", \"partner\"] }
rollout = 50

[flags.theme]
on = true
variants = { classic = 50, ocean = 50 }
";

const CODE: &str = "\
fn main() {
    if flag!(\"new-checkout\") || flag!(\"dark-mode\") {}
    println!(\"{}\", flag!(\"search-v2\", &user));
    assert!(flag!(\"beta-ui\", &user), \"{:?}\", variant!(\"theme\", &user));
}
";

fn shop() -> Folder {
    let folder = Folder::with("flags.toml", FLAGS);
    folder.write("src/main.rs", CODE);
    folder
}

const INVALID: &str = "[flags]\na = true\nb = = 1\n[flags.c]\non = true\n";

/// A flag with a gate. The check of the gate requests the server.
fn gated(address: &str, gate: &str, expect: &str) -> Folder {
    Folder::with(
        "flags.toml",
        &format!(
            "# The flags.\n[flags.pay]   # by card\non = false    # dark\ngate = \"standard\"\n\n[gate.standard]\nchecks = [\"home\"]\n\
             {gate}\n[check.home]\nurl = \"http://{address}/\"\nexpect = {expect}\n"
        ),
    )
}

/// The names of the files that a run created, changed or removed.
fn changed(folder: &Folder, before: &[(std::path::PathBuf, String)]) -> Vec<String> {
    let all = folder.all();
    let new = all.iter().filter(|file| !before.contains(file)).map(|(path, _)| path);
    let gone = before.iter().map(|(path, _)| path).filter(|path| !all.iter().any(|(there, _)| there == *path));
    new.chain(gone).map(|path| path.strip_prefix(folder.root()).expect("below").display().to_string()).collect()
}

#[test]
fn help_completions_and_man() {
    let folder = shop();
    let mut transcript = Transcript::new(&folder);
    transcript.text(&["--help"]);
    transcript.text(&["go", "--help"]);
    transcript.text(&["revert", "--help"]);
    transcript.text(&["eval", "--help"]);
    transcript.text(&[]);
    transcript.text(&["completions", "tcsh"]);
    transcript.check("help");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = folder.run(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        if ["bash", "zsh", "fish"].contains(&shell) {
            assert!(ran.out.contains("search-v2") && ran.out.contains("dark-mode"), "{shell} completes the flags");
        }
        let ran = folder.run(&["--json", "completions", shell]);
        assert!(ran.out.starts_with("{\"data\":{\"script\":"), "{shell}: {}", ran.out);
    }
    let mut transcript = Transcript::new(&folder);
    transcript.text(&["completions", "bash"]);
    transcript.check("completions-bash");
    let mut transcript = Transcript::new(&folder);
    transcript.text(&["man"]);
    transcript.check("man");
    let page = folder.run(&["man"]).out;
    for command in [
        "init", "new", "list", "show", "eval", "explain", "diff", "watch", "check", "go", "request", "no", "revert",
        "migrate", "log",
    ] {
        assert!(page.contains(command), "{command} is in the manual");
    }
}

#[test]
fn a_folder_without_write_permission_is_reported() {
    let mut folder = shop();
    folder.deny_writes();
    let before = folder.all();
    let mut transcript = Transcript::new(&folder);
    transcript.both(&["new", "gift-finder"]);
    transcript.both(&["init", "--file", "more.toml"]);
    transcript.both(&["go", "new-checkout"]);
    transcript.both(&["revert", "dark-mode"]);
    transcript.both(&["revert", "--all"]);
    transcript.text(&["list"]);
    transcript.text(&["check"]);
    transcript.text(&["log"]);
    assert_eq!(changed(&folder, &before), Vec::<String>::new());
    transcript.check("read-only");
    folder.allow_writes();
}

#[test]
fn colours_are_printed_only_to_terminals() {
    let folder = shop();
    let at = |environment: &[(&str, &str)]| folder.terminal_with(&["list"], environment).end().1;
    let coloured = at(&[]);
    assert!(coloured.contains('\u{1b}'), "{coloured:?}");
    let plain = at(&[("NO_COLOR", "1")]);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    assert_eq!(folder.run(&["list"]).out, plain, "the same words in a pipe");
}
