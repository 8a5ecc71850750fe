//! What subscribers are told.

use std::sync::Arc;

use crate::model::key::FlagKey;
use crate::model::problem::Problem;
use crate::model::provenance::Provenance;
use crate::publish::load::LoadError;
use crate::publish::status::SourceState;

/// Something that happened to the flags.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A new snapshot is in force.
    Changed(Change),
    /// A source has a fault it did not have before, which changes no flag.
    LoadFailed(LoadFailure),
    /// A source has become well, or has ceased to be.
    StateChanged(StateChange),
    /// A source has something to be known for that it did not have before.
    WarningsChanged(WarningsChange),
}

/// A new snapshot is in force.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Change {
    /// The revision of the new snapshot.
    pub revision: u64,
    /// The layer whose load brought it about.
    pub layer: Provenance,
    /// The keys whose declaration changed, metadata included, in order. Keys that no layer spells out (see
    /// [`EnvKey`](crate::source::EnvKey)) are not listed.
    pub keys: Arc<[FlagKey]>,
}

/// A source has become well, or has ceased to be. That it is stopped is not told: whoever stops it knows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StateChange {
    /// The layer.
    pub layer: Provenance,
    /// How it was.
    pub from: SourceState,
    /// How it is.
    pub to: SourceState,
}

/// A source has something to be known for, whatever it loads.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WarningsChange {
    /// The layer.
    pub layer: Provenance,
    /// All of its warnings, earlier ones included.
    pub warnings: Arc<[Box<str>]>,
}

/// A source has a fault it did not have before. Told once, not at every try. An error that lasts is told again when
/// it comes up five minutes after it was told last (where the publisher has a clock).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadFailure {
    /// The layer.
    pub layer: Provenance,
    /// Why its load was refused as a whole, if it was.
    pub error: Option<Arc<LoadError>>,
    /// What is wrong with single flags of a load that was accepted.
    pub problems: Arc<[Problem]>,
}
