//! `check --against`: the guard before a deploy.

use super::{FULL, MIGRATION, at, expect, folder, state};
use crate::support::Folder;

const CONTRACTED: &str = "migration! { pub static SPLIT_NAME: \"split-name\", range = Contracted }\n";
const STAGES: [&str; 7] = ["off", "dual-write", "shadow", "live", "ramp-down", "complete", "contracted"];
const AGAINST: [&str; 3] = ["check", "--against", "flags.prod.toml"];

#[test]
fn a_build_outside_of_its_range_fails() {
    let folder = Folder::with("flags.toml", MIGRATION);
    for (code, first, last) in [(FULL, 0, 5), (CONTRACTED, 5, 6)] {
        folder.write("src/main.rs", code);
        for (index, stage) in STAGES.into_iter().enumerate() {
            folder.write("flags.prod.toml", &state(stage));
            if (first..=last).contains(&index) {
                expect(&folder, &AGAINST, 0, &["0 errors, 0 warnings"]);
            } else {
                let at = format!("[build-range] split-name is at {stage} in flags.prod.toml");
                expect(&folder, &AGAINST, 1, &[&at, &format!("has code for {} to {}", STAGES[first], STAGES[last])]);
            }
        }
    }
}

#[test]
fn the_embedded_stage_is_at_most_one_step_away() {
    for (embedded, has) in STAGES.into_iter().enumerate().take(6) {
        let folder = folder(has);
        for (index, stage) in STAGES.into_iter().enumerate().take(6) {
            folder.write("flags.prod.toml", &state(stage));
            if embedded.abs_diff(index) <= 1 {
                expect(&folder, &AGAINST, 0, &["0 errors"]);
            } else {
                let shown = format!("[embedded-stage] this build starts split-name at {has} until its sources respond");
                expect(
                    &folder,
                    &AGAINST,
                    1,
                    &["flags.toml:1:8", &shown, "build it with `start = ", "or without a stage in flags.toml"],
                );
            }
        }
    }
    // The code may state another stage than the file.
    let folder = folder("off");
    folder.write("src/main.rs", "migration! { static S: \"split-name\", range = Full, start = Live }\n");
    folder.write("flags.prod.toml", &state("off"));
    expect(&folder, &AGAINST, 1, &["src/main.rs:1:", "[embedded-stage]", "at live", "`start = Off`"]);
}

#[test]
fn both_stages_of_a_partition_count() {
    let partitioned = MIGRATION.to_owned() + "partition = \"tenant\"\n";
    let folder = Folder::with("flags.toml", &partitioned);
    folder.write("src/main.rs", CONTRACTED);
    folder.write("flags.prod.toml", "[flags.split-name]\nstage = \"complete\"\nrollout = 25\n");
    expect(&folder, &AGAINST, 1, &["split-name is at complete@25%"]);
    folder.write("src/main.rs", FULL);
    expect(&folder, &AGAINST, 0, &[]);
}

#[test]
fn a_build_without_the_code_fails_while_both_sides_are_written() {
    let folder = Folder::with("flags.toml", MIGRATION);
    folder.write("src/main.rs", "fn main() {}\n");
    for stage in &STAGES[1..6] {
        folder.write("flags.prod.toml", &state(stage));
        expect(&folder, &AGAINST, 1, &["flags.toml:1:8", "[build-range]", "this build has no `migration!` of it"]);
    }
    for stage in ["off", "contracted"] {
        folder.write("flags.prod.toml", &state(stage));
        expect(&folder, &AGAINST, 0, &[]);
    }
    // An older build does not declare the migration at all.
    folder.write("flags.toml", "[flags]\n");
    folder.write("flags.prod.toml", &state("dual-write"));
    expect(&folder, &AGAINST, 1, &["[build-range]", "this build has no `migration!` of it"]);
}

