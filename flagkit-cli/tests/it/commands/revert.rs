//! `revert` and `log`.

use super::{FLAGS, INVALID, changed, shop};
use crate::support::{Folder, Transcript};

#[test]
fn revert() {
    let folder = shop();
    folder.write("flags.toml", &FLAGS.replace("[flags.beta-ui]\non = true", "[flags.beta-ui]\non = false"));
    let mut transcript = Transcript::new(&folder);
    let before = folder.all();
    transcript.both(&["revert", "dark-mode", "--dry-run"]);
    transcript.both(&["revert", "--all", "--dry-run"]);
    assert_eq!(changed(&folder, &before), Vec::<String>::new(), "a dry run writes nothing");
    transcript.text(&["revert", "search-v2", "--to", "5", "--reason", "slow"]);
    transcript.json(&["revert", "dark-mode"]);
    transcript.both(&["revert", "dark-mode"]);
    transcript.note("A widening, an unknown flag, and invalid percentages.");
    transcript.both(&["revert", "search-v2", "--to", "50"]);
    transcript.both(&["revert", "dark-mod"]);
    transcript.text(&["revert"]);
    transcript.text(&["revert", "dark-mode", "--all"]);
    transcript.text(&["revert", "dark-mode", "--to", "-1"]);
    transcript.both(&["revert", "x", "--file", "nowhere.toml"]);
    transcript.both(&["revert", "--all", "--file", "nowhere.toml"]);
    transcript.note("Everything.");
    transcript.text(&["revert", "--all", "--reason", "a fire"]);
    transcript.both(&["revert", "--all"]);
    transcript.file("flags.toml");
    transcript.both(&["log"]);
    transcript.text(&["log", "--verify"]);
    transcript.check("revert");
}

#[test]
fn revert_of_an_invalid_file() {
    let folder = Folder::with("flags.toml", INVALID);
    let mut transcript = Transcript::new(&folder);
    let before = folder.all();
    transcript.both(&["revert", "a", "--dry-run"]);
    transcript.both(&["revert", "a", "--to", "5", "--dry-run"]);
    transcript.both(&["revert", "--all", "--dry-run"]);
    assert_eq!(changed(&folder, &before), Vec::<String>::new(), "a dry run writes nothing");
    let ran = folder.run(&["revert", "--all"]);
    let kept = ran.out.split("is saved as ").nth(1).expect("it is kept").trim().to_owned();
    transcript.replace(&kept, "flags.toml.broken-WHEN");
    transcript.shown("flagkit revert --all", &ran.out, &ran.err, ran.code);
    assert_eq!(folder.read(&kept), INVALID, "byte by byte");
    transcript.file("flags.toml");
    transcript.text(&["log"]);
    transcript.text(&["log", "--verify"]);
    transcript.text(&["list"]);
    transcript.check("revert-invalid-file");
}

#[test]
fn log() {
    let folder = shop();
    let mut transcript = Transcript::new(&folder);
    transcript.both(&["log"]);
    transcript.both(&["log", "--verify"]);
    for to in ["80", "50", "20"] {
        assert_eq!(folder.run(&["revert", "dark-mode", "--to", to]).code, 0);
    }
    assert_eq!(folder.run(&["revert", "search-v2", "--reason", "slow"]).code, 0);
    transcript.both(&["log"]);
    transcript.text(&["log", "search-v2"]);
    transcript.text(&["log", "new-checkout"]);
    transcript.both(&["log", "dark-mod"]);
    transcript.both(&["log", "--verify"]);
    let log = folder.log();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    for (note, text) in [
        ("Edited.", log.replacen("\"to\":\"80%\"", "\"to\":\"70%\"", 1)),
        ("An entry in the middle is missing.", [lines[0], lines[2], lines[3]].concat()),
        ("The end is missing.", lines[..2].concat()),
        ("The last line is truncated.", log[..log.len() - 20].to_owned()),
        ("An invalid line.", "nonsense\n".to_owned() + &log),
        ("Merged from branches, in another order.", [lines[3], lines[0], lines[1], lines[2]].concat()),
    ] {
        transcript.note(note);
        folder.write(".flagkit/log.jsonl", &text);
        transcript.both(&["log", "--verify"]);
    }
    transcript.note("The file was changed by hand.");
    folder.write(".flagkit/log.jsonl", &log);
    folder.write("flags.toml", FLAGS);
    transcript.both(&["log", "--verify"]);
    transcript.both(&["log", "--verify", "search-v2"]);
    transcript.note("The file is invalid, and then missing.");
    folder.write("flags.toml", INVALID);
    transcript.both(&["log", "--verify"]);
    folder.remove("flags.toml");
    transcript.both(&["log", "--verify"]);
    transcript.text(&["log", "search-v2"]);
    transcript.check("log");
}
