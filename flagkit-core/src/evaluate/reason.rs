//! The reason of an answer.
//!
//! A reason is the answer to "why?" in one value without a lifetime. It is cheap, because the evaluator decides by the
//! same cases. An explanation adds the steps.

use std::fmt;

use crate::bucketing::bucket::{Point, Threshold};
use crate::model::Stage;

/// Why a flag is on or off for a subject.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flags, Reason};
///
/// let reason = Flags::new().evaluate("new-checkout", "user-1").reason();
/// assert_eq!(reason, Reason::NotFound);
/// assert_eq!(reason.as_str(), "not-found");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The flag is dark, because no layer declares the key.
    NotFound,
    /// The flag is dark, because its declaration is invalid and there is no earlier valid one.
    Invalid,
    /// The flag is dark, because approvals are required and it has none that cover it.
    Unapproved,
    /// The flag is off.
    Off,
    /// A prerequisite is off for the subject.
    Prerequisite {
        /// The index of the prerequisite, from 0.
        index: usize,
    },
    /// The flag, or the rule that matched, is on for every subject it applies to.
    On,
    /// The flag is on for the subjects with a point below the threshold.
    Rollout {
        /// The subject's point.
        point: Point,
        /// The threshold of the rollout.
        threshold: Threshold,
    },
    /// The flag is on for a percentage of subjects, and this one lacks the value that is hashed.
    ///
    /// It has no id, an empty id, or no text or integer in the attribute that the flag is bucketed by.
    MissingBucketingValue,
    /// The flag is a [migration](crate::source::Kind::Migration), which has a stage instead. It is on for no subject.
    Migration {
        /// The stage for the subject.
        stage: Stage,
    },
}

impl Reason {
    /// Returns the reason as a word for programs: `not-found`, `invalid`, `unapproved`, `off`, `prerequisite`, `on`, `rollout`,
    /// `missing-bucketing-value` or `migration`.
    ///
    /// Use it for metrics and logs: unlike the text of `Display`, it contains no numbers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Invalid => "invalid",
            Self::Unapproved => "unapproved",
            Self::Off => "off",
            Self::Prerequisite { .. } => "prerequisite",
            Self::On => "on",
            Self::Rollout { .. } => "rollout",
            Self::MissingBucketingValue => "missing-bucketing-value",
            Self::Migration { .. } => "migration",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no layer declares it"),
            Self::Invalid => f.write_str("its declaration is invalid"),
            Self::Unapproved => f.write_str("no approval covers it"),
            Self::Off => f.write_str("the flag is off"),
            Self::Prerequisite { index } => write!(f, "prerequisite {index} is off"),
            Self::On => f.write_str("on for every subject it applies to"),
            Self::Rollout { point, threshold } => {
                let side = if point.is_below(*threshold) { "below" } else { "not below" };
                write!(f, "point {point} is {side} threshold {threshold}")
            }
            Self::MissingBucketingValue => f.write_str("on for a percentage, and the subject lacks the value to hash"),
            Self::Migration { stage } => write!(f, "a migration at stage {stage}"),
        }
    }
}
