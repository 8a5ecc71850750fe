//! What subscribers are told.

use std::sync::Arc;

use crate::key::FlagKey;
use crate::load::LoadError;
use crate::problem::Problem;
use crate::provenance::Provenance;

/// Something that happened to the flags.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A new snapshot is in force.
    Changed(Change),
    /// A source has a fault it did not have before. The flags are as they were.
    Faulty(Fault),
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
    /// [`FoldedKey`](crate::FoldedKey)) are not listed.
    pub keys: Arc<[FlagKey]>,
}

/// A source has a fault it did not have before. Told once, not at every try.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fault {
    /// The layer.
    pub layer: Provenance,
    /// Why its load was refused as a whole, if it was.
    pub error: Option<Arc<LoadError>>,
    /// What is wrong with single flags of a load that was accepted.
    pub problems: Arc<[Problem]>,
}
