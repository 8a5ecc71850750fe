//! The three verdicts of a condition.
//!
//! Two verdicts are not enough. "Not from Portugal" must not include a subject without a country, and neither must
//! "from Portugal".

use std::ops::Not;

/// The result of evaluating a condition for a subject.
///
/// Verdicts combine by Kleene's strong logic of indeterminacy.
///
/// The negation of unknown is unknown. Two verdicts combine as follows, in either order:
///
/// | a | b | all | any |
/// |---|---|---|---|
/// | yes | yes | yes | yes |
/// | yes | no | no | yes |
/// | yes | unknown | unknown | yes |
/// | no | no | no | no |
/// | no | unknown | no | unknown |
/// | unknown | unknown | unknown | unknown |
///
/// A rule matches only on yes, so an unknown value never includes a subject.
///
/// # Examples
///
/// ```
/// use flagkit_core::tooling::Verdict;
///
/// assert_eq!(!Verdict::from(true), Verdict::No);
/// assert_eq!(!Verdict::Unknown, Verdict::Unknown);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The subject meets the condition.
    Yes,
    /// The subject does not meet the condition.
    No,
    /// The subject lacks the attribute, or its value has the wrong type.
    Unknown,
}

impl Verdict {
    /// Returns the verdict in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }

    /// Combines verdicts by *and*: no if one is no, else unknown if one is unknown, else yes.
    ///
    /// Unless `exhaustive`, returns the first verdict other than yes, which never changes whether the result is yes.
    ///
    /// Of unknown and no, an early return yields unknown, where the exact verdict is no. A rule does not match on
    /// either.
    #[inline]
    pub(crate) fn all(verdicts: impl Iterator<Item = Self>, exhaustive: bool) -> Self {
        let mut result = Self::Yes;
        for verdict in verdicts {
            if verdict != Self::Yes && result != Self::No {
                result = verdict;
                if !exhaustive {
                    break;
                }
            }
        }
        result
    }

    /// Combines verdicts by *or*: yes if one is yes, else unknown if one is unknown, else no.
    ///
    /// Unless `exhaustive`, stops at the first yes.
    ///
    /// An early return is exact, because one yes decides.
    #[inline]
    pub(crate) fn any(verdicts: impl Iterator<Item = Self>, exhaustive: bool) -> Self {
        let mut result = Self::No;
        for verdict in verdicts {
            if verdict != Self::No && result != Self::Yes {
                result = verdict;
            }
            if verdict == Self::Yes && !exhaustive {
                break;
            }
        }
        result
    }
}

impl From<bool> for Verdict {
    #[inline]
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl Not for Verdict {
    type Output = Self;

    #[inline]
    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{No, Unknown, Yes};
    use super::*;

    #[test]
    fn verdicts_combine_by_the_tables_of_kleene() {
        for (a, b, all, any) in [
            (Yes, Yes, Yes, Yes),
            (Yes, No, No, Yes),
            (Yes, Unknown, Unknown, Yes),
            (No, No, No, No),
            (No, Unknown, No, Unknown),
            (Unknown, Unknown, Unknown, Unknown),
        ] {
            for pair in [[a, b], [b, a]] {
                assert_eq!(Verdict::all(pair.into_iter(), true), all, "{pair:?}");
                assert_eq!(Verdict::any(pair.into_iter(), true), any, "{pair:?}");
                assert_eq!(Verdict::any(pair.into_iter(), false), any, "{pair:?}");
                let is_yes = Verdict::all(pair.into_iter(), false) == Yes;
                assert_eq!(is_yes, all == Yes, "{pair:?}");
            }
        }
        assert_eq!([!Yes, !No, !Unknown], [No, Yes, Unknown]);
        assert_eq!(Verdict::all([].into_iter(), false), Yes);
        assert_eq!(Verdict::any([].into_iter(), true), No);
    }
}
