//! The rules of migrations that only the merge can check, and the problems of declarations that break them.
//!
//! Each rule prevents that the stage of a migration changes by accident. A declaration that violates one is rejected, and
//! the merge keeps the definition of the current snapshot.

use crate::bucketing::percent::Percent;
use crate::evaluate::compiled::Definition;
use crate::evaluate::compiled_stage::CompiledStage;
use crate::model::problem::Problem;
use crate::model::{Declaration, Flag, FlagKey};
use crate::publish::merged_flag::MergedFlag;
use crate::publish::snapshot::Entry;

/// Returns the stage of an entry, unless it is not a migration, or one that no code depends on any more.
pub(super) fn running_stage(entry: &Entry) -> Option<&CompiledStage> {
    match &entry.definition {
        Definition::Migration(stage) if !stage.is_contracted() => Some(stage),
        _ => None,
    }
}

/// Returns the problem of a declaration over one in a lower layer, if only one of them is a migration, or if their
/// stages are more than one step apart.
pub(super) fn override_problem(below: Option<&MergedFlag>, key: &str, declaration: &Declaration) -> Option<Problem> {
    let below = below.and_then(MergedFlag::valid)?;
    let Declaration::Flag(flag) = declaration else { return None };
    let path = format!("flags.{key}");
    if !below.is_migration() {
        return flag.is_migration().then(|| {
            let expected = "a switch or a percentage, because a lower layer declares no migration";
            Problem::new(path + ".stage", "a stage", expected)
        });
    }
    match (below.stated_stage(), flag.stated_stage()) {
        (Some(below), Some(stage)) if !stage.is_adjacent_to(below) => {
            let expected = format!("{below}, as a lower layer states, or the stage before or after it");
            Some(
                Problem::new(path + ".stage", format!("the stage {stage}"), expected)
                    .with_help("state the stage in one layer only; until then the migration keeps its stage"),
            )
        }
        (_, Some(_)) => None,
        (_, None) if flag.is_migration() || flag.inherits() && !flag.is_enabled() => None,
        (_, None) => Some(
            Problem::new(path, "a switch or a percentage", "a stage, because the flag is a migration")
                .with_help("write `stage = \"dual-write\"`; until then the migration keeps its stage"),
        ),
    }
}

/// Returns the problem of a migration with a rollout that has no partition to apply it to.
pub(super) fn percentage_without_partition(key: &FlagKey, flag: &Flag) -> Option<Problem> {
    let is_partial = flag.rollout() != Percent::HUNDRED && flag.partition().is_none();
    is_partial.then(|| {
        let got = format!("a rollout of {} without a partition", flag.rollout());
        Problem::new(
            format!("flags.{key}.rollout"),
            got,
            "`partition`, which names the attribute that partitions the data",
        )
        .with_help("without it, two requests for the same data could be at two stages; remove `rollout`")
    })
}

/// Returns the problem of a key that was a migration, and is declared as another flag.
pub(super) fn not_a_migration(key: &FlagKey) -> Problem {
    Problem::new(format!("flags.{key}"), "a flag without a stage", "a migration, as before")
        .with_help("running processes keep the stage; use another key, or restart them after the code is gone")
}

/// Returns the problem of a migration that is no longer declared.
pub(super) fn undeclared_migration(key: &FlagKey) -> Problem {
    Problem::new(format!("flags.{key}"), "no declaration", "the migration, until its stage is contracted")
        .with_help("running processes keep its last stage; declare it again, or restart them after the code is gone")
}
