//! `revert` and `log`.

use super::{BROKEN, FLAGS, changed, shop};
use crate::support::{Folder, Transcript};

#[test]
fn revert() {
    let folder = shop();
    folder.write("flags.toml", &FLAGS.replace("[flags.beta-ui]\non = true", "[flags.beta-ui]\non = false"));
    let mut told = Transcript::new(&folder);
    let before = folder.all();
    told.both(&["revert", "dark-mode", "--dry-run"]);
    told.both(&["revert", "--all", "--dry-run"]);
    assert_eq!(changed(&folder, &before), Vec::<String>::new(), "a dry run writes nothing");
    told.text(&["revert", "search-v2", "--to", "5", "--reason", "slow"]);
    told.json(&["revert", "dark-mode"]);
    told.both(&["revert", "dark-mode"]);
    told.note("No way back, no flag, no percentage.");
    told.both(&["revert", "search-v2", "--to", "50"]);
    told.both(&["revert", "dark-mod"]);
    told.text(&["revert"]);
    told.text(&["revert", "dark-mode", "--all"]);
    told.text(&["revert", "dark-mode", "--to", "-1"]);
    told.both(&["revert", "x", "--file", "nowhere.toml"]);
    told.both(&["revert", "--all", "--file", "nowhere.toml"]);
    told.note("Everything.");
    told.text(&["revert", "--all", "--reason", "a fire"]);
    told.both(&["revert", "--all"]);
    told.file("flags.toml");
    told.both(&["log"]);
    told.text(&["log", "--verify"]);
    told.check("revert");
}

#[test]
fn revert_of_a_file_that_does_not_parse() {
    let folder = Folder::with("flags.toml", BROKEN);
    let mut told = Transcript::new(&folder);
    let before = folder.all();
    told.both(&["revert", "a"]);
    told.both(&["revert", "--all", "--dry-run"]);
    assert_eq!(changed(&folder, &before), Vec::<String>::new(), "a dry run writes nothing");
    let ran = folder.run(&["revert", "--all"]);
    let kept = ran.out.split("is kept as ").nth(1).expect("it is kept").trim().to_owned();
    told.replace(&kept, "flags.toml.broken-WHEN");
    told.shown("flagkit revert --all", &ran.out, &ran.err, ran.code);
    assert_eq!(folder.read(&kept), BROKEN, "byte by byte");
    told.file("flags.toml");
    told.text(&["log"]);
    told.text(&["log", "--verify"]);
    told.text(&["list"]);
    told.check("revert-of-a-broken-file");
}

#[test]
fn log() {
    let folder = shop();
    let mut told = Transcript::new(&folder);
    told.both(&["log"]);
    told.both(&["log", "--verify"]);
    for to in ["80", "50", "20"] {
        assert_eq!(folder.run(&["revert", "dark-mode", "--to", to]).code, 0);
    }
    assert_eq!(folder.run(&["revert", "search-v2", "--reason", "slow"]).code, 0);
    told.both(&["log"]);
    told.text(&["log", "search-v2"]);
    told.text(&["log", "new-checkout"]);
    told.both(&["log", "dark-mod"]);
    told.both(&["log", "--verify"]);
    let log = folder.log();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    for (note, text) in [
        ("Edited.", log.replacen("\"to\":\"80%\"", "\"to\":\"70%\"", 1)),
        ("An entry in the middle is gone.", [lines[0], lines[2], lines[3]].concat()),
        ("The end is gone.", lines[..2].concat()),
        ("The end breaks off.", log[..log.len() - 20].to_owned()),
        ("Nothing that is an entry.", "nonsense\n".to_owned() + &log),
        ("Merged from branches, in another order.", [lines[3], lines[0], lines[1], lines[2]].concat()),
    ] {
        told.note(note);
        folder.write(".flagkit/log.jsonl", &text);
        told.both(&["log", "--verify"]);
    }
    told.note("The file was changed by hand.");
    folder.write(".flagkit/log.jsonl", &log);
    folder.write("flags.toml", FLAGS);
    told.both(&["log", "--verify"]);
    told.both(&["log", "--verify", "search-v2"]);
    told.note("The file is gone, or broken.");
    folder.write("flags.toml", BROKEN);
    told.both(&["log", "--verify"]);
    folder.remove("flags.toml");
    told.both(&["log", "--verify"]);
    told.text(&["log", "search-v2"]);
    told.check("log");
}
