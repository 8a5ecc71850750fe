//! The stage of a migration: which of two data paths is read, and which are written.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// The stage of a migration from an old data path to a new one.
///
/// | stage | reads | writes, in this order |
/// |---|---|---|
/// | [`Off`](Self::Off) | old | old |
/// | [`DualWrite`](Self::DualWrite) | old | old, new |
/// | [`Shadow`](Self::Shadow) | old; new is compared | old, new |
/// | [`Live`](Self::Live) | new; old is compared | new, old |
/// | [`RampDown`](Self::RampDown) | new | new, old |
/// | [`Complete`](Self::Complete) | new | new |
/// | [`Contracted`](Self::Contracted) | new; the old data may be gone | new |
///
/// The side that is read is *authoritative*: it is written first, and its error is the error of the caller. Processes
/// at two adjacent stages may run at the same time without losing a write. Processes further apart may not, so a
/// migration moves one stage at a time.
///
/// The stages up to [`Complete`](Self::Complete) are those of `LaunchDarkly`. The last one marks that no running build has
/// code for the old path.
///
/// # Examples
///
/// ```
/// use flagkit_core::source::{Side, Stage};
///
/// let stage: Stage = "dual-write".parse()?;
/// assert!(stage.writes(Side::Old) && stage.writes(Side::New));
/// assert_eq!(stage.authoritative(), Side::Old);
/// assert_eq!(stage.next(), Some(Stage::Shadow));
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The old path only, as before the migration.
    Off,
    /// The old path is read. Both are written.
    DualWrite,
    /// The old path is read, and the new one is read to compare it. Both are written.
    Shadow,
    /// The new path is read, and the old one is read to compare it. Both are written.
    Live,
    /// The new path is read. Both are written, so that reads can still return to the old path.
    RampDown,
    /// The new path only. The old data is stale from here on: there is no way back.
    Complete,
    /// The new path only. No running build uses the old data, so it can be dropped.
    Contracted,
}

/// One of the two data paths of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The path that the migration leaves.
    Old,
    /// The path that the migration introduces.
    New,
}

impl Stage {
    /// All stages, in the order of a migration.
    pub const ALL: [Self; 7] =
        [Self::Off, Self::DualWrite, Self::Shadow, Self::Live, Self::RampDown, Self::Complete, Self::Contracted];

    /// Returns the word that flag files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::DualWrite => "dual-write",
            Self::Shadow => "shadow",
            Self::Live => "live",
            Self::RampDown => "ramp-down",
            Self::Complete => "complete",
            Self::Contracted => "contracted",
        }
    }

    /// Returns the stage after this one, if there is one.
    pub fn next(self) -> Option<Self> {
        Self::from_index(self.index() + 1)
    }

    /// Returns the stage before this one, if there is one.
    ///
    /// A running migration may go there only while [`is_reversible`](Self::is_reversible).
    pub fn previous(self) -> Option<Self> {
        self.index().checked_sub(1).and_then(Self::from_index)
    }

    /// Returns whether the migration can go back from here without reading stale data. True before
    /// [`Complete`](Self::Complete).
    pub fn is_reversible(self) -> bool {
        self < Self::Complete
    }

    /// Returns whether the two stages are the same or one step apart.
    pub fn is_adjacent_to(self, other: Self) -> bool {
        self.index().abs_diff(other.index()) <= 1
    }

    /// Returns the side that is read. It is written first.
    pub fn authoritative(self) -> Side {
        if self < Self::Live { Side::Old } else { Side::New }
    }

    /// Returns whether this side is written.
    pub fn writes(self, side: Side) -> bool {
        match side {
            Side::Old => self < Self::Complete,
            Side::New => self > Self::Off,
        }
    }

    /// Returns whether the other side is read too, to compare it.
    pub fn compares(self) -> bool {
        matches!(self, Self::Shadow | Self::Live)
    }

    /// Returns the index in [`ALL`](Self::ALL), which a call site stores.
    #[inline]
    pub(crate) fn index(self) -> u32 {
        self as u32
    }

    /// Returns the stage with this index, if there is one.
    #[inline]
    pub(crate) fn from_index(index: u32) -> Option<Self> {
        Self::ALL.get(index as usize).copied()
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Parses the word that flag files use.
impl FromStr for Stage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text).ok_or_else(|| ErrorKind::Stage.into())
    }
}

impl Side {
    /// Returns the other side.
    pub fn other(self) -> Self {
        match self {
            Self::Old => Self::New,
            Self::New => Self::Old,
        }
    }

    /// Returns the side as a word: `old` or `new`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_a_stage_is_its_position() {
        for (index, stage) in (0..).zip(Stage::ALL) {
            assert_eq!((stage.index(), Stage::from_index(index)), (index, Some(stage)));
            assert_eq!(stage.as_str().parse::<Stage>().ok(), Some(stage));
        }
        assert_eq!(Stage::from_index(7), None);
        assert!("dual_write".parse::<Stage>().expect_err("an underscore").is_stage());
    }

    /// A write that one process makes is read by the other: the two sides that they write overlap on what is read.
    #[test]
    fn only_adjacent_stages_may_run_at_the_same_time() {
        for (writer, reader) in Stage::ALL.into_iter().flat_map(|a| Stage::ALL.map(|b| (a, b))) {
            let is_safe = writer.writes(reader.authoritative());
            assert!(is_safe || !writer.is_adjacent_to(reader), "{writer} and {reader}");
        }
        assert!(!Stage::Off.writes(Stage::Live.authoritative()));
        assert!(!Stage::Complete.writes(Stage::Shadow.authoritative()));
    }
}
