//! What a call site remembers, in one word.

use crate::bucket::{Seed, Threshold};
use crate::definition::{Definition, Split};

/// A seed in the high 32 bits; in the low 32 bits a threshold (`0 ..= 2^31`), or a tag above that.
///
/// One word, read and written by one instruction: a seed is never seen with another flag state's threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(u64);

const EVERYBODY: u32 = 1 << 31;

impl Word {
    /// The site has not been reached yet.
    pub(super) const UNREGISTERED: Self = Self(EVERYBODY as u64 + 1);
    /// The flag takes more than a word to decide: ask the snapshot.
    pub(super) const EVALUATE: Self = Self(EVERYBODY as u64 + 2);

    pub(super) fn from_definition(definition: Option<&Definition>) -> Self {
        match definition {
            None | Some(Definition::Off(_) | Definition::Refused) => Self::from_bits(0),
            Some(Definition::On(split)) => Self::from_split(split),
            Some(Definition::Plan(plan)) => plan.plain_split().map_or(Self::EVALUATE, Self::from_split),
        }
    }

    fn from_split(split: &Split) -> Self {
        if split.lets_everybody_in() {
            return Self::from_bits(u64::from(EVERYBODY));
        }
        split.line().plain_seed().map_or(Self::EVALUATE, |seed| {
            Self::from_bits(u64::from(seed.to_bits()) << 32 | u64::from(split.threshold().to_bits()))
        })
    }

    #[inline]
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline]
    pub(super) const fn to_bits(self) -> u64 {
        self.0
    }

    /// The threshold, or `None` for a tag.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the low half is meant
    pub(super) fn threshold(self) -> Option<Threshold> {
        Threshold::from_bits(self.0 as u32)
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the high half is left
    pub(super) fn seed(self) -> Seed {
        Seed::from_bits((self.0 >> 32) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Flag, Segments};

    fn word(flag: &Flag) -> Word {
        Word::from_definition(Some(&Definition::compile("search", flag, &Segments::new())))
    }

    #[test]
    fn what_fits_a_word_is_kept_in_it() {
        let half = Flag::on().with_rollout("50".parse().expect("a percentage"));
        assert_eq!(Word::from_definition(None).threshold(), Some(Threshold::NOBODY));
        assert_eq!(word(&Flag::off()).threshold(), Some(Threshold::NOBODY));
        assert_eq!(word(&Flag::on()).threshold(), Some(Threshold::EVERYBODY));
        assert_eq!(word(&half).threshold(), Threshold::from_bits(1 << 30));
        assert_eq!(word(&half).seed(), Seed::from_salt("search"));
    }

    #[test]
    fn what_does_not_is_evaluated() {
        let by = Flag::on().with_by("account").with_rollout("50".parse().expect("a percentage"));
        assert_eq!(word(&by), Word::EVALUATE);
        assert_eq!(Word::EVALUATE.threshold(), None);
        assert_eq!(Word::UNREGISTERED.threshold(), None);
        assert_eq!(word(&Flag::on().with_by("account")).threshold(), Some(Threshold::EVERYBODY));
    }
}
