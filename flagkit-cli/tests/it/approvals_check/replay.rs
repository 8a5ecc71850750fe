//! `check --base`: approvals of a release that was reverted release nothing again.

use super::{Person, SIGNED, commit, edit, expect, release, repository};
use crate::support::{Folder, sha256};

/// Adds a copy of the first `go` to the log, as the newest entry, and for a file of this name.
fn forge_go(folder: &Folder, file: &str) {
    let log = folder.log();
    let go = log.lines().next().expect("an entry");
    let field = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("\"{name}\":\"")).expect("the field");
        rest.split('"').next().expect("a text").to_owned()
    };
    let last = log.lines().last().expect("an entry");
    let baseline = go.find("\"baseline\":").expect("the first entry has a baseline");
    let previous = go.find("\"previous\":").expect("the hash of the previous entry");
    let entry = |hash: &str| {
        format!("{}\"previous\":\"{}\",\"hash\":\"{hash}\"}}", &go[..baseline], field(last, "hash"))
            .replace(&field(go, "when"), "2099-01-01T00:00:00Z")
            .replace(&field(go, "file"), file)
    };
    assert!(baseline < previous, "{go}");
    folder.write(".flagkit/log.jsonl", &format!("{log}{}\n", entry(&sha256(&entry("")))));
    let verified = folder.run(&["log"]);
    assert_eq!(verified.code, 0, "{verified:?}");
}

#[test]
fn a_replayed_release_is_reported() {
    for to in [&[][..], &["--to", "5"]] {
        let alice = Person::new("alice");
        let folder = repository(SIGNED, &alice.line(""));
        release(&folder, &alice, &["--to", "10"]);
        let released = folder.read("flags.prod.toml");
        expect(&folder.run(&[&["revert", "x", "--env", "prod"], to].concat()), 0, &[]);
        commit(&folder);
        folder.write("flags.prod.toml", &released);
        forge_go(&folder, "flags.prod.toml");
        let ran = folder.run(&["check", "--base", "HEAD"]);
        expect(&ran, 1, &["error [widens] x", "and HEAD has", "already: a replay"]);
        // A new release after the revert has a greater serial.
        folder.git(&["checkout", "-q", "."]);
        release(&folder, &alice, &["--to", "10"]);
        expect(&folder.run(&["check", "--base", "HEAD~1"]), 0, &["0 errors"]);
    }
}

#[test]
fn a_replayed_release_in_a_file_of_another_name_is_reported() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    let released = folder.read("flags.prod.toml");
    folder.remove("flags.prod.toml");
    commit(&folder);
    let (approval, signature) = (released.find("by = ").expect("an approval"), released.find("-----BEGIN"));
    let (approval, signature) = released[approval..].split_at(signature.expect("a signature") - approval);
    let fields = approval.lines().filter_map(|line| line.split_once(" = ")).map(|(name, value)| match name {
        "at" => format!("\"{name}\": \"{value}\", "),
        "signature" => format!("\"{name}\": {:?}", signature.trim_end().trim_end_matches("\"\"\"")),
        _ => format!("\"{name}\": {value}, "),
    });
    let fields: String = fields.collect();
    let flag = format!("{{\"on\": true, \"rollout\": \"10%\", \"approval\": [{{{fields}}}]}}");
    folder.write("flags.prod.json", &format!("{{\"flags\": {{\"x\": {flag}}}}}\n"));
    forge_go(&folder, "flags.prod.json");
    expect(&folder.run(&["check"]), 0, &["0 errors"]);
    let ran = folder.run(&["check", "--base", "HEAD"]);
    expect(&ran, 1, &["error [widens] x", "already: a replay"]);
}

#[test]
fn a_replayed_definition_is_reported() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    let [released, flags] = ["flags.prod.toml", "flags.toml"].map(|name| folder.read(name));
    edit(&folder, "flags.toml", "description", "salt = \"other\"\ndescription");
    release(&folder, &alice, &["--to", "10"]);
    folder.write("flags.prod.toml", &released);
    folder.write("flags.toml", &flags);
    forge_go(&folder, "flags.prod.toml");
    let ran = folder.run(&["check", "--base", "HEAD"]);
    expect(&ran, 1, &["error [widens] x", "already: a replay"]);
}

#[test]
fn a_serial_in_junk_of_the_base_refuses_no_release() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    let text = folder.read("flags.prod.toml");
    let junk = text[text.find("[[flags.x.approval]]").expect("an approval")..].to_owned();
    let serial = junk.split("serial = ").nth(1).and_then(|rest| rest.split('\n').next()).expect("a serial");
    folder.write("flags.prod.toml", &(text.clone() + &junk.replace(serial, "9223372036854775807")));
    commit(&folder);
    release(&folder, &alice, &["--to", "20"]);
    expect(&folder.run(&["check", "--base", "HEAD~1"]), 0, &["0 errors"]);
    assert!(!folder.read("flags.prod.toml").contains("9223372036854775807"));
}

#[test]
fn a_repair_returns_to_the_approvals_that_programs_kept() {
    let alice = Person::new("alice");
    let folder = repository(SIGNED, &alice.line(""));
    release(&folder, &alice, &["--to", "10"]);
    edit(&folder, "flags.prod.toml", "rollout = \"10%\"", "rollout = \"ten\"");
    commit(&folder);
    edit(&folder, "flags.prod.toml", "rollout = \"ten\"", "rollout = \"10%\"");
    commit(&folder);
    expect(&folder.run(&["check", "--base", "HEAD~1"]), 0, &["0 errors"]);
}
