//! The progress of a migration: its stage, and the share of the partitions that have reached it.

use std::fmt;
use std::str::FromStr;

use flagkit_core::source::Stage;
use flagkit_core::{Flag, Percent};

/// How far a migration is. `live@25%`: 25 % of the partitions are at `live`, and the others are at `shadow`.
///
/// It is less than another one if the migration reaches it earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Progress {
    pub(crate) stage: Stage,
    /// More than 0 unless the stage is `off`. 100 % without a partition.
    pub(crate) share: Percent,
}

impl Progress {
    /// The progress of a migration that has not begun.
    pub(crate) const OFF: Self = Self::at(Stage::Off);

    /// All data is at this stage.
    pub(crate) const fn at(stage: Stage) -> Self {
        Self { stage, share: Percent::HUNDRED }
    }

    /// A part of the partitions is at this stage. No partition there is the same as all of them one stage back.
    pub(crate) fn partly(stage: Stage, share: Percent) -> Self {
        match stage.previous() {
            Some(previous) if share == Percent::ZERO => Self::at(previous),
            None => Self::at(stage),
            Some(_) => Self { stage, share },
        }
    }

    /// Returns the progress of a flag. `None` if it is not a valid migration.
    pub(crate) fn of(flag: Option<&Flag>) -> Option<Self> {
        let flag = flag?;
        let share = if flag.partition().is_some() { flag.rollout() } else { Percent::HUNDRED };
        flag.stage().map(|stage| Self::partly(stage, share))
    }

    /// Returns whether all data is at the stage.
    pub(crate) fn is_whole(self) -> bool {
        self.share == Percent::HUNDRED
    }

    /// Returns the progress one stage back, for all data. `None` before the first step.
    pub(crate) fn back(self) -> Option<Self> {
        self.stage.previous().map(Self::at)
    }

    /// Returns whether one step leads from here to there: a larger share of the same stage, or the next stage.
    pub(crate) fn leads_to(self, to: Self) -> bool {
        if self.stage == to.stage {
            to.share > self.share
        } else {
            self.is_whole() && self.stage.next() == Some(to.stage)
        }
    }

    /// Returns whether one step back leads from here to there.
    pub(crate) fn leads_back_to(self, to: Self) -> bool {
        if self.stage == to.stage { to.share < self.share } else { self.stage.previous() == Some(to.stage) }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_whole() { self.stage.fmt(f) } else { write!(f, "{}@{}", self.stage, self.share) }
    }
}

impl FromStr for Progress {
    type Err = flagkit_core::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('@') {
            Some((stage, share)) => Ok(Self::partly(stage.parse()?, share.parse()?)),
            None => text.parse().map(Self::at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(text: &str) -> Progress {
        text.parse().expect(text)
    }

    #[test]
    fn a_progress_is_read_back_as_it_is_printed() {
        for text in ["off", "dual-write", "live@25%", "contracted", "complete@0.5%"] {
            assert_eq!(progress(text).to_string(), text);
        }
        assert_eq!(progress("live@0%"), progress("shadow"));
        assert_eq!(progress("live@100%"), progress("live"));
        assert!("lively".parse::<Progress>().is_err() && "live@".parse::<Progress>().is_err());
    }

    #[test]
    fn a_step_leads_to_a_larger_share_or_to_the_next_stage() {
        for (from, to, is_step) in [
            ("shadow", "live", true),
            ("shadow", "live@25%", true),
            ("live@25%", "live@50%", true),
            ("live@25%", "live", true),
            ("live@25%", "ramp-down", false),
            ("live@25%", "live@25%", false),
            ("shadow", "ramp-down", false),
            ("live", "shadow", false),
        ] {
            assert_eq!(progress(from).leads_to(progress(to)), is_step, "{from} to {to}");
        }
        assert!(progress("live@25%").leads_back_to(progress("shadow")));
        assert!(progress("live").leads_back_to(progress("live@25%")));
        assert!(!progress("live").leads_back_to(progress("dual-write")));
    }
}
