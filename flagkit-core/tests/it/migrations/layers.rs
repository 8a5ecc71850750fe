//! The stage of a migration comes from one layer, and never changes by accident.

use flagkit_core::source::{Load, LoadError, OnFailedStart, Provenance, Publisher, Stage, StartPolicy};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Reason};

struct Layers {
    flags: Flags,
    file: Publisher,
    prod: Publisher,
}

impl Layers {
    fn new() -> Self {
        let flags = Flags::new();
        let file = flags.add_layer(Provenance::new("file:flags.toml"));
        let prod = flags.add_layer(Provenance::new("file:flags.prod.toml"));
        Self { flags, file, prod }
    }

    fn stage(&self) -> Option<Stage> {
        self.flags.snapshot().stage("split", &())
    }

    fn problems(&self) -> Vec<String> {
        let status = self.flags.status();
        status.sources.iter().flat_map(|source| source.problems.iter().map(ToString::to_string)).collect()
    }
}

fn set(flag: Flag) -> FlagSet {
    FlagSet::from_iter([(FlagKey::new("split").expect("a key"), flag)])
}

fn at(stage: Stage) -> FlagSet {
    set(Flag::migration().at_stage(stage))
}

#[test]
fn a_higher_layer_states_the_stage() {
    let layers = Layers::new();
    layers.file.publish(set(Flag::migration()));
    assert_eq!(layers.stage(), Some(Stage::Off));
    for stage in Stage::ALL {
        layers.prod.publish(at(stage));
        assert_eq!((layers.stage(), layers.problems()), (Some(stage), vec![]));
    }
    assert!(!layers.flags.is_on("split", "u1"));
    let reason = layers.flags.evaluate("split", "u1").reason();
    assert_eq!(reason, Reason::Migration { stage: Stage::Contracted });
    assert_eq!(
        layers.flags.snapshot().explain("split", "u1").to_string(),
        "split is off: a migration at stage contracted, from file:flags.prod.toml (revision 8)\n"
    );
}

#[test]
fn two_layers_may_be_one_step_apart_and_no_more() {
    for (below, above) in Stage::ALL.into_iter().flat_map(|a| Stage::ALL.map(|b| (a, b))) {
        let layers = Layers::new();
        layers.file.publish(at(below));
        layers.prod.publish(at(above));
        if below.is_adjacent_to(above) {
            assert_eq!((layers.stage(), layers.problems()), (Some(above), vec![]));
        } else {
            assert_eq!(layers.stage(), Some(below), "the previous stage");
            let problems = layers.problems();
            assert!(problems.len() == 1 && problems[0].contains(&format!("got the stage {above}")), "{problems:?}");
            assert!(problems[0].contains("state the stage in one layer only"), "{problems:?}");
        }
    }
}

/// Sources load at the same time. Which of them is first must not decide which of two stages counts.
#[test]
fn two_layers_that_disagree_at_the_start_give_no_stage_in_any_order() {
    let skip = StartPolicy::all(OnFailedStart::Skip);
    for is_file_first in [true, false] {
        let flags = Flags::new();
        let [file, prod] =
            ["file:flags.toml", "file:flags.prod.toml"].map(|name| flags.add_layer(Provenance::new(name)));
        let [file, prod] = [file.before_first_load(skip), prod.before_first_load(skip)];
        let stage = || flags.snapshot().stage("split", &());
        let publish = [(&file, Stage::Off), (&prod, Stage::Live)];
        let order = if is_file_first { [0, 1] } else { [1, 0] };
        for (publisher, stage) in order.map(|index| publish[index]) {
            publisher.publish(at(stage));
        }
        assert_eq!(stage(), None, "{is_file_first}");
        prod.publish(at(Stage::DualWrite));
        assert_eq!(stage(), Some(Stage::DualWrite));
        prod.publish(at(Stage::Live));
        assert_eq!(stage(), Some(Stage::DualWrite), "it keeps the last stage on which both agreed");
    }
    // An optional layer that is missing lets the file's stage through.
    let flags = Flags::new();
    let [file, prod] = ["file:flags.toml", "file:flags.prod.toml"].map(|name| flags.add_layer(Provenance::new(name)));
    let [file, prod] = [file.before_first_load(skip), prod.before_first_load(skip)];
    file.publish(at(Stage::Live));
    assert_eq!(flags.snapshot().stage("split", &()), None, "the other layer may state another stage");
    prod.fail(LoadError::missing("no such file"));
    assert_eq!(flags.snapshot().stage("split", &()), Some(Stage::Live));
}

