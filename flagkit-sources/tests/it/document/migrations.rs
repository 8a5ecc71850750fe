//! Migrations in both formats and in the environment: each mistake is reported in its location, and none changes a
//! stage.

use std::ffi::OsString;
use std::time::Duration;

use crate::support::{DEADLINE, TestDir, poll, status, wait_until};
use flagkit_core::source::{Provenance, Source as _, Stage};
use flagkit_core::{Context, Flag, Flags};
use flagkit_sources::document::Format;
use flagkit_sources::{Builder, Env, File};

const OFTEN: Duration = Duration::from_millis(5);
const KIND: (&str, &str) = ("kind", "\"migration\"");
const STAGE: (&str, &str) = ("stage", "\"live\"");
const STAGES: &str = "one of `off`, `dual-write`, `shadow`, `live`, `ramp-down`, `complete` or `contracted`";
const PARTITION: &str = "`partition`, which names the attribute that partitions the data";

/// Writes the members of the flag in a line each, so that they have the same lines in both formats.
fn documents(members: &[(&str, &str)]) -> [(Format, String); 2] {
    let toml: Vec<String> = members.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let json: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    [
        (Format::Toml, format!("[flags.split-name]\n{}\n", toml.join("\n"))),
        (Format::Json, format!("{{\"flags\": {{\"split-name\": {{\n{}\n}}}}}}", json.join(",\n"))),
    ]
}

fn at(stage: &str) -> String {
    format!("[flags.split-name]\nkind = \"migration\"\nstage = \"{stage}\"\n")
}

/// Publishes documents in one layer, one after another.
fn publish<'a>(documents: impl IntoIterator<Item = (Format, &'a str)>) -> Flags {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("test:"));
    for (format, text) in documents {
        publisher.publish(format.read(text.as_bytes()).expect("loads"));
    }
    flags
}

/// Returns the stage that the document states for all partitions or for some of them.
fn stage(flags: &Flags) -> Option<Stage> {
    flags.snapshot().flag("split-name").and_then(Flag::stage)
}

fn problems(flags: &Flags) -> Vec<String> {
    let sources = flags.status().sources;
    sources.iter().flat_map(|source| source.problems.iter().map(ToString::to_string)).collect()
}

/// Expects one problem in both formats, at the last member. It is invalid after a valid stage, and at the start.
fn is_invalid(members: &[(&str, &str)], is_at_value: bool, got: &str, expected: &str, help: Option<&str>) {
    let (key, _) = members.last().expect("a member");
    for (format, text) in documents(members) {
        // The value comes after ` = ` in TOML, and after two quotes and `: ` in JSON.
        let value = key.len() + if matches!(format, Format::Toml) { 4 } else { 5 };
        let (line, column) = (members.len() + 1, if is_at_value { value } else { 1 });
        let help = help.map(|help| format!("; {help}")).unwrap_or_default();
        let problem = format!("{line}:{column}: flags.split-name.{key}: got {got}, expected {expected}{help}");
        let flags = publish([(Format::Toml, &*at("shadow")), (format, &text)]);
        assert_eq!(problems(&flags), [&*problem], "{text}");
        assert_eq!(stage(&flags), Some(Stage::Shadow), "{text}");
        assert!(!flags.is_on("split-name", "u1"));
        // Without an earlier stage there is none, which a plan reports. It is not `off`.
        let flags = publish([(format, &*text)]);
        assert_eq!((stage(&flags), problems(&flags)), (None, vec![problem]), "{text}");
    }
}

#[test]
fn every_stage_is_read_in_both_formats() {
    for expected in Stage::ALL {
        for (format, text) in documents(&[KIND, ("stage", &format!("\"{expected}\""))]) {
            let flags = publish([(format, &*text)]);
            assert_eq!((stage(&flags), problems(&flags)), (Some(expected), vec![]));
        }
    }
    for (format, text) in documents(&[KIND]) {
        assert_eq!(stage(&publish([(format, &*text)])), Some(Stage::Off), "without a stage");
    }
}

#[test]
fn a_misspelled_stage_gets_the_right_one_as_help() {
    for (word, meant) in [
        ("dual_write", "dual-write"),
        ("dualwrite", "dual-write"),
        ("DualWrite", "dual-write"),
        ("RAMP DOWN", "ramp-down"),
        ("liv", "live"),
        ("Shadow", "shadow"),
        ("completed", "complete"),
        ("of", "off"),
    ] {
        let help = format!("did you mean \"{meant}\"?");
        let value = format!("\"{word}\"");
        is_invalid(&[KIND, ("stage", &value)], true, &format!("the text {value}"), STAGES, Some(&help));
    }
    is_invalid(&[KIND, ("stage", "\"done\"")], true, "the text \"done\"", STAGES, None);
    is_invalid(&[KIND, ("stage", "\"\"")], true, "the text \"\"", STAGES, None);
    is_invalid(&[KIND, ("stage", "3")], true, "the number 3", STAGES, None);
    is_invalid(&[KIND, ("stage", "false")], true, "false", STAGES, None);
    is_invalid(&[KIND, ("stge", "\"live\"")], false, "the unknown key `stge`", KEYS, Some("did you mean `stage`?"));
}

