//! Environments: which files are checked, and `--env` of the commands that read.

use crate::support::{Folder, ended, go};

const DECLARED: &str = "[flags]\nx = false\ny = true\n";
const CODE: &str = "fn main() { flag!(\"x\"); flag!(\"y\"); }\n";

/// A repository with these files at its first commit.
fn committed(files: &[(&str, &str)]) -> Folder {
    let folder = Folder::with("src/main.rs", CODE);
    for (name, text) in files {
        folder.write(name, text);
    }
    folder.git(&["init", "-q"]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "base"]);
    folder
}

#[track_caller]
fn check(folder: &Folder, arguments: &[&str], code: i32, shows: &str) {
    let ran = folder.run(arguments);
    assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
    assert!((ran.out.clone() + &ran.err).contains(shows), "{arguments:?} does not show {shows:?}: {ran:?}");
}

const BASE: [&str; 3] = ["check", "--base", "HEAD"];

#[test]
fn a_file_of_an_environment_in_the_other_format_is_judged() {
    let folder = committed(&[("flags.toml", DECLARED), ("flags.prod.json", "{\"flags\": {\"x\": false}}\n")]);
    check(&folder, &BASE, 0, "0 errors");
    folder.write("flags.prod.json", "{\"flags\": {\"x\": true}}\n");
    check(&folder, &BASE, 1, "x was widened since HEAD without a `go` in flags.prod.json");
    check(&folder, &["eval", "x", "--env", "prod"], 0, "x is on");
    folder.write("flags.prod.json", "{\"flags\": {\"x\": 5}}\n");
    check(&folder, &["check"], 1, "flags.prod.json:1:");
    check(&folder, &["revert", "y", "--env", "prod"], 0, "turned y from on to off");
    assert!(folder.read("flags.prod.json").contains("\"y\": false"), "{}", folder.read("flags.prod.json"));
    assert!(!folder.path("flags.prod.toml").exists());
}

#[test]
fn an_environment_with_two_files_is_an_error() {
    let folder = committed(&[("flags.toml", DECLARED), ("flags.prod.toml", "[flags]\nx = false\n")]);
    folder.write("flags.prod.json", "{\"flags\": {\"x\": true}}\n");
    check(&folder, &["check"], 1, "prod has two files: flags.prod.toml and flags.prod.json");
    check(&folder, &BASE, 1, "x was widened since HEAD without a `go` in flags.prod.json");
    check(&folder, &["list", "--env", "prod"], 7, "prod has two files");
}

#[test]
fn the_layers_of_a_dotted_environment_are_judged_together() {
    let files = [
        ("flags.toml", "[flags]\nx = false\ny = false\n"),
        ("flags.prod.toml", "[flags]\nx = true\ny = false\n"),
        ("flags.prod.eu.toml", "[flags]\nx = false\ny = false\n"),
    ];
    let folder = committed(&files);
    check(&folder, &BASE, 0, "0 errors");
    check(&folder, &["eval", "x", "--env", "prod.eu"], 0, "x is off");
    // The layer below has it on, so dropping the line turns it on.
    folder.write("flags.prod.eu.toml", "[flags]\ny = false\n");
    check(&folder, &BASE, 1, "x was widened since HEAD without a `go` in flags.prod.eu.toml");
    check(&folder, &["eval", "x", "--env", "prod.eu"], 0, "x is on: on for every subject it applies to");
    check(&folder, &["diff", "HEAD", "flags.toml", "--env", "prod.eu"], 0, "widens  x     off     on");
    // The whole file is dropped.
    folder.remove("flags.prod.eu.toml");
    check(&folder, &BASE, 1, "x was widened since HEAD");
    // A layer in the middle is dropped, and it had turned the flag off.
    let folder = committed(&[
        ("flags.toml", "[flags]\nx = true\ny = true\n"),
        ("flags.prod.toml", "[flags]\nx = false\n"),
        ("flags.prod.eu.toml", "[flags]\ny = true\n"),
    ]);
    folder.remove("flags.prod.toml");
    check(&folder, &BASE, 1, "x was widened since HEAD");
}

