//! The status of a set of flags and its sources, for operators.

use std::sync::Arc;
use std::time::SystemTime;

use crate::model::problem::Problem;
use crate::model::provenance::Provenance;
use crate::publish::load::LoadError;

/// The status of a set of flags and its sources at one moment; see [`Flags::status`](crate::Flags::status).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Status {
    /// The revision of the current snapshot.
    pub revision: u64,
    /// The number of calls of subscribers that panicked.
    pub subscriber_panics: u64,
    /// The sources, lowest layer first.
    pub sources: Vec<SourceStatus>,
}

/// The status of one source.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourceStatus {
    /// The name of the source.
    pub provenance: Provenance,
    /// The health of the source.
    pub state: SourceState,
    /// When the state last changed. For a stopped source, the last change before the stop. `None` without a clock, and
    /// before the first load.
    pub since: Option<SystemTime>,
    /// When the source checks next, while it waits for a timeout. `None` without a clock.
    pub next_try: Option<SystemTime>,
    /// When the source last loaded flags or found them unchanged. `None` before that, or without a clock, unless the
    /// load set a time ([`Load::as_of`](crate::source::Load::as_of), [`stale`](crate::source::Load::stale)).
    pub last_good: Option<SystemTime>,
    /// Why the latest load was rejected. `None` if the latest load was good.
    pub last_error: Option<Arc<LoadError>>,
    /// The problems of single flags of the last good load.
    pub problems: Vec<Problem>,
    /// The number of flags that the last good load declares.
    pub flags: usize,
    /// Warnings about the source itself, independent of its contents; for example, that changes can only be detected by
    /// polling.
    pub warnings: Arc<[Box<str>]>,
    /// The number of accepted loads, stale ones included.
    pub loads: u64,
    /// The number of checks that found the flags unchanged.
    pub unchanged: u64,
    /// The number of rejected loads.
    pub failures: u64,
}

/// The health of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceState {
    /// The first load has not finished.
    Starting,
    /// The latest load was good.
    Fresh,
    /// The latest load was rejected; the last good flags stay in effect.
    Stale,
    /// No load was ever good; the source declares no flag.
    Waiting,
    /// The source was stopped; its last good flags stay in effect and no longer change.
    Stopped,
}

impl SourceState {
    /// Returns the state as a lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }
}
