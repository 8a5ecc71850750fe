//! The poller: the loop that keeps the flags of a source equal to a document on a server.
//!
//! ```text
//! load ──▶ run ──▶ wait ──▶ poll ──▶ request ──▶ accept ──▶ persist
//!           ▲       │
//!           │       ▼
//!           └── follow ◀── news ── stream (a thread of its own)
//! ```
//!
//! `load` runs once at startup. `run` then runs until the guard is dropped. It requests a stream only after a successful
//! poll, so a server that is down receives one request at a time.
//!
//! # Streams and polls
//!
//! A stream replaces polls from its first valid document on; see [`Follower`](super::follower::Follower). Until then, after an invalid document,
//! after a failed poll and while the stream is quiet, polls continue as if there were no stream. Even a good stream is
//! checked by a poll every five minutes, because it may lose events without an error.
//!
//! # The start
//!
//! A start must neither block the program for long nor turn on flags that are off by now. What it does depends on the
//! document in the cache:
//!
//! | the cached document | the start |
//! |---|---|
//! | is none, or invalid | waits for the response to a request |
//! | was confirmed within an interval of polls | uses it; the first request follows within an interval |
//! | is older, but within the limit that the user set | uses it, as stale; the first request follows within an interval |
//! | is older than that | waits two seconds for a response, and then uses it, as stale |
//!
//! # From a document to flags
//!
//! `accept` compares the digest of a document with that of the accepted one. If they are equal, the server has confirmed
//! the flags. Otherwise the document is decoded, and recorded and published if it is valid. A rejected document leaves
//! no trace except its error: neither its tag nor its digest is kept, and the cache is not written.
//!
//! # Threads
//!
//! The [`Worker`](crate::worker::Worker) calls `bind`, `load` and `run` on the thread of the source. A stop ends the
//! request in progress and wakes the poller. The poller then returns, and drops the stream, which joins its thread.
//!
//! # Invariants
//!
//! - Only a complete, valid document changes the flags. Every other response leaves them unchanged.
//! - The digest and the tag of a document are recorded together, and only if the document is valid.
//! - Polls never depend on the stream: a stream that fails, hangs or floods delays no poll.

use std::time::{Duration, Instant, SystemTime};

use flagkit_core::source::{Load, LoadError, Provenance, Publisher, Signal, Source, Wake};
use ureq::http::HeaderValue;

use super::Http;
use super::client::{Client, Fetched, PollResponse};
use super::failure::Failure;
use super::plan::Plan;
use super::schedule::{PollOutcome, Random, Schedule};
use super::state::{Accepted, State};
use crate::cache::CachedDocument;
use crate::document;

/// The interval of polls without a tag, which return the document even if it is unchanged.
const UNCONDITIONAL_INTERVAL: Duration = Duration::from_secs(600);
/// How long startup waits for the server when the cache has a document. Users notice a longer wait, and a shorter one
/// would start with old flags whenever a network is slow.
const STARTUP_LIMIT: Duration = Duration::from_secs(2);
/// The maximum age of a cached document that is used without a request, if streams are enabled.
const MAX_STALENESS_WITH_STREAM: Duration = Duration::from_secs(30);
impl Source for Http {
    fn provenance(&self) -> Provenance {
        Provenance::new(self.target.shown())
    }

    fn bind(&mut self, signal: &Signal) {
        self.client().attach(signal);
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        let cached = self.open_cache().and_then(|cache| cache.load());
        // An invalid document in the cache counts as no document.
        let cached = cached.and_then(|cached| cached.format.read(&cached.bytes).ok().map(|load| (load, cached)));
        let Some((cached_load, cached)) = cached else {
            return self.start(Duration::MAX).map(Option::unwrap_or_default);
        };
        self.state.accepted = Some(Accepted::new(&cached.bytes, cached.tag.filter(is_sendable)));
        // The age of a document from the future is unknown, so it counts as old.
        let age = cached.at.elapsed().unwrap_or(Duration::MAX);
        let error = if age < self.staleness().min(self.max_staleness.unwrap_or(Duration::MAX)) {
            return Ok(cached_load.as_of(cached.at));
        } else if self.max_staleness.is_some_and(|limit| age <= limit) {
            LoadError::unreachable("no request has been sent yet")
        } else {
            match self.start(STARTUP_LIMIT) {
                Ok(fresh) => return Ok(fresh.unwrap_or(cached_load)),
                Err(error) => error,
            }
        };
        Ok(cached_load.stale(error, Some(cached.at)))
    }

    fn run(&mut self, publisher: &Publisher) {
        let mut plan = self.plan();
        let mut follower = None;
        if self.state.startup_outcome.take() == Some(PollOutcome::Succeeded) {
            follower = self.open_stream(publisher, &mut plan);
        }
        loop {
            publisher.set_warnings(self.warnings());
            let wake = plan.wait(follower.as_ref(), publisher);
            let is_requested = match wake {
                Wake::Stopped => return,
                Wake::ReloadRequested => true,
                // The thread of a stream reports news in this way.
                Wake::Notified => follower.is_none(),
                _ => false,
            };
            if let Some(open) = follower.take() {
                follower = self.follow(open, publisher, &mut plan);
            }
            if !is_requested && !plan.is_poll_due(follower.as_ref()) {
                continue;
            }
            let outcome = self.poll(publisher);
            plan.record_poll(outcome);
            let has_succeeded = outcome == PollOutcome::Succeeded;
            match &mut follower {
                Some(open) => open.record_poll(has_succeeded, Instant::now()),
                None if has_succeeded => follower = self.open_stream(publisher, &mut plan),
                None => {}
            }
        }
    }

