//! A plan has the stage that is in effect, or there is none.

use flagkit_core::migrate::{Counters, PlanError, migrations};
use flagkit_core::source::{OnFailedStart, Provenance, Stage, StartPolicy};
use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, migration};

migration! { static FULL: "split", range = Full }
migration! { static CONTRACTED: "split", range = Contracted }
migration! {
    /// A migration with a build that states where it starts.
    static STARTS: "split", range = Full, start = DualWrite, second_write = Report
}
migration! { pub(crate) LISTED: "listed", range = Full, }

fn flags(flag: Flag) -> Flags {
    Flags::fixed(FlagSet::from_iter([(FlagKey::new("split").expect("a key"), flag)]))
}

#[test]
fn a_build_supports_the_stages_of_its_range() {
    for stage in Stage::ALL {
        let flags = flags(Flag::migration().at_stage(stage));
        let full = FULL.plan_in(&flags, &()).map(|plan| plan.stage());
        let contracted = CONTRACTED.plan_in(&flags.snapshot(), &()).map(|plan| plan.stage());
        if stage == Stage::Contracted {
            let (first, last) = (Stage::Off, Stage::Complete);
            assert_eq!(full, Err(PlanError::Unsupported { key: "split", stage, first, last }));
        } else {
            assert_eq!(full, Ok(stage));
        }
        assert_eq!(contracted.is_ok(), stage >= Stage::Complete, "{stage}");
    }
    let error = CONTRACTED.plan_in(&flags(Flag::migration()), &()).expect_err("off");
    assert_eq!(
        error.to_string(),
        "cannot plan migration split: got stage off, and this build supports complete to contracted"
    );
}

#[test]
fn without_a_declaration_the_embedded_stage_counts() {
    let none = Flags::new();
    assert_eq!(FULL.plan_in(&none, &()).map(|plan| plan.stage()), Err(PlanError::Unknown { key: "split" }));
    assert_eq!(STARTS.plan_in(&none, &()).map(|plan| plan.stage()), Ok(Stage::DualWrite));
    // Nothing is installed in this process.
    assert_eq!(FULL.plan().map(|plan| plan.stage()), Err(PlanError::Unknown { key: "split" }));
    assert_eq!(STARTS.plan().map(|plan| plan.stage()), Ok(Stage::DualWrite));
    let mut invalid = FlagSet::new();
    invalid.insert_invalid(FlagKey::new("split").expect("a key"));
    let invalid = STARTS.plan_in(&Flags::fixed(invalid), &()).map(|plan| plan.stage());
    assert_eq!(invalid, Err(PlanError::Invalid { key: "split" }), "the author may have meant another stage");
}

/// A server that cannot be reached hides the file below it, because it may state another stage.
#[test]
fn before_the_first_load_the_embedded_stage_counts() {
    let flags = Flags::new();
    let file = flags.add_layer(Provenance::new("file:flags.toml"));
    let server = flags.add_layer(Provenance::new("http:flags"));
    let dark = OnFailedStart::StayDark;
    let server = server.before_first_load(StartPolicy { missing: dark, unreachable: dark, invalid: dark });
    let key = || FlagKey::new("split").expect("a key");
    let declared = Flag::migration().at_stage(Stage::Shadow).with_bucket_by("tenant");
    file.publish(FlagSet::from_iter([(key(), declared)]));
    let tenant = Context::new("").with("tenant", 7_i64);
    assert_eq!(STARTS.plan_in(&flags, &tenant).map(|plan| plan.stage()), Ok(Stage::DualWrite));
    server.publish(FlagSet::from_iter([(key(), Flag::migration().at_stage(Stage::Live))]));
    assert_eq!(STARTS.plan_in(&flags, &tenant).map(|plan| plan.stage()), Ok(Stage::Live));
    let no_partition = STARTS.plan_in(&flags, &()).map(|plan| plan.stage());
    assert_eq!(no_partition, Err(PlanError::MissingPartition { key: "split" }), "the file declares it");
}

#[test]
fn a_flag_with_a_switch_is_no_migration() {
    for flag in [Flag::off(), Flag::on()] {
        let plan = STARTS.plan_in(&flags(flag), &());
        assert_eq!(plan.map(|plan| plan.stage()), Err(PlanError::NotAMigration { key: "split" }));
    }
}

#[test]
fn a_partition_needs_a_subject_with_its_attribute() {
    let flags = flags(Flag::migration().at_stage(Stage::Live).with_bucket_by("tenant"));
    let missing = Err(PlanError::MissingPartition { key: "split" });
    assert_eq!(FULL.plan_in(&flags, &()).map(|plan| plan.stage()), missing);
    assert_eq!(FULL.plan_in(&flags, "user-1").map(|plan| plan.stage()), missing);
    let tenant = Context::new("user-1").with("tenant", 7_i64);
    assert_eq!(FULL.plan_in(&flags, &tenant).map(|plan| plan.stage()), Ok(Stage::Live));
}

#[test]
fn the_sides_follow_from_the_stage() {
    let sides = Stage::ALL[..6].iter().map(|stage| {
        let plan = FULL.plan_in(&flags(Flag::migration().at_stage(*stage)), &()).expect("it is supported");
        (plan.writes_old(), plan.writes_new(), plan.reads_new())
    });
    let (yes, no) = (true, false);
    let expected = [(yes, no, no), (yes, yes, no), (yes, yes, no), (yes, yes, yes), (yes, yes, yes), (no, yes, yes)];
    assert!(sides.eq(expected));
}

#[test]
fn a_registered_migration_is_listed() {
    LISTED.register();
    let listed = migrations().into_iter().find(|migration| migration.key == "listed").expect("it is registered");
    assert_eq!((listed.stage, listed.range, listed.counters), (None, "full", Counters::default()));
    assert_eq!((listed.first, listed.last), (Stage::Off, Stage::Complete));
    LISTED.register();
    assert_eq!(migrations().iter().filter(|migration| migration.key == "listed").count(), 1);
}
