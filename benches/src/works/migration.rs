//! W6: the plan of a migration, beside a boolean.

use std::convert::Infallible;
use std::hint::black_box;

use flagkit_core::source::Stage;
use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, flag, migration};

use crate::case::{Case, Work};

migration! { static EVERYWHERE: "migration", range = Full }
migration! { static PARTITIONED: "partitioned", range = Full }

/// The flags that this work reads.
pub(super) fn flags() -> [(&'static str, Flag); 2] {
    let half = "50".parse().expect("a percentage");
    let partitioned = Flag::migration().at_stage(Stage::Live).with_bucket_by("tenant").with_rollout(half);
    [("migration", Flag::migration().at_stage(Stage::DualWrite)), ("partitioned", partitioned)]
}

pub(super) fn work() -> Work {
    let handle = Flags::fixed(
        flags().into_iter().map(|(key, flag)| (FlagKey::new(key).expect("a key"), flag)).collect::<FlagSet>(),
    );
    let tenant = Context::new("").with("tenant", 4_712_i64);
    let write = || Ok::<_, Infallible>(black_box(1_u64));
    Work {
        name: "migration",
        title: "The plan of a migration",
        cases: vec![
            Case::new("floor: `flag!`, on", || flag!("boolean")),
            Case::new("`plan`", || EVERYWHERE.plan().is_ok_and(|plan| plan.writes_new())),
            Case::new("`plan`, and a write of both sides", move || {
                EVERYWHERE.plan().is_ok_and(|plan| plan.write(write, write).is_ok())
            }),
            Case::new("`plan_for`, half of the partitions", move || {
                PARTITIONED.plan_for(black_box(&tenant)).is_ok_and(|plan| plan.reads_new())
            }),
            Case::new("`plan_in` a handle", move || {
                EVERYWHERE.plan_in(&handle, &()).is_ok_and(|plan| plan.writes_new())
            }),
        ],
    }
}
