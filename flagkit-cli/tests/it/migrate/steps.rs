//! Steps at a terminal: partitions, reviews, edits by hand, environments and the log.

use std::fs;

use flagkit_core::source::Stage;

use super::{VOUCHED, backfill, step};
use crate::support::{Folder, Program, Ran, Reply, Server, wait_until};

/// A migration at a stage, with more lines in its gate.
fn at(stage: &str, gate: &str) -> Folder {
    Folder::with("flags.toml", &text(stage, gate))
}

fn text(stage: &str, gate: &str) -> String {
    VOUCHED.replace("\"off\"", &format!("\"{stage}\"")) + gate
}

fn run(folder: &Folder, arguments: &[&str]) -> Ran {
    folder.run(&[&["migrate", "split-name"], arguments].concat())
}

#[track_caller]
fn fails(folder: &Folder, arguments: &[&str], code: i32, why: &str) {
    let before = (folder.read("flags.toml"), folder.log());
    let ran = run(folder, arguments);
    assert!(ran.code == code && ran.err.contains(why), "{why}: {ran:?}");
    assert_eq!((folder.read("flags.toml"), folder.log()), before, "{arguments:?}");
}

#[track_caller]
fn verifies(folder: &Folder) {
    let ran = folder.run(&["log", "--verify"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn only_a_person_who_types_the_name_confirms() {
    let folder = at("live", "");
    let ran = run(&folder, &["advance", "--dry-run"]);
    assert!(ran.code == 0 && ran.out.ends_with("nothing was written\n"), "{ran:?}");
    assert_eq!(folder.all().len(), 1, "{:?}", folder.all());
    fails(&folder, &["advance"], 4, "run this at a terminal: flagkit migrate split-name advance --to ramp-down");
    let ran = folder.run_with(&["migrate", "split-name", "advance"], "split-name\n");
    assert_eq!(ran.code, 4, "{ran:?}");
    let mut terminal = folder.terminal(&["migrate", "split-name", "advance"]);
    terminal.wait_for("Type split-name to advance it to ramp-down: ");
    terminal.answer("yes");
    let (code, screen) = terminal.end();
    assert_eq!((code, folder.entries().len()), (4, 0), "{screen}");
    assert_eq!(folder.read("flags.toml"), text("live", ""));
}

#[test]
fn only_a_declared_migration_moves() {
    let folder = Folder::with("flags.toml", &(VOUCHED.to_owned() + "[flags.plain]\non = false\n"));
    let ran = folder.run(&["migrate", "plain", "advance"]);
    assert!(ran.code == 2 && ran.err.contains("plain is no migration"), "{ran:?}");
    let ran = folder.run(&["migrate", "split-nam", "status"]);
    assert!(ran.code == 2 && ran.err.contains("did you mean `split-name`?"), "{ran:?}");
    let ran = folder.run(&["migrate", "other", "status"]);
    assert!(ran.code == 2 && ran.err.contains("cannot find migration \"other\""), "{ran:?}");
    for words in [&["migrate", "status", "split-name"][..], &["migrate", "status"]] {
        let ran = folder.run(words);
        assert!(ran.code == 2 && ran.err.contains("flagkit migrate NAME status"), "{ran:?}");
    }
    let ran = run(&folder, &["advance", "--to", "lively"]);
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[test]
fn partitions_move_by_percentages() {
    let partitioned = text("shadow", "").replace("gate = \"data\"", "gate = \"data\"\npartition = \"tenant\"");
    let folder = Folder::with("flags.toml", &partitioned);
    let is_at = |stage: &str, rollout: &str| {
        let new = format!("stage = \"{stage}\"       # not begun\n{rollout}");
        assert_eq!(folder.read("flags.toml"), partitioned.replace("stage = \"shadow\"       # not begun\n", &new));
        verifies(&folder);
    };
    let screen = step(&folder, &["advance", "--partitions", "25"]);
    assert!(screen.contains("This applies to 25% of the partitions by tenant."), "{screen}");
    is_at("live", "rollout = 25\n");
    assert_eq!(folder.entries()[0]["to"], "live@25%");
    for (arguments, why) in [
        (&["advance", "--to", "ramp-down"][..], "one stage at a time"),
        (&["advance", "--partitions", "25"], "25% are at live"),
        (&["advance", "--partitions", "10"], "flagkit migrate split-name back"),
        (&["back", "--to", "dual-write"], "one stage at a time"),
    ] {
        fails(&folder, arguments, 7, why);
    }
    step(&folder, &["advance", "--partitions", "50"]);
    is_at("live", "rollout = 50\n");
    step(&folder, &["advance"]);
    is_at("live", "rollout = 100\n");
    step(&folder, &["advance", "--partitions", "0.5"]);
    is_at("ramp-down", "rollout = 0.5\n");
    assert_eq!(run(&folder, &["back"]).code, 0);
    is_at("live", "rollout = 100\n");
    step(&folder, &["advance"]);
    let screen = step(&folder, &["advance", "--partitions", "10"]);
    assert!(screen.contains("point of no return"), "{screen}");
    fails(&folder, &["back"], 7, "stale");
    fails(&folder, &["contract"], 7, "it is at complete@10%, expected complete");
    step(&folder, &["advance"]);
    is_at("complete", "rollout = 100\n");
}

#[test]
fn the_ramp_of_the_gate_applies_to_partitions() {
    let more = "ramp = [10, 100]\n";
    let folder = at("shadow", more);
    fails(&folder, &["advance", "--partitions", "25"], 7, "its data has no partitions");
    let partitioned = text("shadow", more).replace("gate = \"data\"", "gate = \"data\"\npartition = \"tenant\"");
    folder.write("flags.toml", &partitioned);
    fails(&folder, &["advance", "--partitions", "25"], 7, "the steps of the ramp are 10%, 100%");
    step(&folder, &["advance"]);
    assert!(folder.read("flags.toml").contains("rollout = 10\n"));
    step(&folder, &["advance"]);
    assert!(folder.read("flags.toml").contains("rollout = 100\n"));
}

#[test]
fn a_review_that_ends_with_no_goes_one_stage_back() {
    let more = "look = [\"http://shop.example/\"]\n";
    let folder = at("live", more);
    for (answer, code, stage) in [("no", 4, "live"), ("yes", 0, "ramp-down")] {
        let mut terminal = folder.terminal(&["migrate", "split-name", "advance"]);
        terminal.wait_for("Type split-name");
        terminal.answer("split-name");
        terminal.wait_for("Type yes to keep it");
        terminal.answer(answer);
        let (ended, screen) = terminal.end();
        assert_eq!(ended, code, "{screen}");
        assert_eq!(folder.read("flags.toml"), text(stage, more), "byte for byte");
        verifies(&folder);
    }
    let mut terminal = folder.terminal(&["migrate", "split-name", "advance"]);
    terminal.wait_for("Type split-name");
    terminal.answer("split-name");
    terminal.wait_for("Type yes to keep it");
    terminal.press(3);
    let (code, screen) = terminal.end();
    assert!(code == 4 && screen.contains("still at complete, from which there is no way back"), "{screen}");
    assert_eq!(folder.read("flags.toml"), text("complete", more));
    verifies(&folder);
}

#[test]
fn a_check_that_fails_after_the_step_goes_one_stage_back() {
    let server = Server::new(Reply::ok("Welcome"));
    let more = format!("checks = [\"home\"]\n[check.home]\nurl = \"{}\"\n", server.url());
    let folder = at("live", &more);
    let mut terminal = folder.terminal(&["migrate", "split-name", "advance"]);
    terminal.wait_for("Type split-name");
    server.set(Reply::Response(503, "Sorry".to_owned()));
    terminal.answer("split-name");
    let (code, screen) = terminal.end();
    assert!(code == 3 && screen.contains("split-name is at live again"), "{screen}");
    assert_eq!(folder.read("flags.toml"), text("live", &more));
    fails(&folder, &["advance"], 3, "a check failed; nothing was written");
    verifies(&folder);
}

#[test]
fn an_approval_covers_exact_contents() {
    let folder = at("live", "");
    let mut terminal = folder.terminal(&["migrate", "split-name", "advance"]);
    terminal.wait_for("Type split-name");
    let (code, screen) = folder.terminal(&["migrate", "split-name", "advance"]).end();
    assert_eq!(code, 7, "one at a time: {screen}");
    let ran = run(&folder, &["back"]);
    assert_eq!(ran.code, 0, "a step back never waits: {ran:?}");
    terminal.answer("split-name");
    let (code, screen) = terminal.end();
    assert!(code == 7 && screen.contains("changed meanwhile"), "{screen}");
    assert_eq!(folder.read("flags.toml"), text("shadow", ""));
    verifies(&folder);
}

#[test]
fn a_stage_that_was_set_by_hand_is_not_a_start() {
    let folder = at("dual-write", "");
    step_to_shadow(&folder);
    folder.write("flags.toml", &text("live", ""));
    fails(&folder, &["advance"], 7, "no step led there, and the log says shadow");
    let ran = folder.run(&["log", "--verify"]);
    assert!(ran.code == 1 && ran.out.contains("split-name is at live in flags.toml, but"), "{ran:?}");
    let ran = run(&folder, &["status"]);
    assert!(ran.out.contains("warning: the log says shadow"), "{ran:?}");
    // Back to where the log is.
    assert_eq!(run(&folder, &["back"]).code, 0);
    step(&folder, &["advance"]);
    verifies(&folder);
    // A skipped stage stays visible after a step back.
    folder.write("flags.toml", &text("off", ""));
    let status = folder.json(&["migrate", "split-name", "status"]);
    assert_eq!((&status["data"]["stage"], &status["data"]["logged"]), (&"off".into(), &"live".into()));
    fails(&folder, &["advance"], 7, "set `stage = \"live\"` in flags.toml");
    // A step back by hand is free, and the next step adds the entry for it.
    folder.write("flags.toml", &text("shadow", ""));
    step(&folder, &["advance"]);
    verifies(&folder);
    assert_eq!(folder.entries().iter().filter(|entry| entry["verb"] == "back").count(), 3);
}

fn step_to_shadow(folder: &Folder) {
    assert_eq!(run(folder, &["back"]).code, 0);
    step(folder, &["advance"]);
    backfill(folder);
    step(folder, &["advance"]);
}

#[test]
fn a_skipped_stage_in_the_log_is_an_error() {
    let folder = at("shadow", "");
    step(&folder, &["advance"]);
    folder.write("flags.toml", &text("complete", ""));
    assert_eq!(run(&folder, &["back", "--accept-stale-data"]).code, 0);
    assert_eq!(folder.read("flags.toml"), text("ramp-down", ""));
    let ran = folder.run(&["log", "--verify"]);
    let why = "split-name is at ramp-down in flags.toml, but its steps led only to live";
    assert!(ran.code == 1 && ran.out.contains(why), "{ran:?}");
    folder.write("flags.toml", &text("dual-write", ""));
    assert_eq!(run(&folder, &["back"]).code, 0);
    let ran = folder.run(&["log", "--verify"]);
    assert!(ran.code == 1 && ran.out.contains("a step from live to off skips a stage"), "{ran:?}");
}

#[test]
fn a_step_back_from_an_edit_by_hand_is_not_a_start() {
    let folder = at("dual-write", "");
    step_to_shadow(&folder);
    folder.write("flags.toml", &text("ramp-down", ""));
    assert_eq!(run(&folder, &["back"]).code, 0);
    assert_eq!(folder.read("flags.toml"), text("live", ""));
    fails(&folder, &["advance"], 7, "cannot go on from live: no step led there, and the log says shadow");
    let ran = folder.run(&["log", "--verify"]);
    let why = "split-name is at live in flags.toml, but its steps led only to shadow";
    assert!(ran.code == 1 && ran.out.contains(why), "{ran:?}");
    assert_eq!(run(&folder, &["back"]).code, 0);
    assert_eq!(folder.read("flags.toml"), text("shadow", ""));
    verifies(&folder);
    step(&folder, &["advance"]);
    // Also after an edit that skipped several stages.
    let folder = at("off", "");
    step(&folder, &["advance"]);
    folder.write("flags.toml", &text("ramp-down", ""));
    for stage in ["live", "shadow"] {
        assert_eq!(run(&folder, &["back"]).code, 0);
        fails(&folder, &["advance"], 7, &format!("cannot go on from {stage}: no step led there"));
    }
    assert_eq!(run(&folder, &["back"]).code, 0);
    verifies(&folder);
}

#[test]
fn a_backfill_starts_after_the_drain() {
    let folder = Folder::with("flags.toml", &VOUCHED.replace("\"0s\"", "\"1h\""));
    let done = |started: jiff::Timestamp| {
        let started = started.to_string();
        run(&folder, &["backfill-done", "--started", &started, "--rows", "7", "--mismatches", "0"])
    };
    step(&folder, &["advance"]);
    let now = jiff::Timestamp::now();
    let ran = done(now);
    assert!(ran.code == 3 && ran.err.contains("on, after a drain of 1h"), "{ran:?}");
    assert!(ran.err.contains("`drain` in the gate is the longest time of a request"), "{ran:?}");
    fails(&folder, &["advance"], 3, "on, after a drain of 1h: copy the rows");
    let ran = run(&folder, &["status"]);
    assert!(ran.out.contains("a backfill may start from 2"), "{ran:?}");
    // A longer drain voids a backfill.
    folder.write("flags.toml", &folder.read("flags.toml").replace("\"1h\"", "\"0s\""));
    assert_eq!(done(now).code, 0);
    assert_eq!(run(&folder, &["advance", "--dry-run"]).code, 0);
    folder.write("flags.toml", &folder.read("flags.toml").replace("drain = \"0s\"\n", ""));
    fails(&folder, &["advance"], 3, "on, after a drain of 1m");
    folder.write("flags.toml", &folder.read("flags.toml").replace("instances = []", "instances = []\ndrain = 5"));
    fails(&folder, &["status"], 1, "got 5, expected a duration such as");
}

#[test]
fn stale_data_is_accepted_only_explicitly() {
    let folder = at("ramp-down", "");
    step(&folder, &["advance"]);
    fails(&folder, &["back"], 7, "flagkit migrate split-name back --accept-stale-data");
    // Going back by hand does not make the old data fresh.
    folder.write("flags.toml", &text("ramp-down", ""));
    fails(&folder, &["back"], 7, "the old data of split-name is stale");
    folder.write("flags.toml", &text("complete", ""));
    assert_eq!(run(&folder, &["back", "--accept-stale-data", "--reason", "it is empty"]).code, 0);
    assert_eq!(folder.read("flags.toml"), text("ramp-down", ""));
    assert_eq!(folder.entries().last().expect("an entry")["reason"], "it is empty");
    verifies(&folder);
}

#[test]
fn an_environment_has_its_own_stage() {
    let declared = VOUCHED.replace("stage = \"off\"       # not begun\n", "");
    let folder = Folder::with("flags.toml", &declared);
    step(&folder, &["advance", "--env", "prod"]);
    assert_eq!(folder.read("flags.prod.toml"), "[flags]\n\n[flags.split-name]\nstage = \"dual-write\"\n");
    assert_eq!(folder.read("flags.toml"), declared);
    let ran = run(&folder, &["status", "--env", "prod"]);
    assert!(ran.out.contains("split-name is at dual-write in flags.prod.toml, since"), "{ran:?}");
    let log = folder.log();
    let status = folder.json(&["migrate", "split-name", "status"]);
    assert_eq!(status["data"]["stage"], "off", "{status}");
    for words in [&["migrate", "split-name", "back"][..], &["revert", "split-name"]] {
        let ran = folder.run(words);
        assert!(ran.code == 0 && ran.out.starts_with("split-name is already off\n"), "{ran:?}");
        let back = "to go one stage back: flagkit migrate split-name back --env prod";
        assert!(ran.out.contains("still at dual-write in flags.prod.toml") && ran.out.contains(back), "{ran:?}");
    }
    assert_eq!(folder.log(), log);
    // A backfill of another environment is no evidence.
    step(&folder, &["advance"]);
    backfill(&folder);
    let ran = run(&folder, &["advance", "--env", "prod"]);
    assert!(ran.code == 7 && ran.err.contains("flags.toml states its stage"), "{ran:?}");
    let ran = run(&folder, &["back", "--env", "prod"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(folder.read("flags.prod.toml"), "[flags]\n\n[flags.split-name]\nstage = \"off\"\n");
    verifies(&folder);
}

#[test]
fn json_is_edited_too() {
    let json = |stage: &str| {
        format!(
            "{{\n  \"flags\": {{\n    \"split-name\": {{\n      \"stage\": \"{stage}\",\n      \
             \"kind\": \"migration\",\n      \"gate\": \"data\"\n    }}\n  }},\n  \
             \"gate\": {{ \"data\": {{ \"instances\": [] }} }}\n}}\n"
        )
    };
    let folder = Folder::with("flags.json", &json("live"));
    step(&folder, &["advance", "--file", "flags.json"]);
    assert_eq!(folder.read("flags.json"), json("ramp-down"));
    assert_eq!(run(&folder, &["back", "--file", "flags.json"]).code, 0);
    assert_eq!(folder.read("flags.json"), json("live"));
}

#[test]
fn the_sql_that_adds_the_new_side_must_be_marked() {
    let folder = at("off", "");
    let ran = run(&folder, &["advance", "--dry-run"]);
    assert!(ran.code == 0 && ran.out.contains("the project has no SQL files, so none was checked"), "{ran:?}");
    folder.write("migrations/1_users.sql", "CREATE TABLE users (name TEXT);\n");
    fails(&folder, &["advance"], 3, "write `-- flagkit: expand split-name` above the statements");
    let allow = "kind = \"migration\"\nallow = { expand-sql = \"a second store\" }";
    folder.write("flags.toml", &text("off", "").replace("kind = \"migration\"", allow));
    let ran = run(&folder, &["advance", "--dry-run"]);
    assert!(ran.code == 0 && ran.out.contains("allowed: a second store"), "{ran:?}");
    folder.write("flags.toml", &text("off", ""));
    fails(&folder, &["advance"], 3, "add `allow = { expand-sql = \"the reason\" }` to the flag");
    let expand = "-- flagkit: expand split-name\nALTER TABLE users ADD COLUMN first_name TEXT;\n";
    folder.write("migrations/2_first_name.sql", expand);
    fails(&folder, &["advance"], 3, "no record of migrations/2_first_name.sql:1:4");
    fails(&folder, &["advance"], 3, "apply it, and then run `flagkit migrate split-name expand-done`");
}

#[test]
fn the_sql_that_adds_the_new_side_must_be_applied_as_it_is() {
    let folder = at("off", "");
    fails(&folder, &["expand-done"], 7, "no SQL file has its marker");
    let expand = "-- flagkit: expand split-name\nALTER TABLE users ADD COLUMN first_name TEXT;\n";
    folder.write("migrations/2_first_name.sql", expand);
    let ran = run(&folder, &["expand-done", "--note", "by the deployment"]);
    let recorded = "recorded that the SQL of split-name was applied: migrations/2_first_name.sql\n";
    assert!(ran.code == 0 && ran.out == recorded, "{ran:?}");
    let ran = folder.run(&["log", "split-name"]);
    assert!(ran.out.contains("expand split-name at off") && ran.out.contains(", 1 SQL file: by the"), "{ran:?}");
    let ran = run(&folder, &["advance", "--dry-run"]);
    assert!(ran.code == 0 && ran.out.contains("the SQL that adds the new side was applied"), "{ran:?}");
    // Neither an edited file nor another one was applied.
    folder.write("migrations/2_first_name.sql", &expand.replace("TEXT", "TEXT NOT NULL DEFAULT ''"));
    fails(&folder, &["advance"], 3, "migrations/2_first_name.sql is new, or has changed, since the record of");
    folder.write("migrations/2_first_name.sql", expand);
    folder.write("migrations/3_last_name.sql", &expand.replace("first", "last"));
    fails(&folder, &["advance"], 3, "migrations/3_last_name.sql is new, or has changed, since the record of");
    assert_eq!(run(&folder, &["expand-done"]).code, 0);
    step(&folder, &["advance"]);
    // The schema stays, so a second attempt needs no other record.
    assert_eq!(run(&folder, &["back"]).code, 0);
    step(&folder, &["advance"]);
    // What was applied to one environment is no evidence for another.
    assert_eq!(run(&folder, &["back"]).code, 0);
    folder.write("flags.toml", &text("off", "").replace("stage = \"off\"       # not begun\n", ""));
    folder.write("flags.prod.toml", "[flags]\n");
    fails(&folder, &["advance", "--env", "prod"], 3, "run `flagkit migrate split-name expand-done --env prod`");
    verifies(&folder);
}

#[test]
fn a_stage_lasts_as_long_as_the_soak() {
    let folder = at("live", "soak = \"1h\"\n");
    step(&folder, &["advance"]);
    fails(&folder, &["advance"], 7, "does not advance on its own");
    let ran = run(&folder, &["status"]);
    assert!(ran.out.contains("The soak is over in "), "{ran:?}");
    assert_eq!(run(&folder, &["back"]).code, 0, "a step back is free");
    fails(&folder, &["advance"], 7, "does not advance on its own");
}

#[test]
fn a_step_back_works_in_an_invalid_file() {
    let folder = at("shadow", "");
    step(&folder, &["advance"]);
    let program = Program::start(&folder, &["flags.toml"]);
    let live = text("live", "");
    for invalid in [live.replace("\"live\"", "\"lively\""), live.replace("kind", "on = true\nkind")] {
        folder.write("flags.toml", &invalid);
        let ran = run(&folder, &["back"]);
        assert!(ran.code == 0 && ran.out.contains("back from live to shadow"), "{ran:?}");
        verifies(&folder);
        let stage = folder.json(&["migrate", "split-name", "status"])["data"]["stage"].clone();
        assert_eq!(stage, "shadow");
        fs::remove_file(folder.path("flags.toml")).expect("a file");
        folder.write("flags.toml", &text("shadow", ""));
        step(&folder, &["advance"]);
    }
    wait_until("the program is at live", || program.stage("split-name") == Some(Stage::Live));
    let other = "[flags.other]\non = true\n";
    let broken = live + other + "= = 1\n";
    folder.write("flags.toml", &broken);
    let data = folder.json(&["migrate", "split-name", "back"])["data"].clone();
    let new = folder.read("flags.toml");
    assert!(new.contains("\nother = \"unreadable\"\n"), "{new}");
    assert!(new.ends_with("\n\n[flags.split-name]\nstage = \"shadow\"\n"), "{new}");
    assert_eq!(folder.read(data["kept"].as_str().expect("a path")), broken);
    wait_until("the program is at shadow", || program.stage("split-name") == Some(Stage::Shadow));
    assert_eq!(folder.entries().last().expect("an entry")["to"], "shadow");
}

#[test]
fn an_invalid_file_without_a_log_says_nothing_about_the_stage() {
    let folder = Folder::with("flags.toml", &text("lively", ""));
    fails(&folder, &["back"], 3, "cannot move split-name: the migration has problems");
    folder.write("flags.toml", "= = 1\n");
    fails(&folder, &["back"], 1, "flags.toml");
}

#[test]
fn a_step_back_needs_no_log() {
    let mut folder = at("live", "");
    folder.deny_writes();
    fs::set_permissions(folder.path("flags.toml"), std::os::unix::fs::PermissionsExt::from_mode(0o666)).expect("it");
    let ran = run(&folder, &["back"]);
    assert!(ran.code == 0 && ran.out.contains("the step is not in the log"), "{ran:?}");
    let ran = run(&folder, &["advance", "--dry-run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(folder.read("flags.toml"), text("shadow", ""));
    folder.allow_writes();
}

#[test]
fn the_log_begins_with_the_stages_at_that_time() {
    let folder = at("live", "");
    folder.git(&["init", "--quiet"]);
    folder.git(&["add", "."]);
    folder.git(&["commit", "--quiet", "-m", "first"]);
    step(&folder, &["advance"]);
    assert_eq!(folder.entries()[0]["baseline"]["flags.toml"]["split-name"], "live");
    verifies(&folder);
    folder.git(&["add", "."]);
    folder.git(&["commit", "--quiet", "-m", "second"]);
    folder.remove(".flagkit/log.jsonl");
    fails(&folder, &["advance"], 3, "the log has errors");
}

#[test]
fn a_stage_that_is_not_committed_is_not_a_start() {
    let folder = at("dual-write", "");
    folder.git(&["init", "--quiet"]);
    folder.git(&["add", "."]);
    folder.git(&["commit", "--quiet", "-m", "first"]);
    folder.write("flags.toml", &text("live", ""));
    fails(&folder, &["advance"], 7, "no step led there, and the log says dual-write");
}

#[test]
fn the_log_is_readable() {
    let folder = at("dual-write", "");
    step_to_shadow(&folder);
    let out = folder.run(&["log"]).out;
    let lines: Vec<&str> = out.lines().map(|line| &line["2026-11-29 10:00Z ".len()..]).collect();
    let vouched = "vouched for by a person";
    assert_eq!(
        lines,
        [
            "back   split-name dual-write -> off by tester".to_owned(),
            format!("advance split-name off -> dual-write by tester, {vouched}"),
            format!("observe split-name at dual-write by tester, {vouched}"),
            "backfill split-name at dual-write by tester, 7 rows, 0 mismatches".to_owned(),
            format!("advance split-name dual-write -> shadow by tester, {vouched}"),
            format!("observe split-name at shadow by tester, {vouched}"),
        ]
    );
}
