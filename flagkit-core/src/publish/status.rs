//! How the sources are doing.

use std::sync::Arc;
use std::time::SystemTime;

use crate::model::problem::Problem;
use crate::model::provenance::Provenance;
use crate::publish::load::LoadError;

/// How a set of flags and its sources are doing, at one moment.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Status {
    /// The revision of the snapshot in force.
    pub revision: u64,
    /// How many subscribers' calls have panicked so far.
    pub subscriber_panics: u64,
    /// The sources, lowest layer first.
    pub sources: Vec<SourceStatus>,
}

/// How one source is doing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourceStatus {
    /// What the source is.
    pub provenance: Provenance,
    /// Whether it is well.
    pub state: SourceState,
    /// Since when, or for one that is stopped since when it was as it was then. `None` without a clock, and before it
    /// has answered.
    pub since: Option<SystemTime>,
    /// When it looks next, while it waits for a time. `None` without a clock.
    pub next_try: Option<SystemTime>,
    /// When it last loaded flags or found them unchanged. `None` before that, or without a clock,
    /// unless the load said so itself ([`Load::as_of`](crate::source::Load::as_of), [`stale`](crate::source::Load::stale)).
    pub last_good: Option<SystemTime>,
    /// Why its latest load was refused; `None` when the latest load was good.
    pub last_error: Option<Arc<LoadError>>,
    /// What is wrong with single flags of its last good load.
    pub problems: Vec<Problem>,
    /// How many flags its last good load declares.
    pub flags: usize,
    /// What the source itself should be known for, whatever it loads: that it can only be polled, for example.
    pub warnings: Arc<[Box<str>]>,
    /// How many loads were accepted, stale ones included.
    pub loads: u64,
    /// How many times its flags were found unchanged.
    pub confirmations: u64,
    /// How many loads were refused.
    pub refusals: u64,
}

/// Whether a source is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceState {
    /// It has not answered yet.
    Starting,
    /// Its latest load was good.
    Fresh,
    /// Its latest load was refused; its last good flags stay in force.
    Stale,
    /// It has never had a good load: it says nothing about any flag.
    Waiting,
    /// It was stopped; its last good flags stay in force and no longer change.
    Stopped,
}

impl SourceState {
    /// Returns the state as a word in lower case.
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
