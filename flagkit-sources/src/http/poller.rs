//! The poller: the loop that keeps the flags of a source equal to a document on a server.
//!
//! ```text
//! load ──▶ run ──▶ wait ──▶ poll ─┐         request ──▶ accept ──▶ persist
//!           ▲                     │
//!           └── follow (stream) ◀─┘
//! ```
//!
//! `load` runs once at startup, on the thread of the caller. `run` then runs on the thread of the source until the guard
//! is dropped. It opens a stream only after a successful poll, so a server that is down receives one request at a time.
//! While a stream is open, polls continue at a long interval, because a stream may lose events without an error.
//!
//! # Invariants
//!
//! - Only a complete, valid document changes the flags. Every other response leaves them unchanged.
//! - The digest and the tag of a document are recorded together, and only if the document is valid.
//! - Polls never depend on the stream: a failing stream delays no poll.

use std::time::{Duration, Instant, SystemTime};

use flagkit_core::source::{Load, LoadError, Provenance, Publisher, Signal, Source, Wake};
use ureq::http::HeaderValue;
use xxhash_rust::xxh3::xxh3_128;

use super::Http;
use super::client::{Client, Fetched, PollResponse, StreamResponse};
use super::events::{Events, Item};
use super::failure::Failure;
use super::schedule::{FailureClass, PollOutcome, Random, Schedule};
use super::state::{Accepted, State};
use crate::cache::{Cache, CachedDocument};
use crate::document::Format;