const KEYS: &str = "one of `description`, `owner`, `kind`, `created`, `expires`, `on`, `inherit`, `rollout`, `stage`, \
                    `partition`, `salt`, `by`, `requires`, `rules`, `variants`, `values`, `gate`, `allow` or `approval`";

#[test]
fn a_key_of_other_flags_is_a_problem_with_advice() {
    for (key, value, help) in [
        ("on", "true", "a migration is not on or off; set its `stage`"),
        ("on", "false", "a migration is not on or off; set its `stage`"),
        ("by", "\"tenant\"", "use `partition`, which names the attribute that partitions the data"),
        ("requires", "[\"a\"]", "a migration depends on no other flag"),
        ("rules", "[]", "all subjects with the same data must be at the same stage; use `partition`"),
    ] {
        let got = format!("the key `{key}`");
        is_invalid(&[KIND, STAGE, (key, value)], false, &got, "no such key in a migration", Some(help));
        is_invalid(&[KIND, (key, value)], false, &got, "no such key in a migration", Some(help));
    }
}

#[test]
fn off_beside_a_stage_is_not_off() {
    // For every other flag, `on = false` counts whatever else is wrong. Here it would read stale data.
    for members in [&[STAGE, ("on", "false")][..], &[("partition", "\"tenant\""), ("on", "false")]] {
        for (format, text) in documents(members) {
            let flags = publish([(Format::Toml, &*at("live")), (format, &text)]);
            assert_eq!((stage(&flags), problems(&flags).len()), (Some(Stage::Live), 1), "{text}");
        }
    }
    // A short form and a misspelled kind say off as well.
    for text in ["[flags]\nsplit-name = false\n", "[flags.split-name]\nkind = \"migraton\"\non = false\n"] {
        let flags = publish([(Format::Toml, &*at("live")), (Format::Toml, text)]);
        assert_eq!(stage(&flags), Some(Stage::Live), "{text}");
        assert!(!problems(&flags).is_empty(), "{text}");
    }
}

#[test]
fn a_rollout_needs_a_partition() {
    let help = "without it, two requests for the same data could be at two stages; remove `rollout`";
    let got = "a rollout without a partition";
    is_invalid(&[KIND, STAGE, ("rollout", "25")], true, got, PARTITION, Some(help));
    is_invalid(&[KIND, ("rollout", "100")], true, got, PARTITION, Some(help));
    is_invalid(&[KIND, ("partition", "7")], true, "the number 7", "a text that is not empty", None);
    for (format, text) in documents(&[KIND, STAGE, ("partition", "\"tenant\""), ("rollout", "25")]) {
        let flags = publish([(format, &*text)]);
        assert_eq!((stage(&flags), problems(&flags)), (Some(Stage::Live), vec![]));
        let stages = (0..400).map(|tenant| {
            let subject = Context::new("").with("tenant", i64::from(tenant));
            flags.snapshot().stage("split-name", &subject).expect("it has the attribute")
        });
        let stages: Vec<Stage> = stages.collect();
        assert!(stages.iter().all(|stage| [Stage::Shadow, Stage::Live].contains(stage)), "one step back, or there");
        let live = stages.iter().filter(|stage| **stage == Stage::Live).count();
        assert!((60..140).contains(&live), "about a quarter of 400, not {live}");
        assert_eq!(flags.snapshot().stage("split-name", "no tenant"), None);
    }
}

#[test]
fn a_stage_or_a_partition_belongs_to_a_migration() {
    let help = Some("a flag with a stage or a partition is a migration");
    for key in [STAGE, ("partition", "\"tenant\"")] {
        is_invalid(&[key, ("kind", "\"release\"")], true, "the text \"release\"", "\"migration\"", help);
    }
    // A document of an environment states only the stage.
    let flags = Flags::new();
    for text in [&*at("dual-write"), "[flags.split-name]\nstage = \"shadow\"\n"] {
        flags.add_layer(Provenance::new("test:")).publish(Format::Toml.read(text.as_bytes()).expect("loads"));
    }
    assert_eq!((stage(&flags), problems(&flags)), (Some(Stage::Shadow), vec![]));
}