#[test]
fn code_of_tests_is_no_code_of_the_build() {
    let folder = Folder::with("flags.toml", MIGRATION);
    folder.write("Cargo.toml", "[package]\nname = \"a\"\n");
    folder.write("flags.prod.toml", &state("live"));
    for name in ["tests/it/main.rs", "benches/a.rs", "examples/a.rs"] {
        folder.write(name, FULL);
    }
    let absent = ["[build-range]", "this build has no `migration!` of it"];
    let item = FULL.trim_end();
    for code in [
        format!("#[cfg(test)]\nmod tests {{ {item} }}\n"),
        format!("#[cfg(test)]\n{item}\nfn main() {{}}\n"),
        format!("#![cfg(all(test, unix))]\nfn f() {{}}\n{item}\n"),
    ] {
        folder.write("src/main.rs", &code);
        expect(&folder, &AGAINST, 1, &absent);
    }
    folder.write("src/main.rs", &format!("#[cfg(test)]\nmod tests {{}}\n#[cfg(test)]\nuse a::b;\n{item}\n"));
    expect(&folder, &AGAINST, 0, &["0 errors, 0 warnings"]);
    folder.write("src/main.rs", &format!("#[cfg(feature = \"a\")]\n{item}\n"));
    expect(&folder, &AGAINST, 0, &["warning [build-range] a `cfg` decides whether the build has code for split-name"]);
}

#[test]
fn the_present_stages_may_be_in_any_file() {
    let folder = Folder::with("flags.toml", MIGRATION);
    folder.write("src/main.rs", CONTRACTED);
    folder.write("live/flags.toml", &at("shadow"));
    expect(&folder, &["check", "--against", "live/flags.toml"], 1, &["is at shadow in live/flags.toml"]);
    folder.write("live/flags.json", "{\"flags\": {\"split-name\": {\"stage\": \"live\"}}}");
    expect(&folder, &["check", "--against", "live/flags.json"], 1, &["is at live in live/flags.json"]);
    // The layer below states it.
    folder.write("flags.prod.toml", &state("dual-write"));
    folder.write("flags.prod.eu.toml", "[flags]\n");
    expect(&folder, &["check", "--against", "flags.prod.eu.toml"], 1, &["is at dual-write"]);
    expect(&folder, &["check", "--against", "flags.toml"], 1, &["is at off in flags.toml"]);
}

#[test]
fn an_unknown_stage_fails() {
    let folder = folder("live");
    expect(&folder, &AGAINST, 8, &["cannot read the present stages", "flags.prod.toml"]);
    folder.write("flags.prod.toml", "[flags.split-name]\nstage = \"lve\"\n");
    expect(&folder, &AGAINST, 1, &["flags.prod.toml:2:9: error [problem]", "did you mean \"live\"?"]);
    folder.write("flags.prod.toml", "[flags.split-name\n");
    expect(&folder, &AGAINST, 1, &["flags.prod.toml:1:", "[problem]"]);
    folder.write("flags.prod.toml", "[flags]\nsplit-name = true\n");
    expect(&folder, &AGAINST, 1, &["[problem]"]);
    expect(&folder, &["check", "--against", "flags.prod.toml", "--base", "HEAD"], 2, &["cannot be used with"]);
}

#[test]
fn every_format_has_the_findings() {
    let folder = Folder::with("flags.toml", MIGRATION);
    folder.write("src/main.rs", CONTRACTED);
    folder.write("flags.prod.toml", &state("live"));
    for (format, part) in [
        ("human", "src/main.rs:1:"),
        ("github", "::error file=src/main.rs,line=1"),
        ("json", "\"rule\":\"build-range\""),
        ("sarif", "\"ruleId\":\"build-range\""),
    ] {
        expect(&folder, &["check", "--against", "flags.prod.toml", "--format", format], 1, &[part]);
    }
    let data = folder.json(&AGAINST);
    assert_eq!(data["data"]["findings"][0]["rule"], "build-range");
}
