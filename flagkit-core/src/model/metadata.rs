//! What people want to know of a flag.

use crate::subject::date::Date;

/// What a flag is for, who answers for it, and when it should be gone.
///
/// Metadata never changes an answer. It is for reviewers, operators and `/flags` pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// What the flag turns on.
    pub description: Option<Box<str>>,
    /// Who answers for it.
    pub owner: Option<Box<str>>,
    /// What sort of flag it is.
    pub kind: Option<Kind>,
    /// The day it was declared.
    pub created: Option<Date>,
    /// The day by which it should be removed. Nothing happens at run time on that day.
    pub expires: Option<Date>,
}

/// What sort of flag it is, which says how long it may live.
///
/// The four categories are those of Pete Hodgson's "Feature Toggles" (2017).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Hides unfinished code; lives for days or weeks.
    Release,
    /// Compares alternatives; lives until the question is answered.
    Experiment,
    /// Lets operators shed load or cut off a dependency; may live long.
    Ops,
    /// Opens a feature to some people for good.
    Permission,
}

impl Kind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Release, Self::Experiment, Self::Ops, Self::Permission];

    /// Returns the word used in a flag file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Experiment => "experiment",
            Self::Ops => "ops",
            Self::Permission => "permission",
        }
    }
}
