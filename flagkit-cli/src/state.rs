//! The state of a flag, apart from its rules: off, on, or on for a part.

use std::fmt;

use flagkit_core::{Flag, Percent};

/// How far a flag is rolled out to those for whom no rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct State(Percent);

impl State {
    pub(crate) const OFF: Self = Self(Percent::ZERO);
    pub(crate) const ON: Self = Self(Percent::HUNDRED);

    pub(crate) fn new(percent: Percent) -> Self {
        Self(percent)
    }

    /// The state of a flag in force; of one that is not declared or refused it is off.
    pub(crate) fn of(flag: Option<&Flag>) -> Self {
        match flag {
            Some(flag) if flag.is_switched_on() => Self(flag.rollout()),
            _ => Self::OFF,
        }
    }

    pub(crate) fn percent(self) -> Percent {
        self.0
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::OFF => f.write_str("off"),
            Self::ON => f.write_str("on"),
            Self(percent) => write!(f, "{percent}"),
        }
    }
}
