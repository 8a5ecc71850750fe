//! What a call site remembers, in one word.

use crate::bucketing::bucket::{Seed, Threshold};
use crate::bucketing::bucketer::PlainSplit;
use crate::evaluate::compiled::Definition;
use crate::publish::snapshot::Snapshot;

/// A seed in the high 32 bits; in the low 32 bits a threshold (`0 ..= 2^31`), or a tag above that.
///
/// One word, read and written by one instruction: a seed is never seen with another flag state's threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(u64);

const EVERYBODY: u32 = 1 << 31;

impl Word {
    /// The site has not been reached yet.
    pub(super) const UNREGISTERED: Self = Self(EVERYBODY as u64 + 1);
    /// The flag takes more than a word to decide: ask the snapshot, where it may be found at the place in the high bits.
    const EVALUATE: u32 = EVERYBODY + 2;
    /// Off for all.
    pub(super) const DARK: Self = Self(0);

    /// Of a key in a snapshot; where tests watch, every read asks.
    pub(super) fn in_force(snapshot: &Snapshot, key: &str, is_watched: bool) -> Self {
        let (place, definition) = snapshot.found(key);
        match definition {
            _ if is_watched => Self::asking(place),
            Some(definition) => Self::of(&definition, place),
            None => Self::DARK,
        }
    }

    /// Of a key that may be found at this place.
    pub(super) fn asking(place: u32) -> Self {
        Self(u64::from(place) << 32 | u64::from(Self::EVALUATE))
    }

    /// Of a definition that was found at this place.
    fn of(definition: &Definition, place: u32) -> Self {
        match definition {
            Definition::Off(_) | Definition::Refused => Self::DARK,
            Definition::On(split) => Self::from_split(*split),
            Definition::Plan(plan) => plan.plain_split().map_or_else(|| Self::asking(place), Self::from_split),
        }
    }

    fn from_split(PlainSplit { seed, threshold }: PlainSplit) -> Self {
        Self::from_bits(u64::from(seed.to_bits()) << 32 | u64::from(threshold.to_bits()))
    }

    #[inline]
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline]
    pub(super) const fn to_bits(self) -> u64 {
        self.0
    }

    /// Where the snapshot may have the flag, if it is to be evaluated.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the high half
    pub(super) fn place(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The split, or `None` for a tag.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // either half is meant
    pub(super) fn split(self) -> Option<PlainSplit> {
        let seed = Seed::from_bits((self.0 >> 32) as u32);
        Threshold::from_bits(self.0 as u32).map(|threshold| PlainSplit { seed, threshold })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::compiled::Segments;
    use crate::model::Flag;

    fn threshold(word: Word) -> Option<Threshold> {
        word.split().map(|split| split.threshold)
    }

    fn word(flag: &Flag) -> Word {
        Word::of(&Definition::compile("search", flag, &Segments::new()), 7)
    }

    #[test]
    fn what_fits_a_word_is_kept_in_it() {
        let half = Flag::on().with_rollout("50".parse().expect("a percentage"));
        assert_eq!(threshold(Word::DARK), Some(Threshold::NOBODY));
        assert_eq!(threshold(word(&Flag::off())), Some(Threshold::NOBODY));
        assert_eq!(threshold(word(&Flag::on())), Some(Threshold::EVERYBODY));
        assert_eq!(threshold(word(&half)), Threshold::from_bits(1 << 30));
        assert_eq!(word(&half).split().map(|split| split.seed), Some(Seed::from_salt("search")));
    }

    #[test]
    fn what_does_not_is_evaluated() {
        let by = Flag::on().with_bucket_by("account").with_rollout("50".parse().expect("a percentage"));
        assert_eq!((word(&by).split(), word(&by).place()), (None, 7));
        assert_eq!(Word::UNREGISTERED.split(), None);
        assert_eq!(threshold(word(&Flag::on().with_bucket_by("account"))), Some(Threshold::EVERYBODY));
    }
}
