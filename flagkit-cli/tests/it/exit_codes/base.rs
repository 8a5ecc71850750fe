//! `check --base`: which widenings the log covers.

use super::{CODE, FLAGS, check, go};
use crate::support::Folder;

const BASE: [&str; 3] = ["check", "--base", "HEAD"];

/// A repository with these flags at its first commit.
fn committed(flags: &str) -> Folder {
    let folder = Folder::with("flags.toml", flags);
    folder.write("src/main.rs", "fn main() { flag!(\"a\"); flag!(\"b\"); }\n");
    folder.git(&["init", "-q"]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "base"]);
    folder
}

#[test]
fn the_gates_of_the_base_decide() {
    let gate = "\n[defaults]\ngate = \"standard\"\n[gate.standard]\nramp = [10, 100]\nsoak = \"1h\"\n";
    let start = FLAGS.replace("plain = true", "plain = false") + gate;
    let folder = Folder::with("flags.toml", &start);
    folder.write("src/main.rs", CODE);
    folder.git(&["init", "-q"]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "base"]);
    let check_base = ["check", "--base", "HEAD"];
    check(&folder, &check_base, 0, &["0 errors"]);
    folder.write("flags.toml", &start.replace("plain = false", "plain = \"10%\""));
    check(&folder, &check_base, 1, &["error [widens] plain", "without a `go`"]);
    folder.write("flags.toml", &start.replace("plain = false", "plain = \"10%\"").replace("soak = \"1h\"\n", ""));
    check(&folder, &check_base, 1, &["error [gate-weakened] gate standard: a shorter soak"]);
    folder.write("flags.toml", &start.replace("soak = \"1h\"\n", ""));
    check(&folder, &check_base, 0, &["0 errors"]);

    folder.write("flags.toml", &start);
    let mut terminal = folder.terminal(&["go", "plain"]);
    terminal.wait_for("Type plain");
    terminal.answer("plain");
    assert_eq!(terminal.end().0, 0);
    check(&folder, &check_base, 0, &["0 errors"]);
    check(
        &folder,
        &["check", "--base", "nowhere"],
        2,
        &["cannot resolve revision \"nowhere\": git: Needed a single revision"],
    );
}

#[test]
fn a_go_covers_its_effects_and_nothing_else() {
    let flags = "[flags]\nb = false\n[flags.a]\non = true\nrequires = [\"b\"]\nrollout = 50\n";
    let folder = committed(flags);
    go(&folder, &["b", "--to", "50"]);
    check(&folder, &BASE, 0, &["0 errors"]);
    assert_eq!(folder.run(&["revert", "b", "--to", "10"]).code, 0);
    check(&folder, &BASE, 0, &["0 errors"]);
    let ten = folder.read("flags.toml");
    folder.write("flags.toml", &ten.replace("10%", "60%"));
    check(&folder, &BASE, 1, &["error [widens] b was widened since HEAD without a `go`"]);
    folder.write("flags.toml", &(ten.clone() + "[[flags.a.rules]]\nsubjects = [\"u1\"]\n"));
    check(&folder, &BASE, 1, &["error [widens] a was widened"]);
    folder.write(
        "flags.toml",
        &(ten + "[flags.new]\nallow = { unused = \"later\" }\n[[flags.new.rules]]\nsubjects = [\"u\"]\n"),
    );
    go(&folder, &["new", "--to", "20"]);
    check(&folder, &BASE, 0, &["0 errors"]);
}

#[test]
fn a_go_for_another_file_and_a_forged_one_cover_nothing() {
    let folder = committed("[flags]\na = false\nb = false\n");
    go(&folder, &["a", "--to", "10", "--env", "prod"]);
    check(&folder, &BASE, 0, &["0 errors"]);
    folder.write("flags.toml", "[flags]\na = \"10%\"\nb = false\n");
    check(&folder, &BASE, 1, &["error [widens] a", "without a `go` in flags.toml"]);
    let log = folder.log().replace("flags.prod.toml", "flags.toml");
    folder.write(".flagkit/log.jsonl", &log);
    check(&folder, &BASE, 1, &["error [widens] a"]);
    let mut entry: serde_json::Value = serde_json::from_str(log.trim()).expect("an entry");
    entry["hash"] = "".into();
    folder.write(".flagkit/log.jsonl", &format!("{entry}\n"));
    check(&folder, &BASE, 1, &["error [widens] a"]);
}

#[test]
fn a_go_must_meet_the_gate_of_the_base() {
    let flags = "[flags]\na = false\nb = false\n[defaults]\ngate = \"standard\"\n[gate.standard]\nchecks = [\"home\"]\n\
                 [check.home]\nurl = \"http://127.0.0.1:9/\"\n";
    let folder = committed(flags);
    folder.write("flags.toml", &flags.replace("checks = [\"home\"]", "checks = []"));
    go(&folder, &["a", "--to", "10"]);
    check(&folder, &BASE, 1, &["error [widens] a", "its `go` in flags.toml lacks check home", "error [gate-weakened]"]);
    folder.write("flags.toml", &flags.replace("a = false", "a = \"10%\""));
    check(&folder, &BASE, 1, &["error [widens] a", "its `go` in flags.toml lacks check home"]);
}

#[test]
fn an_invalid_base_approves_nothing() {
    let folder = committed("[flags]\na = = 1\n");
    folder.write("flags.toml", "[flags]\na = true\nb = false\n");
    check(&folder, &BASE, 1, &["warning [base]", "error [widens] a"]);
    folder.write("flags.toml", "[flags]\na = false\nb = false\n");
    check(&folder, &BASE, 0, &["warning [base]", "0 errors, 1 warning"]);
}

