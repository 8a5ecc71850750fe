//! The state of a call site, packed into one word.
//!
//! # What fits
//!
//! | flag | state |
//! |---|---|
//! | not declared, off, or invalid | dark: the threshold 0 |
//! | on, perhaps with a rollout by id | its seed and its threshold |
//! | a migration without partitions | a tag for each stage |
//! | with rules, prerequisites or a rollout by custom bucketing | the tag "evaluate", with its index |
//! | any, while a test guard is alive | the tag "evaluate" |
//! | any, before the first read of the site | the tag "unregistered" |
//!
//! A flag with variants fits as well if only its rollout decides whether it is on: `variant!` has no call site.

use crate::bucketing::bucket::{Seed, Threshold};
use crate::bucketing::bucketer::SimpleRollout;
use crate::evaluate::compiled::Definition;
use crate::evaluate::compiled_stage::CompiledStage;
use crate::model::Stage;
use crate::publish::snapshot::Snapshot;

/// The state of a call site: a hash seed in the high 32 bits and a threshold (`0 ..= 2^31`) in the low 32 bits.
///
/// A low half above 2^31 is a tag: the site is not registered, or its flag does not fit and must be evaluated. Then the
/// high half is the index of the flag in the snapshot. Each [`CallSite`](super::CallSite) holds one, and the registry
/// writes it. One instruction reads or writes the whole word, so a seed never pairs with another flag's threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State(u64);

/// The threshold that includes all subjects.
const ALL: u32 = 1 << 31;

impl State {
    /// The site has not been read yet.
    pub(super) const UNREGISTERED: Self = Self(ALL as u64 + 1);
    /// The tag of a flag that does not fit into the word. The high half is its index in the snapshot.
    const EVALUATE: u32 = ALL + 2;
    /// The tag of a migration at stage `off`. Those of the other stages follow.
    const STAGES: u32 = ALL + 8;
    /// The flag is off for all subjects.
    pub(super) const DARK: Self = Self(0);

    /// Builds the state for `key` in `snapshot`. While tests override flags (`is_forced`), every read takes the slow
    /// path.
    ///
    /// An undeclared flag is dark without an evaluation. A publish that declares it updates its sites.
    pub(super) fn for_key(snapshot: &Snapshot, key: &str, is_forced: bool) -> Self {
        let (index, definition) = snapshot.find(key);
        match definition {
            _ if is_forced => Self::evaluate_at(index),
            Some(definition) => Self::for_definition(&definition, index),
            None => Self::DARK,
        }
    }

    /// Builds the state that makes each read evaluate the flag. Its entry probably has this index.
    pub(super) fn evaluate_at(index: u32) -> Self {
        Self(u64::from(index) << 32 | u64::from(Self::EVALUATE))
    }

    /// Builds the state of a migration that is at one stage everywhere.
    fn at_stage(stage: Stage) -> Self {
        Self(u64::from(Self::STAGES + stage.index()))
    }

    /// Builds the state for a compiled flag. Off and invalid are the same to a read.
    fn for_definition(definition: &Definition, index: u32) -> Self {
        match definition {
            Definition::Off(_) | Definition::Invalid | Definition::Unapproved(_) => Self::DARK,
            Definition::Migration(CompiledStage::Everywhere(stage)) => Self::at_stage(*stage),
            Definition::Migration(CompiledStage::Partitioned(_)) => Self::evaluate_at(index),
            Definition::On(rollout) => Self::from_rollout(*rollout),
            Definition::Targeted(flag) => {
                flag.simple_rollout().map_or_else(|| Self::evaluate_at(index), Self::from_rollout)
            }
        }
    }

    /// Packs a rollout. Its threshold is at most 2^31, so it is never taken for a tag.
    fn from_rollout(SimpleRollout { seed, threshold }: SimpleRollout) -> Self {
        Self::from_bits(u64::from(seed.to_bits()) << 32 | u64::from(threshold.to_bits()))
    }

    /// Unpacks the word that [`CallSite`](super::CallSite) has loaded from its atomic.
    #[inline]
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline]
    pub(super) const fn to_bits(self) -> u64 {
        self.0
    }

    /// Returns the index that the flag probably has in the snapshot. Meaningful only for a flag that must be evaluated.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the high half
    pub(super) fn index(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Returns the stage of a migration that is at one stage everywhere, or `None` for every other state.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the low half
    pub(super) fn stage(self) -> Option<Stage> {
        (self.0 as u32).checked_sub(Self::STAGES).and_then(Stage::from_index)
    }

    /// Returns the rollout that decides the read, or `None` for a tag.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // each half is a value of its own
    pub(super) fn rollout(self) -> Option<SimpleRollout> {
        let seed = Seed::from_bits((self.0 >> 32) as u32);
        Threshold::from_bits(self.0 as u32).map(|threshold| SimpleRollout { seed, threshold })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::compiled::Segments;
    use crate::model::Flag;

    fn threshold(state: State) -> Option<Threshold> {
        state.rollout().map(|rollout| rollout.threshold)
    }

    fn state(flag: &Flag) -> State {
        State::for_definition(&Definition::compile("search", flag, &Segments::new()), 7)
    }

    #[test]
    fn a_flag_that_fits_one_word_is_kept_in_it() {
        let half = Flag::on().with_rollout("50".parse().expect("a percentage"));
        assert_eq!(threshold(State::DARK), Some(Threshold::NONE));
        assert_eq!(threshold(state(&Flag::off())), Some(Threshold::NONE));
        assert_eq!(threshold(state(&Flag::on())), Some(Threshold::ALL));
        assert_eq!(threshold(state(&half)), Threshold::from_bits(1 << 30));
        assert_eq!(state(&half).rollout().map(|rollout| rollout.seed), Some(Seed::from_salt("search")));
    }

    #[test]
    fn any_other_flag_is_evaluated() {
        let by = Flag::on().with_bucket_by("account").with_rollout("50".parse().expect("a percentage"));
        assert_eq!((state(&by).rollout(), state(&by).index()), (None, 7));
        assert_eq!(State::UNREGISTERED.rollout(), None);
        assert_eq!(threshold(state(&Flag::on().with_bucket_by("account"))), Some(Threshold::ALL));
    }
}
