//! `revert` and `revert --all`: a migration goes back one stage, and never silently to `off`.

use super::{MIGRATION, at, expect, folder, repository, state};
use crate::support::{Folder, Program};

const STAGES: [&str; 7] = ["off", "dual-write", "shadow", "live", "ramp-down", "complete", "contracted"];
const PAY: &str = "[flags.pay]\non = true\n";

/// The stage that the file states.
fn stage(folder: &Folder, file: &str) -> String {
    let text = folder.read(file);
    let line = text.lines().find(|line| line.contains("stage")).unwrap_or_else(|| panic!("no stage: {text}"));
    line.split('"').nth(1).expect("a text").to_owned()
}

#[test]
fn one_migration_goes_back_one_stage() {
    for (index, now) in STAGES.into_iter().enumerate() {
        let folder = folder(now);
        let (code, shown, then) = match now {
            "off" => (0, "split-name is already off".to_owned(), "off"),
            "complete" => (7, "the old data of split-name is stale".to_owned(), now),
            "contracted" => (7, "no running build has code for the old side".to_owned(), now),
            _ => (0, format!("brought split-name back from {now} to {}", STAGES[index - 1]), STAGES[index - 1]),
        };
        let dry = folder.run(&["revert", "split-name", "--dry-run"]);
        assert_eq!((dry.code, stage(&folder, "flags.toml").as_str()), (code, now), "{dry:?}");
        expect(&folder, &["revert", "split-name"], code, &[&shown]);
        assert_eq!(stage(&folder, "flags.toml"), then);
    }
    let folder = folder("complete");
    expect(&folder, &["revert", "split-name"], 7, &["--accept-stale-data"]);
    expect(&folder, &["revert", "split-name", "--accept-stale-data"], 0, &["from complete to ramp-down"]);
    expect(&folder, &["revert", "split-name", "--to", "5"], 7, &["goes back one stage at a time"]);
    assert_eq!(folder.entries().last().expect("an entry")["verb"], "back");
}

#[test]
fn the_stage_of_an_environment_goes_back_in_its_file() {
    let folder = Folder::with("flags.toml", MIGRATION);
    folder.write("flags.prod.toml", &state("live"));
    expect(&folder, &["revert", "split-name", "--env", "prod"], 0, &["from live to shadow"]);
    assert_eq!((stage(&folder, "flags.prod.toml").as_str(), folder.read("flags.toml").as_str()), ("shadow", MIGRATION));
    expect(&folder, &["revert", "--all", "--env", "prod"], 0, &["from shadow to dual-write"]);
    assert_eq!(stage(&folder, "flags.prod.toml"), "dual-write");
    let shown = "split-name is still at dual-write in flags.prod.toml; to go one stage back: \
                 flagkit revert split-name --env prod";
    expect(&folder, &["revert", "--all"], 0, &[shown]);
    expect(&folder, &["revert", "split-name"], 0, &["split-name is already off"]);
}

#[test]
fn all_flags_are_off_and_each_migration_is_one_stage_back() {
    for (index, now) in STAGES.into_iter().enumerate() {
        let folder = Folder::with("flags.toml", &(at(now) + PAY));
        let then = if (1..5).contains(&index) { STAGES[index - 1] } else { now };
        let program = Program::start(&folder, &["flags.toml"]);
        expect(&folder, &["revert", "--all"], 0, &["turned pay from on to off"]);
        assert_eq!(folder.read("flags.toml"), at(then) + "[flags.pay]\non = false\n");
        program.wait_off("pay");
        if index > 4 {
            expect(&folder, &["revert", "--all"], 0, &[&format!("split-name stays at {now}")]);
        }
    }
}

#[test]
fn inline_and_json_forms_go_back_too() {
    for (name, text, then) in [
        (
            "flags.toml",
            "[flags]\npay = true # now\nm = { kind = \"migration\", stage = \"live\" } # m\n",
            "[flags]\npay = false # now\nm = { kind = \"migration\", stage = \"shadow\" } # m\n",
        ),
        (
            "flags.toml",
            "flags.pay = true\r\nflags.m.kind = \"migration\"\r\nflags.m.stage = \"live\"\r\n",
            "flags.pay = false\r\nflags.m.kind = \"migration\"\r\nflags.m.stage = \"shadow\"\r\n",
        ),
        (
            "flags.json",
            "{\"flags\": {\"pay\": true, \"m\": {\"kind\": \"migration\", \"stage\": \"live\"}}}",
            "{\"flags\": {\"pay\": false, \"m\": {\"kind\": \"migration\", \"stage\": \"shadow\"}}}",
        ),
    ] {
        let folder = Folder::with(name, text);
        expect(&folder, &["--file", name, "revert", "--all"], 0, &["brought m back from live to shadow"]);
        assert_eq!(folder.read(name), then);
    }
}

#[test]
fn partitions_go_back_together() {
    let partitioned = at("live") + "partition = \"tenant\"\nrollout = 25\n";
    let folder = Folder::with("flags.toml", &partitioned);
    expect(&folder, &["revert", "--all"], 0, &["brought split-name back from live@25% to shadow"]);
    assert_eq!(folder.read("flags.toml"), at("shadow") + "partition = \"tenant\"\nrollout = 100\n");
}