#[test]
fn a_go_that_was_undone_covers_nothing() {
    let flags = "[flags]\na = false\nb = false\n[defaults]\ngate = \"g\"\n[gate.g]\nlook = [\"http://127.0.0.1:9/\"]\n";
    let folder = committed(flags);
    let mut terminal = folder.terminal(&["go", "a"]);
    terminal.wait_for("to let it be seen: ");
    terminal.answer("a");
    terminal.wait_for("to keep it: ");
    terminal.answer("no");
    assert_eq!(terminal.end().0, 4);
    folder.write("flags.toml", &flags.replace("a = false", "a = true"));
    check(&folder, &BASE, 1, &["error [widens] a", "without a `go`"]);
    folder.write("flags.toml", &flags.replace("a = false", "a = { on = true, allow = { widens = \"because\" } }"));
    check(&folder, &BASE, 1, &["error [widens] a"]);
}

#[test]
fn a_go_covers_only_the_definition_at_that_time() {
    let rules = "[flags]\nb = false\n[flags.a]\non = false\nrollout = 0\n[[flags.a.rules]]\nif = { plan = \"beta\" }\n";
    let segment = "[flags]\nb = false\n[flags.a]\non = false\nrollout = 0\n[[flags.a.rules]]\nsegment = \"s\"\n\
                   [segments.s]\nincluded = [\"u1\"]\n";
    let requires = "[flags]\nb = false\n[flags.a]\non = false\nrequires = [\"b\"]\n";
    for (flags, from, to) in [
        (rules, "plan = \"beta\"", "plan = [\"beta\", \"free\"]"),
        (segment, "[\"u1\"]", "[\"u1\", \"u2\"]"),
        (requires, "requires = [\"b\"]\n", ""),
    ] {
        let folder = committed(flags);
        go(&folder, &["a", "--to", if from.starts_with("requires") { "100" } else { "0" }]);
        check(&folder, &BASE, 0, &["0 errors"]);
        folder.write("flags.toml", &folder.read("flags.toml").replace(from, to));
        check(&folder, &BASE, 1, &["error [widens] a", "lacks the current definition of the flag"]);
    }
}

#[test]
fn the_ramp_and_the_soak_of_the_base_apply() {
    let gate = "ramp = [1, 10, 50, 100]\nsoak = \"24h\"\n";
    let flags = format!("[flags]\na = false\nb = false\n[defaults]\ngate = \"g\"\n[gate.g]\n{gate}");
    let folder = committed(&flags);
    folder.write("flags.toml", &flags.replace(gate, ""));
    go(&folder, &["a"]);
    folder.write("flags.toml", &folder.read("flags.toml").replace("[gate.g]\n", &format!("[gate.g]\n{gate}")));
    check(&folder, &BASE, 1, &["error [widens] a", "lacks a step of the ramp from off"]);
    folder.write("flags.toml", &flags);
    go(&folder, &["b"]);
    folder.write("flags.toml", &folder.read("flags.toml").replace("soak = \"24h\"\n", ""));
    go(&folder, &["b"]);
    folder.write("flags.toml", &folder.read("flags.toml").replace("[gate.g]\n", "[gate.g]\nsoak = \"24h\"\n"));
    check(&folder, &BASE, 1, &["error [widens] b", "lacks a soak of 24h"]);
}

#[test]
fn a_removed_environment_is_checked() {
    let folder = Folder::with("flags.toml", "[flags]\na = true\nb = false\n");
    folder.write("flags.prod.toml", "[flags]\na = false\n");
    folder.write("src/main.rs", "fn main() { flag!(\"a\"); flag!(\"b\"); }\n");
    folder.git(&["init", "-q"]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "base"]);
    check(&folder, &BASE, 0, &["0 errors"]);
    folder.remove("flags.prod.toml");
    check(&folder, &BASE, 1, &["error [widens] a", "without a `go` in flags.prod.toml"]);
}

#[test]
fn a_go_for_the_declaration_covers_every_environment() {
    let folder = Folder::with("flags.toml", "[flags]\na = false\nb = false\n");
    folder.write("flags.prod.toml", "[flags]\nb = false\n");
    folder.write("src/main.rs", "fn main() { flag!(\"a\"); flag!(\"b\"); }\n");
    folder.git(&["init", "-q"]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "base"]);
    go(&folder, &["a", "--to", "10"]);
    check(&folder, &BASE, 0, &["0 errors"]);
    folder.write("flags.prod.toml", "[flags]\nb = false\na = \"20%\"\n");
    check(&folder, &BASE, 1, &["error [widens] a", "without a `go` in flags.prod.toml"]);
}

#[test]
fn a_link_is_resolved_in_the_base_too() {
    let folder = Folder::with("shared/real.toml", "[flags]\na = true\nb = false\n");
    std::os::unix::fs::symlink("shared/real.toml", folder.path("flags.toml")).expect("a link");
    folder.write("src/main.rs", "fn main() { flag!(\"a\"); flag!(\"b\"); }\n");
    folder.git(&["init", "-q"]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "base"]);
    check(&folder, &BASE, 0, &["0 errors, 0 warnings"]);
    check(&folder, &["diff", "HEAD", "flags.toml"], 0, &["no differences"]);
}
