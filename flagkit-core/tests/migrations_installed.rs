//! A migration follows the installed flags, allocates nothing for it, and reports lost writes to their subscribers.

use std::sync::{Arc, Mutex};

use flagkit_core::migrate::{LossCause, SecondWriteLoss, migrations};
use flagkit_core::source::{Provenance, Side, Stage};
use flagkit_core::{Context, Event, Flag, FlagKey, FlagSet, Flags, flag, migration};

migration! { static SPLIT: "split", range = Full, start = Off }

fn set(flag: Flag) -> FlagSet {
    FlagSet::from_iter([(FlagKey::new("split").expect("a key"), flag)])
}

fn stage() -> Stage {
    let mut stage = None;
    let allocated = allocation_counter::measure(|| stage = SPLIT.plan().map(|plan| plan.stage()).ok());
    assert_eq!(allocated.count_total, 0);
    stage.expect("a stage")
}

/// The only test of this process, because it installs flags.
#[test]
fn a_plan_follows_the_installed_flags() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("test:"));
    assert_eq!(stage(), Stage::Off, "the embedded stage: nothing is installed");
    flagkit_core::install(flags.clone()).expect("this process installs nothing else");
    assert_eq!(stage(), Stage::Off, "nothing is published");
    assert_eq!(migrations()[0].stage, Some(Stage::Off));
    let mut invalid = FlagSet::new();
    invalid.insert_invalid(FlagKey::new("split").expect("a key"));
    publisher.publish(invalid);
    assert!(SPLIT.plan().is_err(), "an invalid declaration, and none before it");
    assert_eq!(migrations()[0].stage, None, "no status without a plan");
    for at in &Stage::ALL[..6] {
        publisher.publish(set(Flag::migration().at_stage(*at)));
        assert_eq!([stage(), stage()], [*at, *at]);
        assert!(!flag!("split"), "a migration is never on");
        let listed = migrations();
        assert_eq!((listed.len(), listed[0].key, listed[0].stage), (1, "split", Some(*at)));
    }

    // A partition is looked up in the snapshot.
    let half = Flag::migration().at_stage(Stage::Live).with_bucket_by("tenant");
    publisher.publish(set(half.with_rollout("50".parse().expect("a percentage"))));
    assert!(SPLIT.plan().is_err(), "a plan needs the partition");
    let stages: Vec<Stage> = (0..100)
        .map(|tenant| {
            let subject = Context::new("").with("tenant", i64::from(tenant));
            let mut stage = None;
            let allocated = allocation_counter::measure(|| stage = SPLIT.plan_for(&subject).ok());
            assert_eq!(allocated.count_total, 0);
            stage.expect("a stage").stage()
        })
        .collect();
    assert!(stages.contains(&Stage::Live) && stages.contains(&Stage::Shadow), "{stages:?}");
    assert!(stages.iter().all(|stage| matches!(stage, Stage::Live | Stage::Shadow)), "{stages:?}");
    let listed = migrations();
    assert_eq!((listed[0].partition.as_deref(), listed[0].rollout.to_string()), (Some("tenant"), "50%".to_owned()));

    // A document without the migration, or with another flag of its name, keeps the stage.
    publisher.publish(set(Flag::migration().at_stage(Stage::RampDown)));
    publisher.publish(FlagSet::new());
    assert_eq!(stage(), Stage::RampDown);
    publisher.publish(set(Flag::off()));
    assert_eq!(stage(), Stage::RampDown);
    publisher.publish(set(Flag::migration().at_stage(Stage::Contracted)));
    let error = SPLIT.plan().map(|plan| plan.stage()).expect_err("this build has no such stage");
    assert!(error.to_string().ends_with("got stage contracted, and this build supports off to complete"), "{error}");

    lost_writes_are_reported(&flags, || publisher.publish(set(Flag::migration().at_stage(Stage::DualWrite))));
}

fn lost_writes_are_reported(flags: &Flags, publish: impl FnOnce()) {
    let losses: Arc<Mutex<Vec<SecondWriteLoss>>> = Arc::default();
    let sink = Arc::clone(&losses);
    let _subscription = flags.subscribe(move |event| {
        if let Event::SecondWriteLost(loss) = event {
            sink.lock().expect("no panic").push(*loss);
        }
    });
    publish();
    let plan = SPLIT.plan().expect("a plan");
    let (old, new) = (|| Ok::<_, &str>(1), || Err("the disk is full"));
    assert_eq!(plan.write(old, new), Ok(1));
    let allocated = allocation_counter::measure(|| assert_eq!(plan.write(old, old), Ok(1)));
    assert_eq!(allocated.count_total, 0, "a write allocates nothing");
    let losses = losses.lock().expect("no panic");
    assert_eq!(losses.len(), 1);
    let SecondWriteLoss { key, stage, side, cause, .. } = losses[0];
    assert_eq!((key, stage, side, cause), ("split", Stage::DualWrite, Side::New, LossCause::Failed));
}
