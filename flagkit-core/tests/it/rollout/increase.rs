//! A percentage that rises from 0 to 100 only ever adds subjects.

use flagkit_core::source::Provenance;
use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, Percent, Reason, flag};

const STEPS: u32 = 1_000;
const SUBJECTS: u32 = 4_000;

fn at(step: u32) -> FlagSet {
    let percent = Percent::from_millionths(step * (100_000_000 / STEPS)).expect("a percentage");
    let key = |text| FlagKey::new(text).expect("a key");
    FlagSet::from_iter([
        (key("plain"), Flag::on().with_rollout(percent)),
        (key("by-account"), Flag::on().with_rollout(percent).with_bucket_by("account")),
    ])
}

#[test]
fn a_thousand_steps_only_ever_add_subjects() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("steps:"));
    let accounts: Vec<Context> = (0..SUBJECTS / 4).map(|id| Context::new(id).with("account", id * 7)).collect();
    let mut plain_included = vec![false; SUBJECTS as usize];
    let mut accounts_included = vec![false; accounts.len()];
    for step in 0..=STEPS {
        publisher.publish(at(step));
        let snapshot = flags.snapshot();
        for (id, included) in (0..SUBJECTS).zip(&mut plain_included) {
            let on = snapshot.is_on("plain", &id);
            assert!(on || !*included, "step {step} removes {id}");
            *included = on;
        }
        for (account, included) in accounts.iter().zip(&mut accounts_included) {
            let on = flag!(in flags, "by-account", account);
            assert!(on || !*included, "step {step} removes {account:?}");
            *included = on;
        }
        let count = plain_included.iter().filter(|included| **included).count();
        match step {
            0 => assert_eq!(count, 0),
            500 => assert!((1_800..2_200).contains(&count), "{count} at 50 %"),
            STEPS => assert_eq!(count, SUBJECTS as usize),
            _ => {}
        }
    }
    assert!(accounts_included.iter().all(|included| *included));
}

#[test]
fn each_subject_is_included_from_its_exact_millionth_on() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("steps:"));
    let set = |millionths: u64| {
        let millionths = u32::try_from(millionths).expect("a small number");
        let percent = Percent::from_millionths(millionths).expect("a percentage");
        publisher
            .publish(FlagSet::from_iter([(FlagKey::new("plain").expect("a key"), Flag::on().with_rollout(percent))]));
    };
    for id in 0..SUBJECTS {
        set(50_000_000);
        let Reason::Rollout { point, .. } = flags.evaluate("plain", &id).reason() else { panic!("expected a rollout") };
        // The least percentage with a threshold above the point: threshold = floor(millionths * 2^31 / 10^8).
        let millionths = ((u64::from(point.to_bits()) + 1) * 100_000_000).div_ceil(1 << 31);
        set(millionths - 1);
        assert!(!flags.is_on("plain", &id), "{id} is included before its step");
        for above in [millionths, millionths + 1, millionths + 2] {
            set(above.min(100_000_000));
            assert!(flags.is_on("plain", &id), "{id} is excluded at {above} millionths of a percent");
        }
    }
}
