//! One source's place in the stack: its last good flags and how it is doing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::model::FlagSet;
use crate::model::problem::Problem;
use crate::model::provenance::Provenance;
use crate::publish::load::{Age, ErrorKind, Load, LoadError};
use crate::publish::signal::Signal;
use crate::publish::start_policy::{OnFailedStart, StartPolicy};
use crate::publish::status::{SourceState, SourceStatus};

/// The state of one layer. A bad load never touches `good`.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) provenance: Provenance,
    pub(crate) signal: Signal,
    pub(crate) policy: StartPolicy,
    good: Option<Arc<FlagSet>>,
    problems: Vec<Problem>,
    /// Found when this layer was laid over the ones below it, so they may come and go without a load.
    pub(crate) collisions: Vec<Problem>,
    /// The problems that subscribers know of.
    told: Arc<[Problem]>,
    warnings: Arc<[Box<str>]>,
    since: Option<SystemTime>,
    next_try: Option<SystemTime>,
    last_good: Option<SystemTime>,
    last_error: Option<Arc<LoadError>>,
    /// What was the matter when the source could last be asked.
    said: Option<ErrorKind>,
    /// When subscribers were last told of the error.
    told_error: Option<SystemTime>,
    loads: u64,
    confirmations: u64,
    refusals: u64,
}

/// What came of noting how a load went.
pub(crate) struct Noted {
    /// An error that subscribers do not know of.
    pub(crate) news: Option<Arc<LoadError>>,
    /// What it carries is a source's own, and is dropped where no lock is held.
    pub(crate) forgotten: Option<Arc<LoadError>>,
}

/// After how long an error that stays the same is told again.
const REMIND: Duration = Duration::from_secs(300);

impl Layer {
    pub(crate) fn new(provenance: Provenance, signal: Signal) -> Self {
        Self {
            provenance,
            signal,
            policy: StartPolicy::all(OnFailedStart::Skip),
            good: None,
            problems: Vec::new(),
            collisions: Vec::new(),
            told: Arc::default(),
            warnings: Arc::default(),
            since: None,
            next_try: None,
            last_good: None,
            last_error: None,
            said: None,
            told_error: None,
            loads: 0,
            confirmations: 0,
            refusals: 0,
        }
    }

    /// Takes a good load. A key it refuses keeps the flag it had.
    pub(crate) fn accept(&mut self, load: Load, now: Option<SystemTime>) -> Noted {
        let (mut flags, problems, Age { as_of, error }) = load.into_parts();
        if let Some(last_good) = &self.good {
            flags.heal(last_good);
        }
        self.good = Some(Arc::new(flags));
        self.problems = problems;
        self.loads += 1;
        if let Some(error) = error {
            self.last_good = as_of.or(self.last_good);
            return self.note(error, now);
        }
        self.last_good = as_of.or(now);
        Noted { news: None, forgotten: self.last_error.take() }
    }

    /// Notes that the flags are as they were.
    pub(crate) fn confirm(&mut self, now: Option<SystemTime>) -> Option<Arc<LoadError>> {
        self.good.as_ref()?;
        self.confirmations += 1;
        self.last_good = now;
        self.last_error.take()
    }

    /// Notes a refused load.
    pub(crate) fn refuse(&mut self, error: LoadError, now: Option<SystemTime>) -> Noted {
        self.refusals += 1;
        self.note(Arc::new(error), now)
    }

    fn note(&mut self, error: Arc<LoadError>, now: Option<SystemTime>) -> Noted {
        if error.kind() != ErrorKind::Unreachable {
            self.said = Some(error.kind());
        }
        let is_new = self.last_error.as_ref().is_none_or(|known| known.to_string() != error.to_string());
        let has_lasted =
            |(told, now): (SystemTime, SystemTime)| now.duration_since(told).is_ok_and(|age| age >= REMIND);
        let is_news = is_new || self.told_error.zip(now).is_some_and(has_lasted);
        if is_news {
            self.told_error = now;
        }
        Noted { news: is_news.then(|| Arc::clone(&error)), forgotten: self.last_error.replace(error) }
    }

    /// Sets the warnings; returns them if there is a new one among them.
    pub(crate) fn warn(&mut self, warnings: Arc<[Box<str>]>) -> Option<Arc<[Box<str>]>> {
        let has_news = warnings.iter().any(|warning| !self.warnings.contains(warning));
        self.warnings = Arc::clone(&warnings);
        has_news.then_some(warnings)
    }

    /// Notes since when the state is what it is, if it was another before.
    pub(crate) fn turned(&mut self, from: SourceState, now: Option<SystemTime>) -> Option<(SourceState, SourceState)> {
        let to = self.health();
        (from != to).then(|| {
            self.since = now;
            (from, to)
        })
    }

    pub(crate) fn waits(&mut self, until: Option<SystemTime>) {
        self.next_try = until;
    }

    /// Tells whether what lies below is dark, because nobody knows yet what this layer says of it.
    pub(crate) fn veils(&self) -> bool {
        // A source that has become unreachable keeps its last definite error.
        let latest = self.last_error.as_ref().map(|_| self.said.unwrap_or(ErrorKind::Unreachable));
        self.good.is_none() && self.policy.hides_lower_layers(latest)
    }

    pub(crate) fn flags(&self) -> Option<&Arc<FlagSet>> {
        self.good.as_ref()
    }

    /// Returns the problems if there is one among them that subscribers do not know of.
    pub(crate) fn untold_problems(&mut self) -> Option<Arc<[Problem]>> {
        let problems: Arc<[Problem]> = self.problems().cloned().collect();
        let told: HashSet<&Problem> = self.told.iter().collect();
        let has_news = problems.iter().any(|problem| !told.contains(problem));
        self.told = Arc::clone(&problems);
        has_news.then_some(problems)
    }

    pub(crate) fn status(&self) -> SourceStatus {
        SourceStatus {
            provenance: self.provenance.clone(),
            state: self.state(),
            since: self.since,
            next_try: self.next_try.filter(|_| !self.signal.is_stopped()),
            last_good: self.last_good,
            last_error: self.last_error.clone(),
            problems: self.problems().cloned().collect(),
            flags: self.good.as_ref().map_or(0, |flags| flags.len()),
            warnings: Arc::clone(&self.warnings),
            loads: self.loads,
            confirmations: self.confirmations,
            refusals: self.refusals,
        }
    }

    fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().chain(&self.collisions)
    }

    fn state(&self) -> SourceState {
        if self.signal.is_stopped() { SourceState::Stopped } else { self.health() }
    }

    /// The state, as long as the source runs.
    pub(crate) fn health(&self) -> SourceState {
        match (&self.good, &self.last_error) {
            (None, None) => SourceState::Starting,
            (None, Some(_)) => SourceState::Waiting,
            (Some(_), None) => SourceState::Fresh,
            (Some(_), Some(_)) => SourceState::Stale,
        }
    }
}
