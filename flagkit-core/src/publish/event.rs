//! The events that subscribers receive.

use std::sync::Arc;

use crate::model::key::FlagKey;
use crate::model::problem::Problem;
use crate::model::provenance::Provenance;
use crate::model::{Side, Stage};
use crate::publish::load::LoadError;
use crate::publish::status::SourceState;

/// An event about a set of flags or one of its sources; see [`Flags::subscribe`](crate::Flags::subscribe).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A new snapshot took effect.
    Changed(Change),
    /// A load failed, or single flags of it are invalid, for a reason not reported before. No flag changes.
    LoadFailed(LoadFailure),
    /// A source became healthy, or stopped being so.
    StateChanged(StateChange),
    /// A source has a warning that it did not have before.
    WarningsChanged(WarningsChange),
    /// A write of a migration reached only one of the two sides.
    SecondWriteLost(SecondWriteLoss),
}

/// A new snapshot took effect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Change {
    /// The revision of the new snapshot.
    pub revision: u64,
    /// The layer that caused the change by a load.
    pub layer: Provenance,
    /// The keys with a changed declaration (metadata included), sorted. Keys that are declared only by an
    /// [`EnvKey`](crate::source::EnvKey) are not listed.
    pub keys: Arc<[FlagKey]>,
}

/// A source became healthy, or stopped being so. A stopped source causes no event, because the application stopped it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StateChange {
    /// The layer of the source.
    pub layer: Provenance,
    /// The previous state.
    pub from: SourceState,
    /// The new state.
    pub to: SourceState,
}

/// A source has a new warning: a fact about the source itself, independent of its contents.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WarningsChange {
    /// The layer of the source.
    pub layer: Provenance,
    /// All current warnings, including those reported before.
    pub warnings: Arc<[Box<str>]>,
}

/// A load failed, or single flags of it are invalid, for a reason not reported before.
///
/// An error is reported once, not at every attempt. If it persists, it is reported again at the first attempt at least
/// five minutes after the last report. That needs a [clock](crate::source::Publisher::with_clock).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadFailure {
    /// The layer of the source.
    pub layer: Provenance,
    /// Why the load was rejected as a whole. `None` if it was accepted.
    pub error: Option<Arc<LoadError>>,
    /// The problems of single flags of a load that was accepted.
    pub problems: Arc<[Problem]>,
}

/// A second write that was lost: the two sides may differ from now on, until it is repaired.
///
/// Only subscribers of the [installed](crate::install) flags receive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecondWriteLoss {
    /// The key of the migration.
    pub key: &'static str,
    /// The stage of the plan.
    pub stage: Stage,
    /// The side that lacks the write.
    pub side: Side,
    /// How it was lost.
    pub cause: LossCause,
}

/// How a second write was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossCause {
    /// It returned an error.
    Failed,
    /// It did not finish: its future was dropped, or code panicked.
    Abandoned,
}

impl LossCause {
    /// Returns the cause as a word: `failed` or `abandoned`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}
