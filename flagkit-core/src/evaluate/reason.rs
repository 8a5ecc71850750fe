//! Why an answer is what it is.

use std::fmt;

use crate::bucketing::bucket::{Point, Threshold};

/// Why a flag is on or off for a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No layer declares the key: dark.
    NotFound,
    /// The key's declaration was refused and there is no earlier good one: dark.
    Invalid,
    /// The master switch is off.
    Off,
    /// A flag that this one requires is off for the subject.
    Prerequisite {
        /// Which of the required flags, from 0.
        index: usize,
    },
    /// The switch is on, for everybody.
    On,
    /// The switch is on, for the subjects whose point lies below the threshold.
    Rollout {
        /// Where the subject stands.
        point: Point,
        /// How far along the line subjects are let in.
        threshold: Threshold,
    },
    /// The switch is on for a part of all subjects, and this one does not have what is hashed: no id, an empty one,
    /// or no such attribute of a kind that can be hashed (a text or a whole number).
    MissingBucketingValue,
}

impl Reason {
    /// Returns the reason as a word, for machines: `undeclared`, `refused`, `off`, `prerequisite`, `on`, `rollout` or
    /// `no-subject`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "undeclared",
            Self::Invalid => "refused",
            Self::Off => "off",
            Self::Prerequisite { .. } => "prerequisite",
            Self::On => "on",
            Self::Rollout { .. } => "rollout",
            Self::MissingBucketingValue => "no-subject",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no layer declares it"),
            Self::Invalid => f.write_str("its declaration was refused"),
            Self::Off => f.write_str("switched off"),
            Self::Prerequisite { index } => write!(f, "required flag {index} is off"),
            Self::On => f.write_str("on for all it applies to"),
            Self::Rollout { point, threshold } => {
                let side = if point.is_below(*threshold) { "below" } else { "not below" };
                write!(f, "point {point} is {side} threshold {threshold}")
            }
            Self::MissingBucketingValue => f.write_str("on for a part, and the subject has nothing to hash"),
        }
    }
}
