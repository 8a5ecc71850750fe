//! A compiled migration: the stage of each partition of its data.

use std::sync::Arc;

use crate::bucketing::bucket::Threshold;
use crate::bucketing::bucketer::Rollout;
use crate::model::Stage;
use crate::subject::Subject;

/// The stage of a migration for each subject.
///
/// A [`Definition`](super::compiled::Definition) holds one. A call site stores the first form in its word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CompiledStage {
    /// All data is at this stage.
    Everywhere(Stage),
    /// The data is partitioned by an attribute of the subject.
    Partitioned(Arc<PartitionedStage>),
}

/// A stage that a part of the partitions has reached. The others are at the stage before it.
///
/// So only adjacent stages are in use at the same time, whatever the percentage is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PartitionedStage {
    stage: Stage,
    rollout: Rollout,
}

impl CompiledStage {
    /// Returns the stage of a migration that `rollout` of its partitions have reached.
    pub(crate) fn partitioned(stage: Stage, rollout: Rollout) -> Self {
        Self::Partitioned(Arc::new(PartitionedStage { stage, rollout }))
    }

    /// Returns the stage for a subject. `None` if the subject lacks the attribute that partitions the data.
    ///
    /// The attribute is required at 100 percent too, so that code without it fails before the first partial rollout.
    #[inline]
    pub(crate) fn stage_for<S: Subject + ?Sized>(&self, subject: &S) -> Option<Stage> {
        match self {
            Self::Everywhere(stage) => Some(*stage),
            Self::Partitioned(partitioned) => {
                let PartitionedStage { stage, rollout } = &**partitioned;
                let point = rollout.bucketer().point(subject)?;
                let has_reached = point.is_below(rollout.threshold());
                Some(if has_reached { *stage } else { stage.previous().unwrap_or(*stage) })
            }
        }
    }

    /// Returns whether all data is at the last stage, so that nothing depends on the migration.
    pub(crate) fn is_contracted(&self) -> bool {
        match self {
            Self::Everywhere(stage) => *stage == Stage::Contracted,
            Self::Partitioned(partitioned) => {
                partitioned.stage == Stage::Contracted && partitioned.rollout.threshold() == Threshold::ALL
            }
        }
    }

    /// Returns whether each partition stays at its stage, or goes back by one stage at which the old data is written.
    ///
    /// A return from a later stage would read stale data, so it does not narrow.
    pub(crate) fn is_narrower_than(&self, before: &Self) -> bool {
        match (before, self) {
            (Self::Everywhere(before), Self::Everywhere(after)) => steps_back(*before, *after),
            (Self::Partitioned(before), Self::Partitioned(after)) => {
                let (from, to) = (before.rollout.threshold(), after.rollout.threshold());
                let is_same_bucketing = before.rollout.bucketer() == after.rollout.bucketer();
                let is_same_stage = before.stage == after.stage && (to == from || before.stage.is_reversible());
                let is_back = before.stage != after.stage && steps_back(before.stage, after.stage);
                is_same_bucketing && ((is_same_stage && to <= from) || (is_back && to >= from))
            }
            _ => false,
        }
    }
}

/// Returns whether `after` is the same stage, or the one before it and the old data is still written.
fn steps_back(before: Stage, after: Stage) -> bool {
    before == after || (before.is_reversible() && before.previous() == Some(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucketing::bucketer::Bucketer;
    use crate::bucketing::percent::Percent;
    use crate::subject::Context;

    fn partitioned(stage: Stage, percent: u8) -> CompiledStage {
        let bucketing = crate::bucketing::bucket::Bucketing::default();
        let bucketer = Bucketer::new(bucketing.seed("m"), Some("tenant".into()), bucketing.points());
        CompiledStage::partitioned(stage, Rollout::new(bucketer, Percent::new(percent).expect("a percentage")))
    }

    fn tenant(n: u32) -> Context {
        Context::new("").with("tenant", i64::from(n))
    }

    #[test]
    fn a_partition_without_the_stage_is_one_stage_back() {
        let half = partitioned(Stage::Live, 50);
        let live = (0..1_000).filter(|n| half.stage_for(&tenant(*n)) == Some(Stage::Live)).count();
        let shadow = (0..1_000).filter(|n| half.stage_for(&tenant(*n)) == Some(Stage::Shadow)).count();
        assert_eq!(live + shadow, 1_000);
        assert!((400..600).contains(&live), "{live}");
        assert_eq!(half.stage_for(&()), None);
        assert_eq!(partitioned(Stage::Live, 100).stage_for(&()), None);
    }

    /// The claim of `is_narrower_than`, checked for each pair of definitions and many partitions.
    #[test]
    fn a_narrower_migration_moves_no_partition_forward_and_none_by_two() {
        let percents = [0, 1, 50, 99, 100];
        let all: Vec<(Stage, u8)> = Stage::ALL.into_iter().flat_map(|stage| percents.map(|it| (stage, it))).collect();
        for (before, after) in all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))) {
            let (before_stage, after_stage) = (partitioned(before.0, before.1), partitioned(after.0, after.1));
            let is_safe = (0..300).all(|n| {
                let of = |stage: &CompiledStage| stage.stage_for(&tenant(n)).expect("a tenant");
                steps_back(of(&before_stage), of(&after_stage))
            });
            if after_stage.is_narrower_than(&before_stage) {
                assert!(is_safe, "{before:?} to {after:?}");
            }
        }
        assert!(partitioned(Stage::Live, 25).is_narrower_than(&partitioned(Stage::Live, 50)));
        assert!(partitioned(Stage::Shadow, 100).is_narrower_than(&partitioned(Stage::Live, 50)));
        assert!(!partitioned(Stage::Shadow, 25).is_narrower_than(&partitioned(Stage::Live, 50)));
        assert!(!partitioned(Stage::Complete, 25).is_narrower_than(&partitioned(Stage::Complete, 50)));
    }
}
