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
    CannotTell,
}

/// How far to look when the verdict of several is clear. That never changes the verdict.
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
            Self::CannotTell => "cannot tell",
        }
    }

    /// No if one is no, else cannot tell if one is that, else yes. Stops at the first no, unless all are to be seen.
    #[inline]
    pub(crate) fn all(verdicts: impl Iterator<Item = Self>, look: Look) -> Self {
        Self::combine(verdicts, look, Self::No, Self::Yes)
    }

    /// Yes if one is yes, else cannot tell if one is that, else no. Stops at the first yes, unless all are to be
    /// seen.
    #[inline]
    pub(crate) fn any(verdicts: impl Iterator<Item = Self>, look: Look) -> Self {
        Self::combine(verdicts, look, Self::Yes, Self::No)
    }

    #[inline]
    fn combine(verdicts: impl Iterator<Item = Self>, look: Look, decisive: Self, otherwise: Self) -> Self {
        let mut result = otherwise;
        for verdict in verdicts {
            if verdict == decisive {
                result = decisive;
                if look == Look::NoFurther {
                    break;
                }
            } else if verdict == Self::CannotTell && result != decisive {
                result = Self::CannotTell;
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
            Self::CannotTell => Self::CannotTell,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{CannotTell, No, Yes};
    use super::*;

    #[test]
    fn the_tables_of_kleene() {
        for (a, b, all, any) in [
            (Yes, Yes, Yes, Yes),
            (Yes, No, No, Yes),
            (Yes, CannotTell, CannotTell, Yes),
            (No, No, No, No),
            (No, CannotTell, No, CannotTell),
            (CannotTell, CannotTell, CannotTell, CannotTell),
        ] {
            for (pair, look) in
                [([a, b], Look::AtAll), ([b, a], Look::AtAll), ([a, b], Look::NoFurther), ([b, a], Look::NoFurther)]
            {
                assert_eq!(Verdict::all(pair.into_iter(), look), all, "{pair:?}");
                assert_eq!(Verdict::any(pair.into_iter(), look), any, "{pair:?}");
            }
        }
        assert_eq!([!Yes, !No, !CannotTell], [No, Yes, CannotTell]);
        assert_eq!(Verdict::all([].into_iter(), Look::NoFurther), Yes);
        assert_eq!(Verdict::any([].into_iter(), Look::AtAll), No);
    }
}