#[test]
fn a_go_for_a_lower_layer_covers_the_layers_above() {
    let folder = committed(&[
        ("flags.toml", DECLARED),
        ("flags.prod.toml", "[flags]\ny = true\n"),
        ("flags.prod.eu.toml", "[flags]\ny = true\n"),
    ]);
    let mut terminal = folder.terminal(&["go", "x", "--env", "prod", "--to", "100"]);
    terminal.wait_for("to let it be seen");
    terminal.answer("x");
    assert_eq!(terminal.end().0, 0);
    check(&folder, &BASE, 0, "0 errors");
}

#[test]
fn a_file_to_copy_is_no_environment() {
    let folder = committed(&[("flags.toml", DECLARED)]);
    for name in ["flags.example.toml", "flags.sample.json", "flags.prod.template.toml"] {
        folder.write(name, "nonsense = = 1\n");
    }
    check(&folder, &["check"], 0, "0 errors");
    check(&folder, &["show", "x"], 0, "x  off\nused in");
    check(&folder, &["list", "--env", "example"], 2, "example marks a file to copy");
}

#[test]
fn a_file_that_no_check_reads_is_a_finding() {
    let state = "[flags]\nx = true\n";
    for (name, text, code, shows) in [
        ("flags.prod.JSON", "{\"flags\": {\"x\": true}}\n", 1, "flags.prod.JSON: error [unchecked]"),
        ("flags.json", "{\"flags\": {\"x\": true}}\n", 0, "flags.json: warning [unchecked]"),
        ("flags.prod+eu.toml", state, 1, "flags.prod+eu.toml: error [unchecked]"),
        ("Flags.prod.toml", state, 1, "Flags.prod.toml: error [unchecked]"),
        ("flags-prod.toml", "[flags]\nx = = 1\n", 1, "flags-prod.toml: error [unchecked]"),
        ("prod.toml", state, 0, "prod.toml: warning [unchecked]"),
        ("flagship.toml", "[flags]\nother = true\n", 0, "0 errors, 0 warnings"),
        ("flags+lock.toml", "[package]\nname = \"x\"\n", 0, "0 errors, 0 warnings"),
        ("flags-schema.json", "{\"flags\": {\"type\": \"object\"}}\n", 0, "0 errors, 0 warnings"),
    ] {
        let folder = committed(&[("flags.toml", DECLARED), (name, text)]);
        check(&folder, &BASE, code, shows);
    }
}

#[test]
fn commands_that_read_take_an_environment() {
    let folder = committed(&[("flags.toml", DECLARED), ("flags.prod.toml", "[flags]\nx = true\n")]);
    check(&folder, &["list", "--env", "prod"], 0, "x     on     2");
    check(&folder, &["eval", "x", "--env", "prod"], 0, "x is on");
    check(&folder, &["explain", "x", "--env", "prod"], 0, "from file:flags.prod.toml");
    check(&folder, &["watch", "--env", "prod", "--lines", "1"], 0, "\"flags\":2");
    check(&folder, &["show", "x", "--env", "prod"], 0, "x  on");
    assert!(folder.run_with(&["eval", "--stdin", "--env", "prod"], "{\"flag\":\"x\"}\n").out.contains("\"on\":true"));
    folder.write("flags.prod.toml", "[flags]\nx = false\n");
    check(&folder, &["diff", "HEAD", "flags.toml", "--env", "prod"], 0, "narrows  x     on      off");
    check(&folder, &["diff", "HEAD", "flags.toml"], 0, "no differences");
    folder.write("flags.staging.toml", "[flags]\nx = = 1\n");
    check(&folder, &["check"], 1, "flags.staging.toml:2:5");
    check(&folder, &["check", "--env", "prod"], 0, "0 errors");
}