#[test]
fn all_problems_of_a_migration_are_reported_at_once() {
    let members = [KIND, ("stage", "\"lve\""), ("on", "false"), ("rollout", "5"), ("by", "\"x\""), ("values", "{}")];
    for (format, text) in documents(&members) {
        let flags = publish([(format, &*text)]);
        let lines: Vec<String> = problems(&flags).iter().map(|problem| problem[..2].to_owned()).collect();
        assert_eq!(lines, ["3:", "4:", "5:", "6:", "7:"], "{:#?}", problems(&flags));
    }
}

/// Publishes a file, and then the environment with one variable.
fn override_stage(file: &str, variable: &str) -> Flags {
    let flags = Flags::new();
    let layers = ["file:", "env:"].map(|name| flags.add_layer(Provenance::new(name)));
    layers[0].publish(Format::Toml.read(at(file).as_bytes()).expect("loads"));
    layers[1].publish(environment(variable).load().expect("loads"));
    flags
}

fn environment(variable: &str) -> Env {
    Env::from_vars("FLAG_", [(OsString::from("FLAG_SPLIT_NAME"), OsString::from(variable))])
}

#[test]
fn a_variable_sets_a_stage_that_is_one_step_away() {
    for (file, variable, expected) in [
        ("off", "dual-write", Stage::DualWrite),
        ("dual-write", "Dual-Write", Stage::DualWrite),
        ("dual-write", "off", Stage::Off),
        ("dual-write", "SHADOW", Stage::Shadow),
        ("live", " ramp-down ", Stage::RampDown),
        ("live", "", Stage::Live),
    ] {
        let flags = override_stage(file, variable);
        assert_eq!((stage(&flags), problems(&flags)), (Some(expected), vec![]), "{file} {variable}");
    }
}

#[test]
fn a_variable_with_a_wrong_value_keeps_the_stage_of_the_file() {
    for (variable, part) in [
        ("off", "got the stage off, expected live, as a lower layer states, or the stage before or after it"),
        ("false", "got the stage off, expected live, as a lower layer states, or the stage before or after it"),
        ("on", "got a switch or a percentage, expected a stage, because the flag is a migration"),
        ("25%", "got a switch or a percentage, expected a stage, because the flag is a migration"),
        ("liv", "did you mean live?"),
        ("ramp_down", "did you mean ramp-down?"),
        ("1", "got the text \"1\""),
    ] {
        let flags = override_stage("live", variable);
        let problems = problems(&flags);
        assert_eq!(stage(&flags), Some(Stage::Live), "{variable}");
        assert!(problems.len() == 1 && problems[0].contains(part), "{variable}: {problems:?}");
    }
}

#[test]
fn a_variable_sets_the_stage_of_a_process() {
    let folder = TestDir::new();
    folder.write(at("dual-write"));
    let builder = Builder::new().source(File::new(folder.flags())).source(environment("shadow"));
    let guard = builder.startup_timeout(DEADLINE).start().expect("starts");
    assert_eq!(stage(guard.flags()), Some(Stage::Shadow));
    folder.replace(at("shadow"));
    wait_until("the file is read", || status(&guard).loads == 2);
    assert_eq!((stage(guard.flags()), problems(guard.flags())), (Some(Stage::Shadow), vec![]));
}

#[test]
fn a_file_is_followed_through_all_stages_forward_and_back() {
    let folder = TestDir::new();
    folder.write(at("off"));
    let guard = poll(&folder.flags(), OFTEN);
    let back = Stage::ALL[..6].iter().rev();
    for next in Stage::ALL[..6].iter().chain(back).chain(&Stage::ALL) {
        folder.replace(at(next.as_str()));
        wait_until(next.as_str(), || stage(guard.flags()) == Some(*next));
        // A file that becomes invalid keeps the stage.
        folder.replace(at("nonsense"));
        wait_until("the problem", || !status(&guard).problems.is_empty());
        assert_eq!(stage(guard.flags()), Some(*next));
    }
}

#[test]
fn a_declaration_that_is_removed_keeps_the_stage_with_a_problem() {
    let folder = TestDir::new();
    let other = "[flags]\na = true\nb = true\n";
    folder.write(format!("{other}{}", at("live")));
    let guard = poll(&folder.flags(), OFTEN);
    assert_eq!(stage(guard.flags()), Some(Stage::Live));
    folder.replace(other);
    wait_until("the problem", || !status(&guard).problems.is_empty());
    let found = problems(guard.flags());
    assert!(found.len() == 1 && found[0].contains("got no declaration, expected the migration"), "{found:?}");
    assert_eq!(guard.flags().snapshot().stage("split-name", &()), Some(Stage::Live));
    folder.replace(format!("{other}{}", at("ramp-down")));
    wait_until("the next stage", || guard.flags().snapshot().stage("split-name", &()) == Some(Stage::RampDown));
    assert_eq!(problems(guard.flags()), Vec::<String>::new());
}
