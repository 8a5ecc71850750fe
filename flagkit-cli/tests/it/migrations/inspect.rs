//! The commands that read, `new` and `go`.

use super::{MIGRATION, at, expect, folder, state};
use crate::support::Folder;

/// A migration of which a quarter of the tenants is at `live`.
const PARTITIONED: &str =
    "[flags.split-name]\nkind = \"migration\"\nstage = \"live\"\npartition = \"tenant\"\nrollout = 25\n";

#[test]
fn every_command_shows_the_stage_and_never_off() {
    let folder = folder("ramp-down");
    expect(&folder, &["list"], 0, &["split-name  ramp-down  migration"]);
    expect(
        &folder,
        &["show", "split-name"],
        0,
        &["split-name  ramp-down", "reads        new\n", "writes       new, then old\n"],
    );
    expect(&folder, &["eval", "split-name", "--id", "u1"], 0, &["split-name is at stage ramp-down"]);
    expect(&folder, &["explain", "split-name"], 0, &["split-name is at stage ramp-down"]);
    let ran = folder.run_with(&["eval", "--stdin"], "{\"flag\": \"split-name\", \"id\": \"u1\"}\n");
    assert!(ran.out.contains("\"stage\":\"ramp-down\""), "{}", ran.out);
    for arguments in [&["eval", "split-name"][..], &["explain", "split-name"], &["show", "split-name"]] {
        let data = &folder.json(arguments)["data"];
        assert_eq!((&data["stage"], &data["partition"]), (&"ramp-down".into(), &serde_json::Value::Null), "{data}");
    }
    let row = &folder.json(&["list"])["data"]["flags"][0];
    assert_eq!((&row["state"], &row["stage"]), (&"ramp-down".into(), &"ramp-down".into()));
}

#[test]
fn the_table_of_the_stages_is_shown() {
    for (stage, reads, writes) in [
        ("off", "old", "old"),
        ("dual-write", "old", "old, then new"),
        ("shadow", "old; new is compared", "old, then new"),
        ("live", "new; old is compared", "new, then old"),
        ("ramp-down", "new", "new, then old"),
        ("complete", "new", "new"),
        ("contracted", "new", "new"),
    ] {
        let [reads, writes] = [format!("reads        {reads}\n"), format!("writes       {writes}\n")];
        expect(&folder(stage), &["show", "split-name"], 0, &[&reads, &writes]);
    }
}

#[test]
fn partitions_are_counted() {
    let folder = Folder::with("flags.toml", PARTITIONED);
    expect(&folder, &["list"], 0, &["live (25% of tenants)"]);
    let shown = ["live (25% of tenants)", "new; old is compared at live", "old; new is compared at shadow"];
    expect(&folder, &["show", "split-name"], 0, &shown);
    let row = &folder.json(&["list"])["data"]["flags"][0];
    assert_eq!((&row["state"], &row["partition"]), (&"live@25%".into(), &"tenant".into()));
    expect(&folder, &["eval", "split-name"], 0, &["split-name has no stage: the subject lacks tenant"]);
    let at = |tenant: u32| {
        let attribute = format!("tenant={tenant}");
        folder.json(&["eval", "split-name", "--attr", &attribute])["data"]["stage"]
            .as_str()
            .expect("a stage")
            .to_owned()
    };
    let stages: std::collections::BTreeSet<String> = (0..20).map(at).collect();
    assert_eq!(stages.into_iter().collect::<Vec<_>>(), ["live", "shadow"]);
}

#[test]
fn two_layers_apart_have_no_stage_that_is_known() {
    let folder = folder("live");
    folder.write("flags.prod.toml", &state("off"));
    let problem = "got the stage off, expected live, as a lower layer states";
    expect(&folder, &["list", "--env", "prod"], 0, &["split-name  invalid", problem]);
    expect(&folder, &["show", "split-name", "--env", "prod"], 0, &["split-name  invalid", problem]);
    expect(&folder, &["check"], 1, &["flags.prod.toml: error [problem]", problem]);
    let data = &folder.json(&["show", "split-name", "--env", "prod"])["data"];
    assert_eq!((&data["state"], &data["stage"]), (&serde_json::Value::Null, &serde_json::Value::Null));
}

#[test]
fn diff_tags_each_move() {
    let folder = folder("shadow");
    for (stage, tag) in [
        ("off", "skips"),
        ("dual-write", "narrows"),
        ("live", "widens"),
        ("ramp-down", "skips"),
        ("contracted", "skips"),
    ] {
        folder.write("other.toml", &at(stage));
        expect(&folder, &["diff", "flags.toml", "other.toml"], 0, &[tag, &format!("shadow  {stage}")]);
        let row = &folder.json(&["diff", "flags.toml", "other.toml"])["data"]["flags"][0]["stage"];
        assert_eq!(row["skips"].as_bool(), Some(tag == "skips"), "{row}");
    }
    folder.write("flags.toml", &at("contracted"));
    folder.write("other.toml", "[flags]\n");
    assert!(!folder.run(&["diff", "flags.toml", "other.toml"]).out.contains("skips"));
    folder.write("flags.toml", &at("shadow"));
    folder.write("other.toml", &at("live"));
    assert_eq!(folder.run(&["diff", "flags.toml", "other.toml", "--deny-widening"]).code, 1);
}

#[test]
fn go_refuses_and_names_the_next_command() {
    let folder = folder("off");
    let before = folder.all();
    expect(&folder, &["go", "split-name"], 7, &["it is a migration", "`flagkit migrate split-name advance`"]);
    let shown = ["`flagkit migrate split-name advance --env prod`"];
    expect(&folder, &["go", "split-name", "--env", "prod", "--dry-run"], 7, &shown);
    let file = folder.path("flags.toml").display().to_string();
    expect(&folder, &["go", "split-name", "--file", &file], 7, &["advance --file"]);
    assert_eq!(folder.all(), before);
}

#[test]
fn new_declares_a_migration_at_off() {
    for name in ["flags.toml", "flags.json"] {
        let folder = Folder::with(name, if name == "flags.json" { "{\"flags\": {}}" } else { "[flags]\n" });
        let arguments = ["--file", name, "new", "split-name", "--kind", "migration", "--owner", "me"];
        let rust = "migration! { pub static SPLIT_NAME: \"split-name\", range = Full }";
        expect(&folder, &arguments, 0, &[rust, "is at stage off until `flagkit migrate split-name advance"]);
        let text = folder.read(name);
        assert!(!text.contains("on ="), "{text}");
        assert!(
            name == "flags.json" || text.contains("# `flagkit migrate split-name status` shows its stage"),
            "{text}"
        );
        expect(&folder, &["--file", name, "list"], 0, &["split-name  off    migration"]);
    }
}

#[test]
fn the_migration_of_the_tests_is_valid() {
    let folder = Folder::with("flags.toml", MIGRATION);
    folder.write("src/main.rs", super::FULL);
    expect(&folder, &["check"], 0, &["0 errors, 0 warnings"]);
}
