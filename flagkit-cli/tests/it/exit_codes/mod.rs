//! The exit code of each command and the words it prints, on success and on failure.

mod base;

use crate::support::{Folder, go};

const FLAGS: &str = "\
[flags]
plain = true

[flags.beta-ui]
owner = \"team@example.com\"
on = true
rollout = 0
[[flags.beta-ui.rules]]
name = \"beta\"
if = { plan = \"beta\" }
";

const CODE: &str = "fn main() { if flag!(\"plain\") { assert!(flag!(\"beta-ui\", &user)); } }\n";

fn folder() -> Folder {
    let folder = Folder::with("flags.toml", FLAGS);
    folder.write("src/main.rs", CODE);
    folder
}

#[track_caller]
fn check(folder: &Folder, arguments: &[&str], code: i32, shows: &[&str]) {
    let ran = folder.run(arguments);
    assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
    let printed = ran.out.clone() + &ran.err;
    for part in shows {
        assert!(printed.contains(part), "{arguments:?} does not show {part:?}: {printed}");
    }
    assert!(!printed.contains('\u{1b}'), "no colours in a pipe: {printed:?}");
    if !["watch", "completions"].contains(&arguments[0]) && code != 2 {
        folder.json(arguments);
    }
}

#[test]
fn commands_that_read() {
    let folder = folder();
    check(&folder, &["list"], 0, &["plain", "on", "beta-ui", "1 rule", "team@example.com", "all from file:flags.toml"]);
    check(&folder, &["show", "beta-ui"], 0, &["beta-ui  1 rule", "owner        team@example.com", "src/main.rs:1:47"]);
    check(&folder, &["eval", "plain"], 0, &["plain is on: on for every subject it applies to, from file:flags.toml"]);
    check(&folder, &["eval", "beta-ui", "--id", "u1", "--attr", "plan=beta"], 0, &["beta-ui is on", "by rule 0"]);
    check(&folder, &["eval", "beta-ui", "--id", "u1"], 0, &["beta-ui is off"]);
    check(&folder, &["explain", "beta-ui", "--attr", "plan=free"], 0, &["rule 0 \"beta\": no", "got \"free\""]);
    check(&folder, &["log"], 0, &["no entries"]);
    check(&folder, &["man"], 0, &[".TH flagkit", ".SS \"flagkit go\""]);
    check(&folder, &["completions", "bash"], 0, &["beta-ui plain"]);
    for command in ["show", "eval", "explain"] {
        check(&folder, &[command, "plian"], 2, &["cannot find flag \"plian\"", "did you mean `plain`?"]);
    }
    check(&folder, &["eval", "plain", "--attr", "plan"], 2, &["expected NAME=VALUE"]);
    check(&folder, &["eval", "plain", "--source", "ftp:x"], 2, &["--source ftp:x", "file:PATH"]);
    check(&folder, &["list", "--file", "nowhere.toml"], 8, &["nowhere.toml"]);
    check(&folder, &["show", "x", "--file", "nowhere.toml"], 8, &["`flagkit init --file nowhere.toml` writes one"]);
    check(&folder, &["lits"], 2, &["list"]);
    folder.write("invalid.toml", "[flags]\nx = = 1\n");
    check(&folder, &["show", "x", "--file", "invalid.toml"], 1, &["invalid.toml:2:5", "flagkit revert --all"]);
}

/// Programs accept such numbers, although most parsers of TOML and JSON do not.
#[test]
fn numbers_beyond_64_bits_are_accepted() {
    let folder = folder();
    folder.write("src/main.rs", "fn main() { flag!(\"big\"); }\n");
    let toml = "[flags.big]\non = true\ngate = \"g\"\nrules = [{ if = { a = 99999999999999999999 } }]\n[gate.g]\n";
    folder.write("flags.toml", toml);
    let json = r#"{"flags": {"big": {"on": true, "gate": "g", "rules": [{"if": {"a": 99999999999999999999}}]}}, "gate": {"g": {}}}"#;
    folder.write("flags.json", json);
    for file in ["flags.toml", "flags.json"] {
        check(&folder, &["check", "--file", file], 0, &["0 errors"]);
        check(&folder, &["show", "big", "--file", file], 0, &["on + 1 rule", "gate         g"]);
        check(&folder, &["revert", "big", "--file", file], 0, &["turned big from on to off"]);
        assert!(folder.read(file).contains("99999999999999999999"));
    }
}

/// Found by fuzzing: a parser without a depth limit overflowed its stack, and a signal ended the command.
#[test]
fn a_file_made_to_overflow_the_stack_is_invalid() {
    let folder = folder();
    let text = format!("[flags]\nx = true\ny = {}", "{ a [b]\n".repeat(100_000));
    folder.write("flags.toml", &text);
    let problem = "got a bracket that is not closed before 64 more are open";
    for arguments in [
        &["check"][..],
        &["list"],
        &["show", "x"],
        &["eval", "x"],
        &["explain", "x"],
        &["diff", "flags.toml", "flags.toml"],
        &["new", "z"],
    ] {
        check(&folder, arguments, 1, &[problem]);
    }
    for arguments in [["revert", "x"], ["revert", "--all"]] {
        folder.write("flags.toml", &text);
        let ran = folder.run(&arguments);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(folder.read("flags.toml").contains("x = false"), "{}", folder.read("flags.toml"));
    }
}

#[test]
fn sources_are_layers_in_their_order() {
    let folder = folder();
    folder.write("over.toml", "[flags]\nplain = false\n");
    let both = ["--source", "file:flags.toml", "--source", "file:over.toml"];
    check(&folder, &[&["eval", "plain"][..], &both].concat(), 0, &["plain is off", "from file:over.toml"]);
    let mut command = folder.command(&["eval", "plain"]);
    let output = command.env("FLAG_PLAIN", "off").output().expect("it runs");
    assert!(String::from_utf8_lossy(&output.stdout).contains("from env:FLAG_"));
}

#[test]
fn a_batch_is_evaluated_line_by_line() {
    let folder = folder();
    let requests = "\
{\"flag\":\"plain\"}
{\"flag\":\"beta-ui\",\"id\":7,\"attributes\":{\"plan\":\"beta\",\"seats\":[1,2.5,true,null]}}

{\"flag\":\"nowhere\",\"id\":\"u1\"}
";
    let ran = folder.run_with(&["eval", "--stdin"], requests);
    let expected = "\
{\"flag\":\"plain\",\"on\":true,\"reason\":\"on\"}
{\"flag\":\"beta-ui\",\"on\":true,\"reason\":\"on\",\"rule\":0}
{\"flag\":\"nowhere\",\"on\":false,\"reason\":\"not-found\"}
";
    assert_eq!((ran.code, ran.out.as_str()), (0, expected), "{ran:?}");
    let ran = folder.run_with(&["eval", "--stdin"], "{\"flag\":\"plain\"}\nnonsense\n{\"flag\":\"plain\"}\n");
    assert_eq!((ran.code, ran.out.lines().count()), (1, 3), "{ran:?}");
    assert!(ran.out.contains("\"line\":2"), "{ran:?}");
}

#[test]
fn commands_that_declare() {
    let folder = folder();
    check(&folder, &["init"], 7, &["the file already exists"]);
    check(
        &folder,
        &["new", "search", "--owner", "me", "--kind", "release", "--dry-run"],
        0,
        &["would add", "flag!(\"search\")"],
    );
    assert_eq!(folder.read("flags.toml"), FLAGS);
    let ran = folder.run(&["new", "search", "--owner", "a \"b\"", "--expires", "2099-01-01"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(folder.read("flags.toml").starts_with(FLAGS));
    check(&folder, &["eval", "search"], 0, &["search is off: the flag is off"]);
    check(&folder, &["new", "searhc"], 7, &["search is already declared", "easy to confuse"]);
    check(&folder, &["new", "beta.ui"], 7, &["beta-ui is already declared"]);
    check(&folder, &["new", "no key"], 2, &["' ' at byte 2"]);
    std::fs::remove_file(folder.path("flags.toml")).expect("it was there");
    check(&folder, &["init", "--dry-run"], 0, &["would write", "flagkit check --base origin/main"]);
    assert_eq!(folder.run(&["init"]).code, 0);
    check(&folder, &["list"], 0, &["no flags"]);
}

#[test]
fn differences_are_classified() {
    let folder = folder();
    folder.write("wide.toml", &FLAGS.replace("rollout = 0", "rollout = 50"));
    check(&folder, &["diff", "flags.toml", "flags.toml"], 0, &["no differences"]);
    check(&folder, &["diff", "flags.toml", "wide.toml"], 0, &["widens", "beta-ui"]);
    check(&folder, &["diff", "flags.toml", "wide.toml", "--deny-widening"], 1, &["widens"]);
    check(&folder, &["diff", "wide.toml", "flags.toml", "--deny-widening"], 0, &["narrows"]);
    folder.write(
        "people.jsonl",
        "{\"id\":\"u1\"}\n{\"id\":\"u2\",\"attributes\":{\"plan\":\"beta\"}}\n{\"id\":\"u3\"}\n{\"id\":\"u4\"}\n",
    );
    let data = folder.json(&["diff", "flags.toml", "wide.toml", "--population", "people.jsonl"]);
    let row = &data["data"]["flags"][0];
    let newly = row["newly"].as_u64().expect("a count");
    assert!(newly <= 3 && row["no_longer"] == 0, "{row}");
    check(&folder, &["diff", "flags.toml", "v0.0"], 2, &["v0.0"]);
    folder.write("people.jsonl", "{\"id\":\"u1\"}\n{\"id\":\n");
    check(&folder, &["diff", "flags.toml", "wide.toml", "--population", "people.jsonl"], 2, &["people.jsonl:2"]);
}

#[test]
fn changes_are_watched() {
    let folder = folder();
    let mut child =
        folder.command(&["watch", "--lines", "2"]).stdout(std::process::Stdio::piped()).spawn().expect("it");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("a pipe")));
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&lines.next().expect("a line").expect("UTF-8")).expect("JSON") };
    assert_eq!(next()["event"], "ready");
    folder.write("flags.toml", &FLAGS.replace("plain = true", "plain = false"));
    let change = next();
    assert_eq!((&change["event"], &change["source"]), (&"changed".into(), &"file:flags.toml".into()));
    let key = &change["keys"][0];
    assert_eq!(
        (&key["flag"], &key["before"], &key["after"], &key["effect"]),
        (&"plain".into(), &"on".into(), &"off".into(), &"narrows".into())
    );
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn findings_are_printed_in_every_format() {
    let folder = folder();
    check(&folder, &["check"], 0, &["0 errors, 0 warnings"]);
    folder.write("src/other.rs", "fn f() { println!(\"{}\", flag!(\"plian\")); } // flag!(\"comment\")\n");
    let more = "\n[flags.old]\nkind = \"release\"\nexpires = 2020-01-01\n[flags.timed]\nstart_at = 2020-01-01\n[flags.kept]\nallow = { unused = \"drills\" }\n";
    folder.write("flags.toml", &(FLAGS.to_owned() + more));
    let human = [
        "src/other.rs:1:31: error [undeclared] plian",
        "did you mean `plain`?",
        "error [unused] old",
        "error [expired] old expired on 2020-01-01",
        "error [problem] flags.timed.start_at: got the unknown key `start_at`, expected no schedule",
        ", 1 allowed",
    ];
    check(&folder, &["check"], 1, &human);
    check(
        &folder,
        &["check", "--format", "github"],
        1,
        &["::error file=src/other.rs,line=1,col=31,title=flagkit undeclared::"],
    );
    for format in ["json", "sarif"] {
        let ran = folder.run(&["check", "--format", format]);
        let value: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
        let findings = if format == "json" { &value["findings"] } else { &value["runs"][0]["results"] };
        assert!(findings.as_array().expect("findings").len() >= 4, "{value}");
    }
}

#[test]
fn a_failed_check_in_a_test_reports_file_and_line() {
    let folder = folder();
    assert!(flagkit_cli::check(folder.path("flags.toml")).is_ok());
    folder.write("src/main.rs", "fn main() { flag!(\"plian\"); flag!(\"beta-ui\", &user); }\n");
    let old = "\n[flags.old]\nexpires = 2020-01-01\nallow = { unused = \"a drill\" }\n";
    folder.write("flags.toml", &(FLAGS.to_owned() + old));
    folder.write("tests/t.rs", "#[flag_test(\"bta-ui\")]\nfn t() { let _g = testing::set(\"plain\", true); }\n");
    folder.write("src/broken.rs", "fn f() { flag!(\"plain\") \n");
    // Vendored code and build output are not searched.
    for (mark, code) in
        [("vendor/dep/.cargo-checksum.json", "vendor/dep/src/lib.rs"), ("target/CACHEDIR.TAG", "target/a/b.rs")]
    {
        folder.write(mark, "{}");
        folder.write(code, "fn f() { flag!(\"of-others\"); flag!(\"plain\"); }\n");
    }
    let findings = flagkit_cli::check(folder.path("flags.toml")).expect_err("there are errors");
    let shown = format!("{findings:?}");
    for part in [
        "flags.toml:2:1: plain is declared, but no code below",
        "flags.toml:12:8: old expired on 2020-01-01",
        "src/main.rs:1:19: plian is not declared, so it is always off",
        "did you mean `plain`?",
        "tests/t.rs:1:13: a test sets bta-ui, which is not declared",
        "src/broken.rs: cannot parse the file as Rust: the flags that it reads are unknown",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    assert!(!shown.contains("of-others"), "{shown}");
    let missing = flagkit_cli::check(folder.path("nowhere.toml")).expect_err("there is no such file");
    let missing = missing.to_string();
    assert!(missing.contains("there is no such file") && !missing.contains("--file"), "{missing}");
}

#[test]
fn json_output_always_has_the_same_envelope() {
    let folder = folder();
    for (arguments, message) in [
        (&["lits"][..], "unrecognized subcommand"),
        (&["go"], "required arguments"),
        (&["go", "plain", "--to", "many"], "invalid value"),
        (&["eval"], "required arguments"),
    ] {
        let envelope = folder.json(arguments);
        assert_eq!((&envelope["exit"], &envelope["verb"]), (&2.into(), &serde_json::Value::Null));
        assert!(envelope["error"]["message"].as_str().expect("a text").contains(message), "{envelope}");
    }
    for (input, code) in [("{\"flag\":\"plain\"}\n", 0), ("nonsense\n", 1)] {
        let ran = folder.run_with(&["--json", "eval", "--stdin"], input);
        assert_eq!((ran.code, ran.out.lines().count()), (code, 2), "{ran:?}");
        let last: serde_json::Value = serde_json::from_str(ran.out.lines().last().expect("a line")).expect("JSON");
        assert_eq!((&last["verb"], &last["exit"]), (&"eval".into(), &code.into()), "{last}");
    }
}

#[test]
fn a_prerequisite_that_is_off_is_named_before_a_release() {
    let flags = "[flags]\nb = false\n[flags.a]\non = true\nrollout = 10\nrequires = [\"b\"]\n";
    let folder = Folder::with("flags.toml", flags);
    let ran = folder.run(&["go", "a", "--to", "50", "--dry-run"]);
    assert!(ran.out.contains("It requires b, which is off: no one will see it until b is on."), "{ran:?}");
}

#[test]
fn a_soak_requires_a_valid_log_and_applies_to_environments() {
    let flags = "[flags]\na = false\n[defaults]\ngate = \"g\"\n[gate.g]\nramp = [1, 10, 100]\nsoak = \"24h\"\n";
    let folder = Folder::with("flags.toml", flags);
    go(&folder, &["a"]);
    let ran = folder.run(&["go", "a", "--env", "prod", "--dry-run"]);
    assert!(ran.code == 7 && ran.err.contains("does not advance on its own"), "{ran:?}");
    let log = folder.log();
    let year = log.replacen("\"when\":\"20", "\"when\":\"19", 1);
    for cut in [log[..log.len() - 5].to_owned(), year] {
        folder.write(".flagkit/log.jsonl", &cut);
        let ran = folder.run(&["go", "a", "--dry-run"]);
        assert!(ran.code == 3 && ran.err.contains("the log has errors"), "{ran:?}");
    }
}

#[test]
fn a_log_is_printed_in_the_order_of_time_without_control_characters() {
    let folder = Folder::with("flags.toml", "[flags]\na = true\n");
    let reason = "oops\n2026-01-01 10:00Z go     y off -> on by ceo\u{1b}[31m";
    assert_eq!(folder.run(&["revert", "a", "--to", "50", "--reason", reason]).code, 0);
    assert_eq!(folder.run(&["revert", "a"]).code, 0);
    let log = folder.log();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    folder.write(".flagkit/log.jsonl", &format!("\u{feff}{}\n{}", lines[1], lines[0]));
    let ran = folder.run(&["log"]);
    assert_eq!(ran.out.lines().count(), 2, "{ran:?}");
    assert!(ran.out.contains("on -> 50% by tester: oops\\n2026") && !ran.out.contains('\u{1b}'), "{ran:?}");
    assert_eq!(folder.run(&["log", "--verify"]).code, 0);
    folder.write("flags.toml", "[flags.a]\non = true\nowner = \"a\\u001b[31mRED\\nb  off\"\n");
    let ran = folder.run(&["list"]);
    assert!(!ran.out.contains('\u{1b}') && ran.out.lines().count() == 3, "{ran:?}");
}

#[test]
fn values_of_gates_are_explained() {
    let gate = |soak: &str, contains: &str| {
        let folder = Folder::with(
            "flags.toml",
            &format!(
                "[gate.a]\nchecks = [\"home\"]\nsoak = {soak}\n[check.home]\nurl = \"http://127.0.0.1:1/\"\n\
                 expect = {{ contains = {contains} }}\n[flags]\n"
            ),
        );
        folder.run(&["check"])
    };
    for soak in ["\"1d\"", "\"2d 12h\"", "\"90m\"", "\"1w\""] {
        let ran = gate(soak, "\"a\"");
        assert_eq!(ran.code, 0, "{soak}: {ran:?}");
    }
    for (soak, contains, words) in [
        ("\"1mo\"", "\"a\"", "flags.toml:3:8: error [gate] got \"1mo\", expected a duration such as \"10m\""),
        ("10", "\"a\"", "flags.toml:3:8: error [gate] got 10, expected a duration"),
        ("\"-1h\"", "\"a\"", "got \"-1h\", expected a duration"),
        ("\"1h\"", "\"\"", "flags.toml:6:23: error [gate] got an empty text, expected a part of the response"),
    ] {
        let ran = gate(soak, contains);
        assert!(ran.code == 1 && ran.out.contains(words), "{soak} {contains}: {ran:?}");
    }
}

#[test]
fn a_flag_is_declared_in_every_form_of_the_table() {
    for (name, before) in [
        ("flags.toml", "flags = { x = true }\n"),
        ("flags.toml", "flags = {}\n"),
        ("flags.toml", "# all\nflags={x.on=true} # here\n[meta]\nflags = 1\n"),
        ("flags.toml", "flags = {\n  x = true,\n  z = false, # c\n}\n"),
        ("flags.toml", "flags.x = true\n"),
        ("flags.toml", "flags.x.on = true"),
        ("flags.toml", "[flags]\nx.on = true\n"),
        ("flags.toml", "\u{feff}[flags.x]\r\non = true\r\n"),
        ("flags.json", "{\"flags\": {\"x\": true}}\n"),
        ("flags.json", "{\"flags\":{}}"),
        ("flags.json", "{\"meta\": {\"flags\": 1}, \"flags\": {\n\t\"x\": {\"on\": true}\n}}"),
    ] {
        let folder = Folder::with(name, before);
        let ran = folder.run(&["new", "y.z", "--owner", "me", "--expires", "2999-01-01", "--file", name]);
        assert_eq!(ran.code, 0, "{before:?}: {ran:?}");
        let after = folder.read(name);
        let list = folder.json(&["list", "--file", name]);
        let states = list["data"]["flags"].as_array().expect("flags");
        let state = |key: &str| states.iter().find(|flag| flag["flag"] == key).map(|flag| flag["state"].clone());
        assert_eq!(state("y.z"), Some("off".into()), "{after}");
        assert_eq!(state("x"), before.contains('x').then(|| "on".into()), "{after}");
        assert_eq!(folder.run(&["revert", "--all", "--file", name]).code, 0);
        assert!(!folder.read(name).contains("true"), "{after}");
        let shown: String = ran.out.lines().skip(2).take(1).collect();
        assert!(after.contains(shown.trim()), "{shown:?} in {after}");
    }
}