    fn restarted(&self) -> Option<Box<dyn Source>> {
        Some(Box::new(self.fresh_copy()))
    }
}

/// Returns whether the tag is a valid entity tag (RFC 9110, section 8.8.3) that can be sent back.
///
/// Other values are unsafe: the tag `*`, for example, would match every document.
#[allow(clippy::ptr_arg)] // for `Option::filter`
fn is_sendable(tag: &String) -> bool {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let opaque = opaque.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    opaque.is_some_and(|tag| !tag.contains('"')) && HeaderValue::from_str(tag).is_ok()
}

impl Http {
    /// Returns the default maximum age of cached flags at startup.
    ///
    /// It is also the longest wait until the next request. Flags after such a start are therefore at most two intervals
    /// old.
    fn staleness(&self) -> Duration {
        // Users of a stream expect changes within seconds, even if they poll rarely.
        if self.stream { self.poll.min(MAX_STALENESS_WITH_STREAM) } else { self.poll }
    }

    /// Plans the first poll. It depends on the outcome of the request at startup.
    ///
    /// Without a request, the cached document was recent, so the poll follows within its maximum age.
    fn plan(&self) -> Plan {
        let mut polls = Schedule::new(self.poll, self.retry, Random::new());
        // Processes that start together have all sent a request, or none yet, so the next ones are spread.
        let wait = match self.state.startup_outcome {
            None => Schedule::new(self.staleness(), self.retry, Random::new()).initial_jitter(),
            Some(PollOutcome::Succeeded) => polls.initial_jitter(),
            Some(outcome) => polls.after(outcome),
        };
        Plan::new(polls, wait)
    }

    /// Returns a source with the same settings and an empty state, for a forked child.
    fn fresh_copy(&self) -> Self {
        Self {
            target: self.target.clone(),
            settings: self.settings.clone(),
            cache: self.cache.clone(),
            state: State::default(),
            ..*self
        }
    }

    /// Sends a request at startup, and records its outcome for `run`.
    ///
    /// Returns `None` if the server confirms the cached document. The outcome determines the wait before the next
    /// request, and whether a stream may be opened.
    fn start(&mut self, limit: Duration) -> Result<Option<Load>, LoadError> {
        let result = self.request(limit);
        self.state.startup_outcome = Some(match &result {
            Ok(_) => PollOutcome::Succeeded,
            Err(failure) => failure.outcome(),
        });
        result.map_err(|failure| failure.error)
    }

    /// Sends a request, and publishes its result: the flags, a confirmation, or an error.
    fn poll(&mut self, publisher: &Publisher) -> PollOutcome {
        match self.request(Duration::MAX) {
            Ok(Some(load)) => publisher.publish(load),
            Ok(None) => publisher.unchanged(),
            Err(failure) => {
                let outcome = failure.outcome();
                publisher.fail(failure.error);
                return outcome;
            }
        }
        PollOutcome::Succeeded
    }

    /// Sends one request. Returns `None` if the flags are unchanged.
    ///
    /// The request is conditional if the accepted document has a tag, except every ten minutes.
    fn request(&mut self, limit: Duration) -> Result<Option<Load>, Failure> {
        // A server may use one tag for two documents, so a request without a tag is sent from time to time.
        let is_due = self.state.last_full.is_some_and(|last| last.elapsed() >= UNCONDITIONAL_INTERVAL);
        let accepted = self.state.accepted.as_ref().filter(|_| !is_due);
        let tag = accepted.and_then(|accepted| accepted.tag.clone());
        match self.client().poll(tag.as_deref(), limit)? {
            PollResponse::Document(fetched) => {
                self.state.last_full = Some(Instant::now());
                self.accept(fetched)
            }
            PollResponse::Unchanged => {
                self.state.last_full.get_or_insert_with(Instant::now);
                self.persist();
                Ok(None)
            }
        }
    }

    /// Decodes a document, and records it together with its tag if it is valid. Returns `None` if it is unchanged.
    ///
    /// Documents of polls and of streams take the same path. The same document may come with another tag, for example
    /// from another server with the same name, and the new tag is kept.
    pub(super) fn accept(&mut self, fetched: Fetched) -> Result<Option<Load>, Failure> {
        let Fetched { bytes, format, tag } = fetched;
        let tag = tag.filter(is_sendable);
        let known = self.state.accepted.as_mut();
        if let Some(known) = known.filter(|known| known.contents == document::digest(&bytes)) {
            known.tag = tag;
            self.persist();
            return Ok(None);
        }
        let load = format.read(&bytes).map_err(Failure::invalid_document)?;
        self.state.accepted = Some(Accepted::new(&bytes, tag.clone()));
        if self.cache.is_some() {
            self.state.uncached = Some(CachedDocument { bytes, format, tag, at: SystemTime::now() });
        }
        self.persist();
        Ok(Some(load))
    }

    /// Returns the warnings about the source itself, for its status.
    ///
    /// They do not depend on the document: a proxy, built-in certificates, a stream or a cache that does not work.
    pub(super) fn warnings(&mut self) -> Vec<String> {
        let proxy = self.client().proxy().map(|proxy| format!("uses the proxy {proxy}"));
        let roots = "uses the built-in certificates because the system has none";
        let roots = self.client().uses_built_in_roots().then(|| roots.to_owned());
        proxy
            .into_iter()
            .chain(roots)
            .chain(self.state.stream_problem.clone())
            .chain(self.state.cache_problem.clone())
            .collect()
    }

    /// Returns the client, and creates it on first use, when all settings are final.
    pub(super) fn client(&mut self) -> &mut Client {
        let (target, settings) = (&self.target, &self.settings);
        self.state.client.get_or_insert_with(|| Client::new(target.clone(), settings.clone()))
    }
}