#[test]
fn a_switch_over_a_migration_is_the_stage_off_or_a_problem() {
    let layers = Layers::new();
    layers.file.publish(at(Stage::DualWrite));
    layers.prod.publish(set(Flag::off()));
    assert_eq!((layers.stage(), layers.problems()), (Some(Stage::Off), vec![]));
    layers.prod.publish(FlagSet::new());
    layers.file.publish(at(Stage::Live));
    layers.prod.publish(set(Flag::off()));
    assert_eq!((layers.stage(), layers.problems().len()), (Some(Stage::Live), 1), "off would read stale data");
    for flag in [Flag::on(), Flag::on().with_rollout("25".parse().expect("a percentage")), Flag::inherit().enabled()] {
        layers.prod.publish(set(flag));
        let problems = layers.problems();
        assert_eq!((layers.stage(), problems.len()), (Some(Stage::Live), 1), "{problems:?}");
        assert!(problems[0].contains("expected a stage, because the flag is a migration"), "{problems:?}");
    }
}

#[test]
fn an_invalid_declaration_keeps_the_stage() {
    let layers = Layers::new();
    layers.file.publish(set(Flag::migration()));
    layers.prod.publish(at(Stage::RampDown));
    let mut invalid = FlagSet::new();
    invalid.insert_invalid(FlagKey::new("split").expect("a key"));
    layers.prod.publish(Load::new(invalid.clone()));
    assert_eq!(layers.stage(), Some(Stage::RampDown));
    // Here the layer has no last good declaration of its own.
    let layers = Layers::new();
    layers.file.publish(at(Stage::RampDown));
    layers.prod.publish(Load::new(invalid));
    assert_eq!(layers.stage(), Some(Stage::RampDown));
}

#[test]
fn a_migration_that_is_no_longer_declared_keeps_its_stage() {
    let layers = Layers::new();
    layers.file.publish(at(Stage::Live));
    for _ in 0..3 {
        layers.file.publish(FlagSet::new());
        let problems = layers.problems();
        assert_eq!((layers.stage(), problems.len()), (Some(Stage::Live), 1), "{problems:?}");
        assert!(problems[0].contains("running processes keep its last stage"), "{problems:?}");
    }
    layers.prod.publish(FlagSet::new());
    assert_eq!(layers.stage(), Some(Stage::Live));
    layers.file.publish(at(Stage::Complete));
    assert_eq!((layers.stage(), layers.problems()), (Some(Stage::Complete), vec![]));
}

#[test]
fn a_contracted_migration_can_be_removed() {
    let layers = Layers::new();
    layers.file.publish(at(Stage::Contracted));
    layers.file.publish(FlagSet::new());
    assert_eq!((layers.stage(), layers.problems()), (None, vec![]));
}

#[test]
fn a_migration_does_not_become_another_flag() {
    let layers = Layers::new();
    layers.file.publish(at(Stage::Live));
    for flag in [Flag::off(), Flag::on()] {
        layers.file.publish(set(flag));
        assert_eq!((layers.stage(), layers.problems().len()), (Some(Stage::Live), 1));
        assert!(!layers.flags.is_on("split", &()));
    }
    let layers = Layers::new();
    layers.file.publish(set(Flag::on()));
    layers.prod.publish(at(Stage::Live));
    assert_eq!((layers.stage(), layers.problems().len()), (None, 1), "a stage does not replace a switch");
    assert!(layers.flags.is_on("split", &()));
}

#[test]
fn a_percentage_needs_a_partition() {
    let layers = Layers::new();
    let half = "50".parse().expect("a percentage");
    layers.file.publish(at(Stage::Shadow));
    layers.file.publish(set(Flag::migration().at_stage(Stage::Live).with_rollout(half)));
    let problems = layers.problems();
    assert_eq!((layers.stage(), problems.len()), (Some(Stage::Shadow), 1), "{problems:?}");
    assert!(problems[0].contains("got a rollout of 50% without a partition"), "{problems:?}");
    // The partition stays with the declaration, and another layer states the share.
    layers.file.publish(set(Flag::migration().with_bucket_by("tenant")));
    layers.prod.publish(set(Flag::migration().at_stage(Stage::Live).with_rollout(half)));
    assert_eq!(layers.problems(), Vec::<String>::new());
    let snapshot = layers.flags.snapshot();
    let tenant = |n: i64| flagkit_core::Context::new("").with("tenant", n);
    let live = (0..400).filter(|n| snapshot.stage("split", &tenant(*n)) == Some(Stage::Live)).count();
    let shadow = (0..400).filter(|n| snapshot.stage("split", &tenant(*n)) == Some(Stage::Shadow)).count();
    assert!(live + shadow == 400 && (150..250).contains(&live), "{live} live, {shadow} shadow");
    assert_eq!(snapshot.stage("split", &()), None);
}
