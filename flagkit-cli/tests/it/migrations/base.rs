//! `check --base`: how a migration may move in one change.

use super::{FULL, MIGRATION, at, commit, expect, repository, state};

const BASE: [&str; 3] = ["check", "--base", "HEAD"];
const STAGES: [&str; 7] = ["off", "dual-write", "shadow", "live", "ramp-down", "complete", "contracted"];

#[test]
fn every_pair_of_stages_without_a_log_is_checked() {
    for (was, before) in STAGES.into_iter().enumerate() {
        let folder = repository(before);
        for (is, after) in STAGES.into_iter().enumerate() {
            folder.write("flags.toml", &at(after));
            let moved = format!("split-name moved from {before} to {after} since HEAD");
            match () {
                () if was == is => expect(&folder, &BASE, 0, &["0 errors"]),
                () if is < was && was > 4 => expect(&folder, &BASE, 1, &["[stale-data] split-name went back from"]),
                () if is + 1 == was => expect(&folder, &BASE, 0, &["0 errors"]),
                () if is == was + 1 => expect(&folder, &BASE, 1, &["[widens]", &moved, "without an entry `"]),
                () => expect(&folder, &BASE, 1, &["[stage-skipped]", &moved, "a stage between them was skipped"]),
            }
        }
    }
}

#[test]
fn each_environment_has_its_own_stage() {
    let folder = repository("off");
    folder.write("flags.toml", MIGRATION);
    folder.write("flags.prod.toml", &state("dual-write"));
    commit(&folder);
    folder.write("flags.prod.toml", &state("live"));
    let shown = ["flags.prod.toml:1:8: error [stage-skipped]", "flagkit migrate split-name advance --env prod"];
    expect(&folder, &BASE, 1, &shown);
    folder.write("flags.prod.toml", &state("shadow"));
    expect(&folder, &BASE, 1, &["flags.prod.toml:1:8: error [widens]", "advance --env prod"]);
    folder.write("flags.prod.toml", &state("off"));
    expect(&folder, &BASE, 0, &["0 errors"]);
    // Without its file, the environment is at off.
    folder.write("flags.prod.toml", &state("live"));
    commit(&folder);
    folder.remove("flags.prod.toml");
    expect(&folder, &BASE, 1, &["[stage-skipped] split-name moved from live to off"]);
}

#[test]
fn a_new_migration_begins_at_off() {
    let folder = repository("off");
    folder.write("flags.toml", "[flags]\n");
    folder.write("src/main.rs", "fn main() {}\n");
    commit(&folder);
    folder.write("src/main.rs", FULL);
    for stage in ["dual-write", "live", "contracted"] {
        folder.write("flags.toml", &at(stage));
        let shown = format!("[widens] split-name was declared since HEAD at stage {stage}");
        expect(&folder, &BASE, 1, &[&shown, "a migration begins at stage off"]);
    }
    for text in [MIGRATION.to_owned(), at("off")] {
        folder.write("flags.toml", &text);
        expect(&folder, &BASE, 0, &["0 errors"]);
    }
}

#[test]
fn a_migration_is_removed_at_off_or_contracted() {
    for stage in STAGES {
        let folder = repository(stage);
        folder.write("src/main.rs", "fn main() {}\n");
        let (code, shown) = match stage {
            "off" | "contracted" => (0, "0 errors".to_owned()),
            _ => (1, format!("[migration-removed] split-name was removed since HEAD at stage {stage}")),
        };
        folder.write("flags.toml", "[flags]\n");
        expect(&folder, &BASE, code, &[&shown]);
        folder.write("flags.toml", "[flags.split-name]\non = false\nallow = { unused = \"a test\" }\n");
        expect(&folder, &BASE, code, &[&shown.replace("was removed", "became another flag")]);
    }
}

#[test]
fn partitions_move_by_one_stage() {
    let partitioned = |stage: &str, rollout: u8| format!("{}partition = \"tenant\"\nrollout = {rollout}\n", at(stage));
    let folder = repository("off");
    folder.write("flags.toml", &partitioned("live", 25));
    commit(&folder);
    for (stage, rollout, code, shown) in [
        ("live", 50, 1, "[widens] split-name moved from live@25% to live@50%"),
        ("live", 10, 0, "0 errors"),
        ("shadow", 100, 0, "0 errors"),
        ("shadow", 50, 0, "0 errors"),
        // 10% to 25% of the tenants would go from live to dual-write.
        ("shadow", 10, 1, "[stage-skipped]"),
        ("ramp-down", 100, 1, "[stage-skipped]"),
        ("ramp-down", 10, 1, "[widens]"),
    ] {
        folder.write("flags.toml", &partitioned(stage, rollout));
        expect(&folder, &BASE, code, &[shown]);
    }
    // Another salt or attribute selects other tenants for the same share.
    for (old, new) in [("partition = \"tenant\"", "partition = \"org\""), ("rollout", "salt = \"b\"\nrollout")] {
        for (stage, rollout) in [("live", 25), ("live", 10), ("shadow", 100)] {
            folder.write("flags.toml", &partitioned(stage, rollout).replace(old, new));
            expect(&folder, &BASE, 1, &["[partitions-moved] split-name has another salt or partition since HEAD"]);
        }
    }
    folder.write("flags.toml", &partitioned("live", 100));
    commit(&folder);
    folder.write("flags.toml", &partitioned("live", 100).replace("tenant", "org"));
    expect(&folder, &BASE, 0, &["0 errors"]);
}

#[test]
fn nothing_allows_a_skipped_stage() {
    let folder = repository("off");
    let allow = "allow = { stage-skipped = \"in a hurry\", widens = \"too\" }\n";
    folder.write("flags.toml", &(at("live") + allow));
    expect(&folder, &BASE, 1, &["[stage-skipped]"]);
}