#[test]
fn an_unknown_environment_is_an_error_of_commands_that_read() {
    let folder = committed(&[("flags.toml", DECLARED), ("flags.prod.toml", "[flags]\nx = true\n")]);
    for command in [
        &["list"][..],
        &["eval", "x"],
        &["explain", "x"],
        &["check"],
        &["watch"],
        &["diff", "HEAD", "flags.toml"],
        &["show", "x"],
    ] {
        check(&folder, &[command, &["--env", "prdo"]].concat(), 8, "did you mean `--env prod`?");
    }
    check(&folder, &["list", "--env", "a/b"], 2, "is no name of an environment");
    check(&folder, &["list", "--env", "prod", "--source", "file:flags.toml"], 2, "cannot be used with");
}

#[test]
fn a_state_without_a_flag_is_an_error() {
    let folder = committed(&[("flags.toml", DECLARED), ("flags.prod.toml", "[flags]\npower-peg = true\nxx = false\n")]);
    check(&folder, &["check"], 1, "flags.prod.toml:2:1: error [undeclared-state] power-peg has a state here (on)");
    let folder = committed(&[
        ("flags.toml", "[flags]\nx = false\ndark-mode = true\n"),
        ("flags.prod.toml", "[flags]\ndark-mod = false\n"),
    ]);
    check(&folder, &["check"], 1, "did you mean `dark-mode`?");
}

#[test]
fn a_flag_is_not_declared_while_an_environment_has_it_on() {
    let folder = committed(&[("flags.toml", DECLARED), ("flags.prod.toml", "[flags]\npower-peg = true\n")]);
    check(&folder, &["new", "power-peg"], 7, "flags.prod.toml has a state of it already (on)");
    check(&folder, &["new", "power-peg"], 7, "`flagkit revert power-peg --env prod`");
    check(&folder, &["revert", "power-peg", "--env", "prod"], 0, "turned power-peg from on to off");
    check(&folder, &["new", "power-peg"], 0, "The flag is off until");
    check(&folder, &["eval", "power-peg", "--env", "prod"], 0, "power-peg is off");
}

#[test]
fn a_flag_that_goes_live_by_being_declared_is_widened() {
    let folder = committed(&[("flags.toml", DECLARED), ("flags.prod.toml", "[flags]\npower-peg = true\n")]);
    folder.write("flags.toml", "[flags]\nx = false\ny = true\npower-peg = false\n");
    folder.write("src/more.rs", "fn f() { flag!(\"power-peg\"); }\n");
    check(&folder, &["check"], 0, "0 errors");
    check(
        &folder,
        &BASE,
        1,
        "error [widens] power-peg was declared since HEAD, and flags.prod.toml has a state of it already",
    );
    folder.write("flags.prod.toml", "[flags]\npower-peg = false\n");
    check(&folder, &BASE, 0, "0 errors");
}

#[test]
fn a_soak_of_a_lower_layer_counts_for_the_layers_above() {
    let gate = "[defaults]\ngate = \"g\"\n[gate.g]\nsoak = \"1h\"\n";
    let folder = committed(&[
        ("flags.toml", &format!("{DECLARED}{gate}")),
        ("flags.prod.toml", "[flags]\ny = true\n"),
        ("flags.prod.eu.toml", "[flags]\ny = true\n"),
    ]);
    let mut terminal = folder.terminal(&["go", "x", "--env", "prod", "--to", "10"]);
    terminal.wait_for("Type x");
    terminal.answer("x");
    assert_eq!(terminal.end().0, 0);
    check(&folder, &["go", "x", "--env", "prod.eu", "--to", "50", "--dry-run"], 7, "the last step was");
}

#[test]
fn a_confirmation_covers_the_layers_below() {
    let folder = committed(&[
        ("flags.toml", DECLARED),
        ("flags.prod.toml", "[flags]\ny = true\n"),
        ("flags.prod.eu.toml", "[flags]\ny = true\n"),
    ]);
    let mut terminal = folder.terminal(&["go", "x", "--env", "prod.eu", "--to", "10"]);
    terminal.wait_for("Type x");
    folder.write("flags.prod.toml", "[flags]\ny = false\n");
    terminal.answer("x");
    let (code, shown) = terminal.end();
    assert_eq!(code, 7, "{shown}");
    assert!(shown.contains("flags.prod.toml changed meanwhile"), "{shown}");
}

