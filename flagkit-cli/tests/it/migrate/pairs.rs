//! Every pair of stages: the legal steps succeed, and all others change nothing.

use super::{VOUCHED, backfill, step};
use crate::support::Folder;

const STAGES: [&str; 7] = ["off", "dual-write", "shadow", "live", "ramp-down", "complete", "contracted"];

/// A migration that steps brought to this stage.
fn at(stage: &str) -> Folder {
    let folder = Folder::with("flags.toml", VOUCHED);
    for next in STAGES.iter().skip(1).take(STAGES.iter().position(|it| *it == stage).expect("a stage")) {
        match *next {
            "shadow" => backfill(&folder),
            "contracted" => {
                step(&folder, &["contract"]);
                continue;
            }
            _ => {}
        }
        step(&folder, &["advance"]);
    }
    folder
}

#[test]
fn only_the_next_stage_and_the_one_before_can_be_reached() {
    let (mut forward, mut back, mut rejected) = (0, 0, 0);
    for (index, from) in STAGES.iter().enumerate() {
        let original = at(from);
        let files = original.all();
        for (goal, to) in STAGES.iter().enumerate() {
            for command in ["advance", "back"] {
                let is_legal = match command {
                    "advance" => goal == index + 1 && *to != "contracted",
                    _ => goal + 1 == index && index < 5,
                };
                let folder = Folder::new();
                for (path, text) in &files {
                    folder.write(&path.strip_prefix(original.root()).expect("below").display().to_string(), text);
                }
                let arguments = ["migrate", "split-name", command, "--to", to];
                if !is_legal {
                    let ran = folder.run(&arguments);
                    assert_eq!(ran.code, 7, "{command} from {from} to {to}: {ran:?}");
                    let texts = |files: Vec<(_, String)>| files.into_iter().map(|(_, text)| text).collect::<Vec<_>>();
                    assert_eq!(texts(folder.all()), texts(original.all()), "{command} from {from} to {to}");
                    rejected += 1;
                    continue;
                }
                if command == "back" {
                    let ran = folder.run(&arguments);
                    assert_eq!(ran.code, 0, "from {from} to {to}: {ran:?}");
                    back += 1;
                } else {
                    if *to == "shadow" {
                        backfill(&folder);
                    }
                    step(&folder, &arguments[2..]);
                    forward += 1;
                }
                assert_eq!(folder.read("flags.toml"), VOUCHED.replace("\"off\"", &format!("\"{to}\"")));
                let ran = folder.run(&["log", "--verify"]);
                assert_eq!(ran.code, 0, "{ran:?}");
            }
        }
    }
    println!("{forward} steps forward, {back} steps back, {rejected} rejected without a change");
    assert_eq!((forward, back, rejected), (5, 4, 89));
}