/// The interval of polls without a tag, which return the document even if it is unchanged.
const UNCONDITIONAL_INTERVAL: Duration = Duration::from_secs(600);
/// The interval of polls while a stream is open.
const POLL_INTERVAL_WITH_STREAM: Duration = Duration::from_secs(300);
/// How long startup waits for the server when the cache has a document.
const STARTUP_LIMIT: Duration = Duration::from_secs(2);
/// The maximum age of a cached document that is used without a request, if streams are enabled.
const MAX_STALENESS_WITH_STREAM: Duration = Duration::from_secs(30);
/// The minimum interval between two updates of the time in the cache.
const TOUCH_INTERVAL: Duration = Duration::from_secs(1);
/// The wait before the next request for a stream, after a response that the server has none.
const STREAM_RETRY_INTERVAL: Duration = Duration::from_secs(300);

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
        self.state.accepted = Some(Accepted { digest: xxh3_128(&cached.bytes), tag: cached.tag.filter(is_sendable) });
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
        let mut polls = Schedule::new(self.poll, self.retry, Random::new());
        let mut streams = polls.clone();
        let startup = self.state.startup_outcome.take();
        let mut has_succeeded = startup == Some(PollOutcome::Succeeded);
        // Processes that start together have all sent a request, or none yet, so the next ones are spread.
        let mut wait = match startup {
            None => Schedule::new(self.staleness(), self.retry, Random::new()).initial_jitter(),
            Some(PollOutcome::Succeeded) => polls.initial_jitter(),
            Some(outcome) => polls.after(outcome),
        };
        loop {
            publisher.set_warnings(self.warnings());
            if has_succeeded && self.wants_stream() {
                let stream_wait = match self.follow(publisher) {
                    StreamEnd::Stopped => return,
                    StreamEnd::NotOffered => {
                        self.state.stream_problem = None;
                        STREAM_RETRY_INTERVAL
                    }
                    // `wait` is unchanged: the attempt delays no poll.
                    StreamEnd::Failed(outcome) => streams.after(outcome),
                    StreamEnd::Ended(lasted) => {
                        let stream_wait = streams.after(PollOutcome::StreamEnded(lasted));
                        // A poll finds changes since the end of the stream. It is never later than without a stream.
                        wait = wait.min(stream_wait);
                        stream_wait
                    }
                };
                self.state.stream_retry_at = Instant::now().checked_add(stream_wait);
                publisher.set_warnings(self.warnings());
            }
            if publisher.wait(wait) == Wake::Stopped {
                return;
            }
            let outcome = self.poll(publisher);
            has_succeeded = outcome == PollOutcome::Succeeded;
            wait = polls.after(outcome);
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

/// The way in which following a stream ended. `run` turns it into the wait before the next attempt.
enum StreamEnd {
    /// The stream was open for this long, and then ended.
    Ended(Duration),
    /// The stream could not be opened, or it brought no documents.
    Failed(PollOutcome),
    /// The server offers no stream.
    NotOffered,
    /// The source was stopped.
    Stopped,
}

impl Http {
    /// Returns the default maximum age of cached flags at startup. It is also the longest wait until the next request.
    fn staleness(&self) -> Duration {
        // Users of a stream expect changes within seconds, even if they poll rarely.
        if self.stream { self.poll.min(MAX_STALENESS_WITH_STREAM) } else { self.poll }
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
        let digest = xxh3_128(&bytes);
        let is_known = self.state.accepted.as_ref().is_some_and(|accepted| accepted.digest == digest);
        let load = if is_known { None } else { Some(format.read(&bytes).map_err(Failure::invalid_document)?) };
        if self.cache.is_some() && !is_known {
            self.state.uncached = Some(CachedDocument { bytes, format, tag: tag.clone(), at: SystemTime::now() });
        }
        self.state.accepted = Some(Accepted { digest, tag });
        self.persist();
        Ok(load)
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
                let _ = cache.touch(accepted.digest, SystemTime::now());
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

    /// Follows a stream to its end, and polls at long intervals meanwhile.
    fn follow(&mut self, publisher: &Publisher) -> StreamEnd {
        let tag = self.state.accepted.as_ref().and_then(|accepted| accepted.tag.clone());
        let opened = Instant::now();
        let reader = match self.client().stream(tag.as_deref()) {
            _ if publisher.signal().is_stopped() => return StreamEnd::Stopped,
            Ok(StreamResponse::Stream(reader)) => reader,
            Ok(StreamResponse::NotOffered) => return StreamEnd::NotOffered,
            Err(failure) => {
                let problem = format!("its stream cannot be opened, changes are seen by polling: {}", failure.error);
                self.state.stream_problem = Some(problem);
                return StreamEnd::Failed(failure.outcome());
            }
        };
        let max_len = usize::try_from(self.settings.max_len).unwrap_or(usize::MAX);
        let mut events = Events::new(reader, max_len, self.settings.idle_timeout);
        let mut last_poll = opened;
        // A heartbeat confirms the flags only if the last document of the stream was valid.
        let (mut is_confirmed, mut has_begun) = (false, false);
        loop {
            let item = events.next();
            if publisher.signal().is_stopped() {
                return StreamEnd::Stopped;
            }
            match item {
                Ok(Item::Event { kind, id, data }) => {
                    if let Some(format) = Format::from_extension(&kind) {
                        has_begun = true;
                        let document = Fetched { bytes: data.into_bytes(), format, tag: id };
                        is_confirmed = self.accept_event(document, publisher);
                    } else if is_confirmed {
                        self.confirm(publisher);
                    }
                }
                Ok(Item::Heartbeat) if is_confirmed => self.confirm(publisher),
                Ok(Item::Heartbeat) => {}
                // A stream without a document is useless: something between client and server may buffer its data.
                Ok(Item::End) if !has_begun => return self.fall_back_to_polling("it ends before its first document"),
                Err(error) if !has_begun => {
                    return self.fall_back_to_polling(&Failure::io_failure(&error).error.to_string());
                }
                // A server that restarts ends its streams. The next poll finds out whether it is available again.
                Ok(Item::End) => return StreamEnd::Ended(opened.elapsed()),
                Err(error) => {
                    publisher.fail(Failure::io_failure(&error).error);
                    return StreamEnd::Ended(opened.elapsed());
                }
            }
            let is_due = last_poll.elapsed() >= POLL_INTERVAL_WITH_STREAM;
            if publisher.signal().wait(Duration::ZERO) == Wake::ReloadRequested || is_due {
                is_confirmed = self.poll(publisher) == PollOutcome::Succeeded;
                last_poll = Instant::now();
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

    /// Records a stream that brings no documents, and returns a permanent failure.
    ///
    /// Attempts to open a stream block polls, so the waits between attempts grow.
    fn fall_back_to_polling(&mut self, because: &str) -> StreamEnd {
        let problem = format!("its stream brings no documents, changes are seen by polling: {because}");
        self.state.stream_problem = Some(problem);
        StreamEnd::Failed(PollOutcome::Failed(FailureClass::Permanent, None))
    }

    /// Returns whether to request a stream now.
    fn wants_stream(&self) -> bool {
        self.stream && self.state.stream_retry_at.is_none_or(|until| Instant::now() >= until)
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