#[test]
fn two_files_are_compared_under_one_environment() {
    let folder = committed(&[("flags.toml", DECLARED), ("flags.prod.toml", "[flags]\nx = true\n")]);
    folder.write("after.toml", "[flags]\nx = false\ny = false\n");
    check(&folder, &["diff", "flags.toml", "after.toml", "--env", "prod"], 0, "narrows  y     on      off\n");
    assert!(!folder.run(&["diff", "flags.toml", "after.toml", "--env", "prod"]).out.contains("  x  "));
    let mut command = folder.command(&["diff", "HEAD", "flags.toml", "--env", "prod"]);
    command.current_dir(folder.path("src"));
    let ran = ended(command);
    assert_eq!((ran.code, ran.out.as_str()), (0, "no differences\n"), "{ran:?}");
}

const TARGETED: &str = "[flags.x]\non = false\nrollout = 0\nrequires = [\"y\"]\nrules = [{ if = { plan = \"beta\" } }]\n\
                        [flags.y]\non = true\n";

/// An environment changes the state, and keeps the rules of the declaration.
#[test]
fn go_in_an_environment_keeps_the_rules_of_the_declaration() {
    let folder = committed(&[("flags.toml", TARGETED)]);
    go(&folder, &["x", "--env", "prod", "--to", "25"]);
    let inherits = "[flags.x]\ninherit = true\non = true\nrollout = 25\n";
    assert_eq!(folder.read("flags.prod.toml"), format!("[flags]\n\n{inherits}"));
    let explained = folder.run(&["explain", "x", "--env", "prod", "--id", "u1", "--attr", "plan=beta"]);
    assert!(explained.out.starts_with("x is on"), "{explained:?}");
    for part in ["on, rollout from file:flags.prod.toml", "requires, rules from file:flags.toml"] {
        assert!(explained.out.contains(part), "{part}: {explained:?}");
    }
    // The log covers the entry with what it inherits.
    check(&folder, &BASE, 0, "0 errors");
    check(&folder, &["log", "--verify"], 0, "ok");
    check(&folder, &["revert", "x", "--env", "prod"], 0, "turned x from 25% to off");
    go(&folder, &["x", "--env", "prod"]);
    assert_eq!(folder.read("flags.prod.toml"), format!("[flags]\n\n{}", inherits.replace("25", "100")));
}

#[test]
fn a_short_entry_that_is_off_becomes_one_that_inherits() {
    let folder = committed(&[("flags.toml", TARGETED), ("flags.prod.toml", "[flags] # ours\nx = false # not yet\n")]);
    go(&folder, &["x", "--env", "prod", "--to", "25"]);
    let expected = "[flags] # ours\nx = { inherit = true, on = true, rollout = 25 } # not yet\n";
    assert_eq!(folder.read("flags.prod.toml"), expected);
    check(&folder, &["eval", "x", "--env", "prod", "--id", "u1", "--attr", "plan=beta"], 0, "x is on");
    // A plain flag needs no table.
    folder.write("flags.toml", DECLARED);
    folder.write("flags.prod.toml", "[flags]\nx = false\n");
    go(&folder, &["x", "--env", "prod", "--to", "25"]);
    assert_eq!(folder.read("flags.prod.toml"), "[flags]\nx = \"25%\"\n");
}

#[test]
fn an_environment_in_json_inherits_too() {
    let folder = committed(&[("flags.toml", TARGETED), ("flags.prod.json", "{\"flags\": {\"x\": false}}\n")]);
    go(&folder, &["x", "--env", "prod"]);
    let expected = "{\"flags\": {\"x\": { \"inherit\": true, \"on\": true, \"rollout\": 100 }}}\n";
    assert_eq!(folder.read("flags.prod.json"), expected);
    folder.write("flags.prod.json", "{\"flags\": {}}\n");
    go(&folder, &["x", "--env", "prod", "--to", "25"]);
    let expected = "{\"flags\": {\"x\": {\"inherit\": true, \"on\": true, \"rollout\": 25}}}\n";
    assert_eq!(folder.read("flags.prod.json"), expected);
}
