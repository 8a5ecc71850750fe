//! Yes, no, or cannot tell.

use std::ops::Not;

/// What a condition says of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// The subject lacks what it takes to tell, or has it in a form that says nothing.
    Unknown,
}

/// How far to look when it is clear whether the verdict of several is yes. That never changes whether it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// At all of them: somebody wants to see.
    AtAll,
    /// No further.
    NoFurther,
}

impl Verdict {
    /// Returns the verdict in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "cannot tell",
        }
    }

    /// No if one is no, else cannot tell if one is that, else yes. Unless all are to be seen, it stops at the first that
    /// is not yes, and is that one.
    #[inline]
    pub(crate) fn all(verdicts: impl Iterator<Item = Self>, look: Look) -> Self {
        let mut result = Self::Yes;
        for verdict in verdicts {
            if verdict != Self::Yes && result != Self::No {
                result = verdict;
                if look == Look::NoFurther {
                    break;
                }
            }
        }
        result
    }

    /// Yes if one is yes, else cannot tell if one is that, else no. Stops at the first yes, unless all are to be
    /// seen.
    #[inline]
    pub(crate) fn any(verdicts: impl Iterator<Item = Self>, look: Look) -> Self {
        let mut result = Self::No;
        for verdict in verdicts {
            if verdict != Self::No && result != Self::Yes {
                result = verdict;
            }
            if verdict == Self::Yes && look == Look::NoFurther {
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
    fn the_tables_of_kleene() {
        for (a, b, all, any) in [
            (Yes, Yes, Yes, Yes),
            (Yes, No, No, Yes),
            (Yes, Unknown, Unknown, Yes),
            (No, No, No, No),
            (No, Unknown, No, Unknown),
            (Unknown, Unknown, Unknown, Unknown),
        ] {
            for pair in [[a, b], [b, a]] {
                assert_eq!(Verdict::all(pair.into_iter(), Look::AtAll), all, "{pair:?}");
                assert_eq!(Verdict::any(pair.into_iter(), Look::AtAll), any, "{pair:?}");
                assert_eq!(Verdict::any(pair.into_iter(), Look::NoFurther), any, "{pair:?}");
                let is_yes = Verdict::all(pair.into_iter(), Look::NoFurther) == Yes;
                assert_eq!(is_yes, all == Yes, "{pair:?}");
            }
        }
        assert_eq!([!Yes, !No, !Unknown], [No, Yes, Unknown]);
        assert_eq!(Verdict::all([].into_iter(), Look::NoFurther), Yes);
        assert_eq!(Verdict::any([].into_iter(), Look::AtAll), No);
    }
}
