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
//! A stream replaces polls from its first valid document on; see [`Follower`]. Until then, after an invalid document,
//! after a failed poll and while the stream is quiet, polls continue as if there were no stream. Even a good stream is
//! checked by a poll every five minutes, because it may lose events without an error.
//!
//! # Invariants
//!
//! - Only a complete, valid document changes the flags. Every other response leaves them unchanged.
//! - The digest and the tag of a document are recorded together, and only if the document is valid.
//! - Polls never depend on the stream: a stream that fails, hangs or floods delays no poll.

use std::time::{Duration, Instant, SystemTime};

use flagkit_core::source::{Load, LoadError, Provenance, Publisher, Signal, Source, Wake};
use ureq::http::HeaderValue;
use xxhash_rust::xxh3::xxh3_128;

use super::Http;
use super::client::{Client, Fetched, PollResponse, Settings};
use super::failure::Failure;
use super::follower::Follower;
use super::plan::Plan;
use super::schedule::{FailureClass, PollOutcome, Random, Schedule};
use super::state::{Accepted, State, contents_digest};
use super::stream::{End, Stream};
use crate::cache::{Cache, CachedDocument};

/// The interval of polls without a tag, which return the document even if it is unchanged.
const UNCONDITIONAL_INTERVAL: Duration = Duration::from_secs(600);
/// How long startup waits for the server when the cache has a document.
const STARTUP_LIMIT: Duration = Duration::from_secs(2);
/// The maximum age of a cached document that is used without a request, if streams are enabled.
const MAX_STALENESS_WITH_STREAM: Duration = Duration::from_secs(30);
/// The minimum interval between two updates of the time in the cache.
const TOUCH_INTERVAL: Duration = Duration::from_secs(1);
/// The wait before the next request for a stream, after a response that the server has none.
const STREAM_RETRY_INTERVAL: Duration = Duration::from_secs(300);
/// What happens without a stream, for warnings.
const POLLING: &str = "changes are detected by polling";

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
    /// Returns the default maximum age of cached flags at startup. It is also the longest wait until the next request.
    fn staleness(&self) -> Duration {
        // Users of a stream expect changes within seconds, even if they poll rarely.
        if self.stream { self.poll.min(MAX_STALENESS_WITH_STREAM) } else { self.poll }
    }

    /// Plans the first poll. It depends on the outcome of the request at startup.
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

    /// Returns a source with the same settings and an empty state.
    fn fresh_copy(&self) -> Self {
        Self {
            target: self.target.clone(),
            settings: self.settings.clone(),
            cache: self.cache.clone(),
            state: State::default(),
            ..*self
        }
    }

    /// Sends a request at startup, and records its outcome for `run`. Returns `None` if the flags are unchanged.
    fn start(&mut self, limit: Duration) -> Result<Option<Load>, LoadError> {
        let result = self.request(limit);
        self.state.startup_outcome = Some(match &result {
            Ok(_) => PollOutcome::Succeeded,
            Err(failure) => failure.outcome(),
        });
        result.map_err(|failure| failure.error)
    }

    /// Sends a request, and publishes its result.
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
    fn accept(&mut self, fetched: Fetched) -> Result<Option<Load>, Failure> {
        let Fetched { bytes, format, tag } = fetched;
        let tag = tag.filter(is_sendable);
        let known = self.state.accepted.as_mut();
        if let Some(known) = known.filter(|known| known.contents == contents_digest(&bytes)) {
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

    /// Writes the accepted document to the cache. If it is there already, updates the time in the cache.
    fn persist(&mut self) {
        let is_recent = self.state.last_cached.is_some_and(|last| last.elapsed() < TOUCH_INTERVAL);
        if self.state.uncached.is_none() && is_recent {
            return;
        }
        let Some(cache) = self.open_cache() else { return };
        self.state.last_cached = Some(Instant::now());
        let Some(uncached) = self.state.uncached.take() else {
            // If another process has stored another document, or the file was removed, `touch` changes nothing.
            if let Some(accepted) = &self.state.accepted {
                let _ = cache.touch(accepted.bytes, SystemTime::now());
            }
            return;
        };
        if let Err(error) = cache.store(&uncached) {
            // The old document may have flags on that are off now, so no document is better.
            cache.remove();
            self.state.cache_problem = Some(format!("cannot write its cache: {error}"));
            self.state.uncached = Some(uncached);
        } else {
            self.state.cache_problem = None;
        }
    }

    /// Returns the cache for this document, if there is one.
    ///
    /// The cache refuses a file of another origin. The origin is the URL, all headers and the format, since each of them
    /// can change which document the server sends.
    fn open_cache(&self) -> Option<Cache> {
        let path = self.cache.as_ref()?;
        let mut request = String::new();
        for (name, value) in &self.settings.headers {
            request.extend([name.as_str(), ":", value.reveal(), "\n"]);
        }
        let url = self.target.uri().to_string();
        if request.is_empty() && self.settings.format.is_none() && url == self.target.shown() {
            return Some(Cache::new(path, self.provenance()));
        }
        // Headers and the complete URL may be secret, so the file has only a digest of them.
        let request = format!("{request}{url} {:?}", self.settings.format);
        let from = format!("{} {:032x}", self.target.shown(), xxh3_128(request.as_bytes()));
        Some(Cache::new(path, Provenance::new(from)))
    }

    /// Requests a stream on a thread of its own, if it is time to. Returns `None` if there is none to follow.
    fn open_stream(&mut self, publisher: &Publisher, plan: &mut Plan) -> Option<Follower> {
        if !self.stream || !plan.is_stream_due() || publisher.signal().is_stopped() {
            return None;
        }
        let tag = self.state.accepted.as_ref().and_then(|accepted| accepted.tag.clone());
        let client = self.client().for_stream();
        let Settings { max_len, idle_timeout, .. } = self.settings;
        match Stream::open(client, tag, max_len, idle_timeout, publisher.signal()) {
            Ok(stream) => Some(Follower::new(stream, idle_timeout, Instant::now())),
            Err(error) => {
                self.state.stream_problem = Some(format!("cannot start the thread of its stream, {POLLING}: {error}"));
                plan.record_failed_stream(PollOutcome::Failed(FailureClass::Transient, None));
                None
            }
        }
    }

    /// Handles the news of a stream. Returns the stream unless it has ended.
    fn follow(&mut self, mut open: Follower, publisher: &Publisher, plan: &mut Plan) -> Option<Follower> {
        let now = Instant::now();
        let news = open.take_news(now).unwrap_or_default();
        match news.document {
            Some(document) => {
                let is_valid = self.accept_event(document, publisher);
                open.record_document(is_valid, Instant::now());
            }
            // A comment proves that the server is alive, and nothing about a document that it has not sent.
            None if news.is_alive && open.is_confirmed() => self.confirm(publisher),
            None => {}
        }
        if open.is_useless(now) && self.state.stream_problem.is_none() {
            self.state.stream_problem = Some(format!("its stream has brought no document yet, {POLLING}"));
        }
        let end = news.end.or_else(|| open.is_lost(now).then(|| End::Failed(Failure::idle())));
        if let Some(end) = end {
            self.end_stream(end, &open, publisher, plan);
            return None;
        }
        if open.has_stopped_replacing(now) {
            plan.postpone_poll();
        }
        Some(open)
    }

    /// Plans the next stream, and records why this one ended.
    fn end_stream(&mut self, end: End, open: &Follower, publisher: &Publisher, plan: &mut Plan) {
        // A stream without a document is useless: something between client and server may buffer its data. The class
        // is permanent, so that it is requested ever less often.
        let useless = PollOutcome::Failed(FailureClass::Permanent, None);
        match end {
            End::NotOffered => {
                self.state.stream_problem = None;
                plan.postpone_stream(STREAM_RETRY_INTERVAL);
            }
            End::NotOpened(failure) => {
                let problem = format!("its stream cannot be opened, {POLLING}: {}", failure.error);
                self.state.stream_problem = Some(problem);
                plan.record_failed_stream(failure.outcome());
            }
            End::Closed if !open.has_document() => {
                self.state.stream_problem =
                    Some(format!("its stream brings no documents, {POLLING}: it ends before its first document"));
                plan.record_failed_stream(useless);
            }
            End::Failed(failure) if !open.has_document() => {
                self.state.stream_problem =
                    Some(format!("its stream brings no documents, {POLLING}: {}", failure.error));
                plan.record_failed_stream(useless);
            }
            // A server that restarts ends its streams. The next poll finds out whether it is available again.
            End::Closed => plan.record_ended_stream(open.age(Instant::now())),
            End::Failed(failure) => {
                publisher.fail(failure.error);
                plan.record_ended_stream(open.age(Instant::now()));
            }
        }
    }

    /// Publishes a document of the stream, and returns whether it is valid.
    fn accept_event(&mut self, document: Fetched, publisher: &Publisher) -> bool {
        if self.state.stream_problem.take().is_some() {
            publisher.set_warnings(self.warnings());
        }
        let result = self.accept(document);
        let is_valid = result.is_ok();
        match result {
            Ok(Some(load)) => publisher.publish(load),
            Ok(None) => publisher.unchanged(),
            Err(failure) => publisher.fail(failure.error),
        }
        is_valid
    }

    /// Reports that the flags are still those of the server.
    fn confirm(&mut self, publisher: &Publisher) {
        self.persist();
        publisher.unchanged();
    }

    /// Returns the warnings about the source itself, for its status.
    fn warnings(&mut self) -> Vec<String> {
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
    fn client(&mut self) -> &mut Client {
        let (target, settings) = (&self.target, &self.settings);
        self.state.client.get_or_insert_with(|| Client::new(target.clone(), settings.clone()))
    }
}
