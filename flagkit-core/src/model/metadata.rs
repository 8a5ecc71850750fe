//! Information about a flag for people.

use crate::subject::date::Date;

/// The purpose of a flag, its owner, and the date of its removal.
///
/// Metadata never changes the result of an evaluation. It is for reviewers, operators and `/flags` pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The feature that the flag turns on.
    pub description: Option<Box<str>>,
    /// The person or team that is responsible for the flag.
    pub owner: Option<Box<str>>,
    /// The kind of the flag.
    pub kind: Option<Kind>,
    /// The date of the declaration.
    pub created: Option<Date>,
    /// The date by which the flag should be removed. The date has no effect at run time.
    pub expires: Option<Date>,
}

/// The kind of a flag, which determines how long the flag may exist.
///
/// The first four kinds are the categories of Pete Hodgson's "Feature Toggles" (2017).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Hides unfinished code. It exists for days or weeks.
    Release,
    /// Compares alternatives. It exists until the experiment has a result.
    Experiment,
    /// Allows operators to reduce load or to disconnect a dependency. It may exist for a long time.
    Ops,
    /// Gives some people permanent access to a feature.
    Permission,
    /// Moves data from an old path to a new one, [stage](crate::source::Stage) by stage. It is not on or off.
    Migration,
}

impl Kind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Release, Self::Experiment, Self::Ops, Self::Permission, Self::Migration];

    /// Returns the word that flag files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Experiment => "experiment",
            Self::Ops => "ops",
            Self::Permission => "permission",
            Self::Migration => "migration",
        }
    }
}
