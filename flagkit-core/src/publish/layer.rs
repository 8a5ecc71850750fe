//! A layer: the last good flags of one source, and the health of that source.
//!
//! # The problem
//!
//! A source that fails must change nothing: the flags that it loaded last stay in effect. Operators still have to learn
//! of the failure, once and not at each attempt, and of its end.
//!
//! # The idea
//!
//! The flags and the health are separate. A load that is accepted replaces the flags; a load that is rejected only
//! records an error. Each method returns what has become worth an event, and the store sends it.
//!
//! # Which errors are worth an event
//!
//! A source that polls every second can fail every second, with the same message. Subscribers receive a failure when
//! its text is new, and again each five minutes while it lasts. A source without a clock reports it only once. Problems
//! of single flags are compared as a set: an event is due if the set has a problem that the last one had not.
//!
//! # How it works
//!
//! ```text
//! accept     ──▶ good = the new flags      an invalid key keeps its previous flag
//! unchanged  ──▶ last_good = now           ends an error
//! fail       ──▶ last_error = the error    good stays
//! ```
//!
//! Before the first good load, the start policy decides whether the layers below are visible
//! ([`hides_lower_layers`](Layer::hides_lower_layers)).

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

/// The state of one layer: the last good flags of its source, and what its status and events are made of.
///
/// The store owns one per source, under its lock, and calls each method when the publisher of the source is called. The
/// layer decides what is worth an event; the store sends it. A rejected load never touches `good`.
#[derive(Debug)]
pub(crate) struct Layer {
    /// The name that events, problems and explanations show.
    pub(crate) provenance: Provenance,
    /// Whether the source still counts: a layer with a stopped signal accepts nothing.
    pub(crate) signal: Signal,
    /// What the layer does while `good` is `None`.
    policy: StartPolicy,
    /// Whether a runtime has set the policy, so that the source will load or report why it cannot.
    is_started: bool,
    /// The flags in effect. `None` before the first good load; never again after it.
    good: Option<Arc<FlagSet>>,
    /// The problems of single flags of the last good load.
    problems: Vec<Problem>,
    /// Problems of this layer's flags in combination with other layers. Each merge replaces them, so they can change
    /// without a load of this layer.
    pub(crate) merge_problems: Vec<Problem>,
    /// The problems at the last check for new ones. A problem that ends is forgotten, so it is reported if it returns.
    reported_problems: Arc<[Problem]>,
    /// What holds of the source itself, whatever it loads.
    warnings: Arc<[Box<str>]>,
    /// When the state last changed.
    since: Option<SystemTime>,
    /// When the source checks next, as its publisher reported it.
    next_try: Option<SystemTime>,
    /// When the flags in effect were last known to be current.
    last_good: Option<SystemTime>,
    /// Why the latest attempt failed. `None` after a good one.
    last_error: Option<Arc<LoadError>>,
    /// The kind of the last error of a source that responded, so not `Unreachable`.
    last_definite_error: Option<ErrorKind>,
    /// When subscribers last received `last_error`.
    error_reported_at: Option<SystemTime>,
    /// The number of accepted loads.
    loads: u64,
    /// The number of checks that found the flags unchanged.
    unchanged: u64,
    /// The number of rejected loads.
    failures: u64,
}

/// The result of recording a load, which the store turns into an event and a drop.
pub(crate) struct Recorded {
    /// The error, if subscribers are due to receive it.
    pub(crate) unreported: Option<Arc<LoadError>>,
    /// The previous error. It may carry a value with a user's `Drop`, so the store drops it without the lock.
    pub(crate) replaced: Option<Arc<LoadError>>,
}

/// The time after which an unchanged error is reported again.
const REPEAT_INTERVAL: Duration = Duration::from_secs(300);

impl Layer {
    /// Creates a layer that has loaded nothing. Until a policy is set, it is transparent.
    pub(crate) fn new(provenance: Provenance, signal: Signal) -> Self {
        Self {
            provenance,
            signal,
            policy: StartPolicy::all(OnFailedStart::Skip),
            is_started: false,
            good: None,
            problems: Vec::new(),
            merge_problems: Vec::new(),
            reported_problems: Arc::default(),
            warnings: Arc::default(),
            since: None,
            next_try: None,
            last_good: None,
            last_error: None,
            last_definite_error: None,
            error_reported_at: None,
            loads: 0,
            unchanged: 0,
            failures: 0,
        }
    }

    /// Records an accepted load. A key that is invalid in it keeps its previous flag.
    ///
    /// A stale load (from a cache) carries an error: its flags take effect, and the error remains the latest one. A
    /// fresh load ends the last error.
    pub(crate) fn accept(&mut self, load: Load, now: Option<SystemTime>) -> Recorded {
        let (mut flags, problems, Age { as_of, error }) = load.into_parts();
        if let Some(last_good) = &self.good {
            flags.fill_invalid_from(last_good);
        }
        self.good = Some(Arc::new(flags));
        self.problems = problems;
        self.loads += 1;
        if let Some(error) = error {
            self.last_good = as_of.or(self.last_good);
            return self.record_error(error, now);
        }
        self.last_good = as_of.or(now);
        Recorded { unreported: None, replaced: self.last_error.take() }
    }

