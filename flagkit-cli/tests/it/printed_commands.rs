//! Command lines that messages print: copied to a shell, each acts on the files of the run that printed it.

use std::path::Path;
use std::process::Command;

use crate::support::{Folder, Ran, ended};

const FILE: &str = "my shop/it's.toml";
const PROD: &str = "my shop/it's.prod.toml";
const FLAGS: &str = "[flags.pay]\non = false\n\n[flags.other]\non = true\n";

/// Two flag files: the one that the tests name, and the default one, which must stay unchanged.
fn folder() -> Folder {
    let folder = Folder::with("flags.toml", FLAGS);
    folder.write(FILE, FLAGS);
    folder
}

/// Runs a printed line in a shell.
fn paste(folder: &Folder, line: &str) -> Ran {
    assert!(line.starts_with("flagkit "), "{line}");
    let mut command = Command::new("sh");
    let bin = Path::new(env!("CARGO_BIN_EXE_flagkit")).parent().expect("a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a path"));
    command.current_dir(folder.root()).args(["-c", line]).env("PATH", path).env("FLAGKIT_USER", "tester");
    ended(command)
}

/// The text between the first `before` and the next `after`.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {text}"));
    rest.split(after).next().unwrap_or_default()
}

#[test]
fn the_undo_of_a_go_reverts_the_same_file() {
    for (env, written) in [(None, FILE), (Some("prod"), PROD)] {
        let folder = folder();
        let mut arguments = vec!["--file", FILE, "go", "pay"];
        arguments.extend(env.iter().flat_map(|env| ["--env", env]));
        let mut terminal = folder.terminal(&arguments);
        terminal.wait_for("to let it be seen: ");
        terminal.answer("pay");
        let (code, shown) = terminal.end();
        assert_eq!(code, 0, "{shown}");
        let undo = between(&shown, "to undo: ", "\n");
        assert!(shown.contains(&format!("`{undo}` undoes the change")), "{shown}");
        let ran = paste(&folder, undo);
        assert_eq!(ran.code, 0, "{undo}: {ran:?}");
        assert!(
            !folder.read(written).contains("pay = true") && ran.out.contains("turned pay from on to off"),
            "{ran:?}"
        );
        assert_eq!(folder.read("flags.toml"), FLAGS);
    }
}

#[test]
fn advice_acts_on_the_file_of_the_run() {
    let folder = folder();
    let run = |arguments: &[&str]| folder.run(&[&["--file", FILE], arguments].concat());
    let ran = run(&["go", "pay"]);
    assert_eq!(between(&ran.err, "terminal: ", "\n"), "flagkit go pay --to 100 --file 'my shop/it'\\''s.toml'");
    let ran = run(&["revert", "other", "--to", "20"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = run(&["go", "other", "--to", "10"]);
    assert_eq!(paste(&folder, between(&ran.err, "run `", "`")).code, 0, "{ran:?}");
    assert!(folder.read(FILE).contains("rollout = 10"));
    for arguments in [&["show", "pya"][..], &["eval", "zzzz"], &["go", "zzzz"], &["revert", "zzzz"], &["log", "zzzz"]] {
        let ran = run(arguments);
        let line = between(&ran.err, "help: ", "\n").trim_start_matches("did you mean");
        assert!(line.contains("`pay`?") || paste(&folder, between(line, "`", "`")).code == 0, "{ran:?}");
    }
    let ran = run(&["new", "gift"]);
    assert!(ran.out.contains("until `flagkit go gift --file 'my shop/it'\\''s.toml'`"), "{ran:?}");
    let ran = run(&["init"]);
    let check = between(&ran.err, "run `", "`");
    assert!(paste(&folder, check).out.contains("my shop/it's.toml"), "{check}");
    assert_eq!(folder.read("flags.toml"), FLAGS);

    folder.write(PROD, "[flags]\nother = true\n");
    let ran = run(&["revert", "other"]);
    assert_eq!(paste(&folder, between(&ran.out, "to turn off: ", "\n")).code, 0, "{ran:?}");
    assert_eq!(folder.read(PROD), "[flags]\nother = false\n");
    folder.write(PROD, "[flags]\nother = = true\n");
    let ran = run(&["go", "pay", "--env", "prod"]);
    assert_eq!(paste(&folder, between(&ran.err, "help: `", "`")).code, 0, "{ran:?}");
    assert!(folder.read(PROD).contains("other = false") && folder.read(PROD).contains("pay = false"));
    folder.write(FILE, "[flags]\npay = = true\n");
    let ran = run(&["list"]);
    let ran = if ran.err.contains("revert --all") { ran } else { run(&["show", "pay"]) };
    assert_eq!(paste(&folder, between(&ran.err, "help: `", "`")).code, 0, "{ran:?}");
    assert!(folder.read(FILE).contains("pay = false\n") && !folder.read(FILE).contains("true"));
    assert_eq!(folder.read("flags.toml"), FLAGS);

    folder.remove(FILE);
    let ran = run(&["show", "pay"]);
    assert_eq!(paste(&folder, between(&ran.err, "help: `", "`")).code, 0, "{ran:?}");
    assert!(folder.path(FILE).exists());
}

#[test]
fn findings_name_the_file_of_the_check() {
    let folder = folder();
    folder.write("my shop/src/main.rs", "fn main() { flag!(\"brand-new\"); flag!(\"pay\"); flag!(\"other\"); }\n");
    let ran = folder.run(&["check", "--file", FILE]);
    assert_eq!(paste(&folder, between(&ran.out, "declare it with `", "`")).code, 0, "{ran:?}");
    assert!(folder.read(FILE).contains("[flags.brand-new]"));

    folder.git(&["init", "-q"]);
    folder.git(&["add", "."]);
    folder.git(&["commit", "-q", "-m", "base"]);
    folder.write(PROD, "[flags]\npay = true\n");
    let ran = folder.run(&["check", "--base", "HEAD", "--file", FILE]);
    let go = between(&ran.out, "widen the flag with `", "`");
    assert_eq!(go, "flagkit go pay --file 'my shop/it'\\''s.toml' --env prod", "{ran:?}");
}

#[test]
fn lines_for_ci_and_for_environments_name_the_file() {
    let folder = Folder::new();
    let ran = folder.run(&["init", "--file", "my-shop.toml"]);
    let check = "- run: flagkit check --base origin/main --format github --file my-shop.toml\n";
    assert!(ran.out.contains(check), "{ran:?}");
    let ran = folder.run(&["list", "--env", "prod", "--file", "my-shop.toml"]);
    assert!(ran.err.contains("`flagkit go NAME --file my-shop.toml --env prod` creates it"), "{ran:?}");
    folder.write("my-shop.prod.toml", "[flags]\n");
    folder.write("my-shop.prod.json", "{\"flags\": {}}");
    let ran = folder.run(&["revert", "--all", "--env", "prod", "--file", "my-shop.toml"]);
    assert!(ran.code == 7 && ran.err.contains("`--file my-shop.prod."), "{ran:?}");
    folder.write("my-shop.toml", "[flags]\npay = false\n");
    folder.write("docker-compose.yml", "services:\n  shop:\n    environment:\n      FLAG_PAY: on\n");
    folder.remove("my-shop.prod.json");
    let ran = folder.run(&["check", "--file", "my-shop.toml"]);
    assert!(ran.out.contains("widen the flag with `flagkit go pay --file my-shop.toml`"), "{ran:?}");
}