/// Texts that no program accepts, each with a migration and a flag that is on.
const DAMAGED: [(&str, &str); 7] = [
    ("flags.toml", "[flags]\npay = = true\n[flags.split-name]\nkind = \"migration\"\nstage = \"live\"\n"),
    ("flags.toml", "flags.pay = true\nflags.split-name.stage = \"live\"\n="),
    ("flags.toml", "[flags]\npay = true\nsplit-name = { owner = \"me\", kind = \"migration\", stage = \"live\"\n"),
    ("flags.toml", "[flags]\r\npay = = true\r\n[flags.split-name]\r\nkind = \"migration\"\r\n"),
    ("flags.toml", "[flags.pay]\non = true\n[flags.split-name]\nkind = \"migr"),
    ("flags.json", "{\"flags\": {\"pay\": tru, \"split-name\": {\"kind\": \"migration\", \"stage\": \"live\"}}}"),
    ("flags.json", "{\"flags\": {\"split-name\": {\"owner\": \"me\", \"stage\": \"live\"}, \"pay\": {\"on\": true"),
];

#[test]
fn a_migration_in_a_damaged_file_is_never_off() {
    for (name, text) in DAMAGED {
        let folder = Folder::with(name, text);
        let shown = ["turned pay off", "split-name is a migration with an unknown stage", "running programs keep it"];
        expect(&folder, &["--file", name, "revert", "--all"], 0, &shown);
        let shown = folder.run(&["--file", name, "show", "split-name"]);
        assert!(shown.out.contains("split-name  invalid"), "{name}: {}\n{}", folder.read(name), shown.out);
        expect(&folder, &["--file", name, "show", "pay"], 0, &["pay  off"]);
    }
}

#[test]
fn one_migration_in_a_damaged_file_stays() {
    for (name, text) in DAMAGED {
        let folder = Folder::with(name, text);
        let shown = ["is not valid, so the stage of the migration is unknown", "repair"];
        expect(&folder, &["--file", name, "revert", "split-name"], 7, &shown);
        assert_eq!(folder.read(name), text);
    }
}

#[test]
fn one_migration_in_a_damaged_file_goes_back_from_the_stage_in_the_log() {
    let folder = Folder::with("flags.toml", &(at("live") + PAY));
    expect(&folder, &["revert", "split-name"], 0, &["from live to shadow"]);
    folder.write("flags.toml", &(folder.read("flags.toml") + "="));
    expect(&folder, &["revert", "split-name"], 0, &["split-name back from shadow to dual-write"]);
    expect(&folder, &["show", "split-name"], 0, &["split-name  dual-write"]);
    expect(&folder, &["show", "pay"], 0, &["pay  invalid"]);
}

#[test]
fn another_flag_of_a_damaged_file_leaves_the_migration() {
    for (name, text) in DAMAGED {
        let folder = Folder::with(name, text);
        expect(&folder, &["--file", name, "revert", "pay"], 0, &["turned pay off"]);
        expect(&folder, &["--file", name, "show", "split-name"], 0, &["split-name  invalid"]);
    }
}

#[test]
fn other_files_the_log_and_git_say_what_is_a_migration() {
    let cut = "[flags]\npay = true\nsplit-name\n=";
    // The declaration below.
    let folder = Folder::with("flags.toml", &(MIGRATION.to_owned() + PAY));
    folder.write("flags.prod.toml", cut);
    expect(&folder, &["revert", "--all", "--env", "prod"], 0, &["split-name is a migration with an unknown stage"]);
    assert!(!folder.read("flags.prod.toml").contains("split-name = false"));
    // The last commit.
    let folder = repository("live");
    folder.write("flags.toml", cut);
    expect(&folder, &["revert", "--all"], 0, &["split-name is a migration with an unknown stage"]);
    // The log.
    let folder = Folder::with("flags.toml", &at("live"));
    assert_eq!(folder.run(&["revert", "split-name"]).code, 0);
    folder.write("flags.toml", cut);
    expect(&folder, &["revert", "--all"], 0, &["with an unknown stage; the log says shadow"]);
    assert!(!folder.read("flags.toml").contains("split-name = false"));
}

#[test]
fn an_invalid_migration_of_a_valid_file_stays_as_it_is() {
    for fields in ["stage = \"lve\"\n", "stage = \"live\"\non = true\n", "stage = \"live\"\nrollout = 25\n"] {
        let text = format!("{MIGRATION}{fields}");
        let folder = Folder::with("flags.toml", &(text.clone() + PAY));
        expect(&folder, &["revert", "--all"], 0, &["split-name is a migration with an unknown stage"]);
        assert_eq!(folder.read("flags.toml"), text + "[flags.pay]\non = false\n");
        expect(&folder, &["revert", "split-name"], 3, &["the migration has problems"]);
    }
    // Two layers that are two stages apart.
    let folder = folder("live");
    folder.write("flags.prod.toml", &state("off"));
    expect(&folder, &["revert", "--all", "--env", "prod"], 0, &["split-name is a migration with an unknown stage"]);
    assert_eq!(folder.read("flags.prod.toml"), state("off"));
}