    /// Records a check that found the flags unchanged. Returns the error that this ends.
    ///
    /// Without a good load there is nothing that can be unchanged, so the call is ignored.
    pub(crate) fn unchanged(&mut self, now: Option<SystemTime>) -> Option<Arc<LoadError>> {
        self.good.as_ref()?;
        self.unchanged += 1;
        self.last_good = now;
        self.last_error.take()
    }

    /// Records a rejected load.
    pub(crate) fn fail(&mut self, error: LoadError, now: Option<SystemTime>) -> Recorded {
        self.failures += 1;
        self.record_error(Arc::new(error), now)
    }

    /// Records an error, and decides whether to report it: if it is new, or `REPEAT_INTERVAL` after the last report.
    fn record_error(&mut self, error: Arc<LoadError>, now: Option<SystemTime>) -> Recorded {
        if error.kind() != ErrorKind::Unreachable {
            self.last_definite_error = Some(error.kind());
        }
        // The texts are compared, because an error may own a cause of any type, which has no equality.
        let is_new = self.last_error.as_ref().is_none_or(|known| known.to_string() != error.to_string());
        let is_due = |(reported, now): (SystemTime, SystemTime)| {
            now.duration_since(reported).is_ok_and(|age| age >= REPEAT_INTERVAL)
        };
        let is_unreported = is_new || self.error_reported_at.zip(now).is_some_and(is_due);
        if is_unreported {
            self.error_reported_at = now;
        }
        Recorded { unreported: is_unreported.then(|| Arc::clone(&error)), replaced: self.last_error.replace(error) }
    }

    /// Replaces the warnings. Returns them if one of them is new.
    pub(crate) fn set_warnings(&mut self, warnings: Arc<[Box<str>]>) -> Option<Arc<[Box<str>]>> {
        let has_new = warnings.iter().any(|warning| !self.warnings.contains(warning));
        self.warnings = Arc::clone(&warnings);
        has_new.then_some(warnings)
    }

    /// Records the time of a state change. Returns the old and the new state if they differ.
    ///
    /// The caller takes `from` before it records a result, and calls this after.
    pub(crate) fn record_state_change(
        &mut self,
        from: SourceState,
        now: Option<SystemTime>,
    ) -> Option<(SourceState, SourceState)> {
        let to = self.state();
        (from != to).then(|| {
            self.since = now;
            (from, to)
        })
    }

    /// Records when the source checks next, for the status.
    pub(crate) fn set_next_try(&mut self, time: Option<SystemTime>) {
        self.next_try = time;
    }

    /// Returns whether the layers below are dark, because this layer has no flags yet and may turn some of theirs off.
    pub(crate) fn hides_lower_layers(&self) -> bool {
        // A source that has become unreachable keeps its last definite error.
        let latest = self.last_error.as_ref().map(|_| self.last_definite_error.unwrap_or(ErrorKind::Unreachable));
        self.good.is_none() && self.policy.hides_lower_layers(latest)
    }

    /// Sets what the layer does until its first good load.
    pub(crate) fn set_policy(&mut self, policy: StartPolicy) {
        (self.policy, self.is_started) = (policy, true);
    }

    /// Returns whether the source has been started and has neither loaded nor failed yet.
    ///
    /// Until then, it is unknown whether the stages of the layers below agree with this one.
    pub(crate) fn is_pending(&self) -> bool {
        self.is_started && self.good.is_none() && self.last_error.is_none()
    }

    /// Returns the last good flags.
    pub(crate) fn flags(&self) -> Option<&Arc<FlagSet>> {
        self.good.as_ref()
    }

    /// Returns all problems if subscribers have not received one of them, and counts them as reported.
    pub(crate) fn unreported_problems(&mut self) -> Option<Arc<[Problem]>> {
        let problems: Arc<[Problem]> = self.problems().cloned().collect();
        let reported: HashSet<&Problem> = self.reported_problems.iter().collect();
        let has_new = problems.iter().any(|problem| !reported.contains(problem));
        self.reported_problems = Arc::clone(&problems);
        has_new.then_some(problems)
    }

    /// Returns what operators see of the source. A copy, so that no borrow outlives the lock.
    pub(crate) fn status(&self) -> SourceStatus {
        let is_stopped = self.signal.is_stopped();
        SourceStatus {
            provenance: self.provenance.clone(),
            state: if is_stopped { SourceState::Stopped } else { self.state() },
            since: self.since,
            next_try: self.next_try.filter(|_| !is_stopped),
            last_good: self.last_good,
            last_error: self.last_error.clone(),
            problems: self.problems().cloned().collect(),
            flags: self.good.as_ref().map_or(0, |flags| flags.len()),
            warnings: Arc::clone(&self.warnings),
            loads: self.loads,
            unchanged: self.unchanged,
            failures: self.failures,
        }
    }

    /// Returns the problems of the last good load, and then those of the last merge.
    fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().chain(&self.merge_problems)
    }

    /// Returns the state of a source that runs; `status` replaces it by `Stopped` for one that does not.
    pub(crate) fn state(&self) -> SourceState {
        match (&self.good, &self.last_error) {
            (None, None) => SourceState::Starting,
            (None, Some(_)) => SourceState::Waiting,
            (Some(_), None) => SourceState::Fresh,
            (Some(_), Some(_)) => SourceState::Stale,
        }
    }
}
