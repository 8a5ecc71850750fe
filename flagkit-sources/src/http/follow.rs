//! Following a document: asking, taking in, keeping, waiting.
//!
//! ```text
//! load ──▶ run ──▶ wait ──▶ poll ─┐         ask ──▶ take ──▶ keep
//!           ▲                     │
//!           └── follow (stream) ◀─┘
//! ```

use std::time::{Duration, Instant, SystemTime};

use flagkit_core::source::{Load, LoadError, Provenance, Publisher, Signal, Source, Wake};
use ureq::http::HeaderValue;
use xxhash_rust::xxh3::xxh3_128;

use super::Http;
use super::client::{self, Answer, Client, Failure, Fetched, Offer};
use super::events::{Events, Item};
use super::schedule::{Outcome, Random, Regime, Schedule};
use super::state::{Accepted, State};
use crate::cache::{Cache, CachedDocument};
use crate::document::Format;

/// Between two polls that ask for the whole document, whatever its tag.
const WHOLE: Duration = Duration::from_secs(600);
/// Between two polls while a stream is open.
const BENEATH: Duration = Duration::from_secs(300);
/// How long the start waits for a fresh document when there is one on disk.
const START_LIMIT: Duration = Duration::from_secs(2);
/// How far behind flags from disk may be at the most where there may be a stream.
const STREAMED: Duration = Duration::from_secs(30);
/// Between two notes on disk that what is there is as the server has it.
const NOTED: Duration = Duration::from_secs(1);
/// How long to believe a server that it has no stream.
const NO_STREAM: Duration = Duration::from_secs(300);

impl Source for Http {
    fn provenance(&self) -> Provenance {
        Provenance::new(self.target.shown())
    }

    fn bind(&mut self, signal: &Signal) {
        self.client().attach(signal);
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        let kept = self.disk().and_then(|cache| cache.load());
        // What can no longer be read is as good as not kept.
        let kept = kept.and_then(|kept| kept.format.read(&kept.bytes).ok().map(|load| (load, kept)));
        let Some((kept_load, kept)) = kept else {
            return self.start(Duration::MAX).map(Option::unwrap_or_default);
        };
        self.state.accepted = Some(Accepted { digest: xxh3_128(&kept.bytes), tag: kept.tag.filter(is_sendable) });
        // One from the future is of no known age.
        let age = kept.at.elapsed().unwrap_or(Duration::MAX);
        let error = if age < self.behind().min(self.fresh_for.unwrap_or(Duration::MAX)) {
            return Ok(kept_load.as_of(kept.at));
        } else if self.fresh_for.is_some_and(|limit| age <= limit) {
            LoadError::unreachable("not asked yet")
        } else {
            match self.start(START_LIMIT) {
                Ok(fresh) => return Ok(fresh.unwrap_or(kept_load)),
                Err(error) => error,
            }
        };
        Ok(kept_load.stale(error, Some(kept.at)))
    }

    fn run(&mut self, publisher: &Publisher) {
        let mut polls = Schedule::new(self.poll, self.retry, Random::new());
        let mut streams = polls.clone();
        let start = self.state.start.take();
        let mut is_well = start == Some(Outcome::Good);
        // All that started together have asked together, or not at all yet.
        let mut wait = match start {
            None => Schedule::new(self.behind(), self.retry, Random::new()).splay(),
            Some(Outcome::Good) => polls.splay(),
            Some(outcome) => polls.after(outcome),
        };
        loop {
            publisher.set_warnings(self.warnings());
            if is_well && self.asks_for_stream() {
                let followed = self.follow(publisher);
                let rest = match followed {
                    Followed::Stopped => return,
                    Followed::NotOffered => {
                        self.state.no_stream_because = None;
                        NO_STREAM
                    }
                    // The polls go on as if nothing had been tried.
                    Followed::Failed(outcome) => streams.after(outcome),
                    Followed::Ended(lasted) => {
                        let rest = streams.after(Outcome::Ended(lasted));
                        // What has changed since has to be asked for; never later than without a stream.
                        wait = wait.min(rest);
                        rest
                    }
                };
                self.state.no_stream_until = Instant::now().checked_add(rest);
                publisher.set_warnings(self.warnings());
            }
            if publisher.wait(wait) == Wake::Stopped {
                return;
            }
            let outcome = self.poll(publisher);
            is_well = outcome == Outcome::Good;
            wait = polls.after(outcome);
        }
    }

    fn restarted(&self) -> Option<Box<dyn Source>> {
        Some(Box::new(self.unasked()))
    }
}

/// Whether the tag is one (RFC 9110, section 8.8.3) and can be sent back: `*`, for one, would be met by anything.
#[allow(clippy::ptr_arg)] // for `Option::filter`
fn is_sendable(tag: &String) -> bool {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let opaque = opaque.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    opaque.is_some_and(|tag| !tag.contains('"')) && HeaderValue::from_str(tag).is_ok()
}

/// How following a stream ended.
enum Followed {
    /// There was one, for so long.
    Ended(Duration),
    /// There should be one, and it could not be opened.
    Failed(Outcome),
    NotOffered,
    Stopped,
}

impl Http {
    /// How far behind the server flags from disk may be at a start, and how long until it is asked then.
    fn behind(&self) -> Duration {
        // Where changes are streamed, nobody expects them to take as long as a slow poll.
        if self.stream { self.poll.min(STREAMED) } else { self.poll }
    }

    /// The settings, and a server that was not asked yet.
    fn unasked(&self) -> Self {
        Self {
            target: self.target.clone(),
            settings: self.settings.clone(),
            cache: self.cache.clone(),
            state: State::default(),
            ..*self
        }
    }

    /// Asks at the start; `None` for flags as they were.
    fn start(&mut self, limit: Duration) -> Result<Option<Load>, LoadError> {
        let settled = self.ask(limit);
        self.state.start = Some(match &settled {
            Ok(_) => Outcome::Good,
            Err(failure) => failure.outcome(),
        });
        settled.map_err(|failure| failure.error)
    }

    fn poll(&mut self, publisher: &Publisher) -> Outcome {
        match self.ask(Duration::MAX) {
            Ok(Some(load)) => publisher.publish(load),
            Ok(None) => publisher.unchanged(),
            Err(failure) => {
                let outcome = failure.outcome();
                publisher.fail(failure.error);
                return outcome;
            }
        }
        Outcome::Good
    }

    /// Asks once; `None` for flags as they were.
    fn ask(&mut self, limit: Duration) -> Result<Option<Load>, Failure> {
        // Now and then without a tag: a server may give the same one to two documents.
        let is_due = self.state.last_whole.is_some_and(|last| last.elapsed() >= WHOLE);
        let known = self.state.accepted.as_ref().filter(|_| !is_due);
        let tag = known.and_then(|accepted| accepted.tag.clone());
        match self.client().poll(tag.as_deref(), limit)? {
            Answer::Document(fetched) => {
                self.state.last_whole = Some(Instant::now());
                self.take(fetched)
            }
            Answer::Unchanged => {
                self.state.last_whole.get_or_insert_with(Instant::now);
                self.keep();
                Ok(None)
            }
        }
    }

    /// Takes a document in. Its tag is remembered if it is good, and with it.
    fn take(&mut self, fetched: Fetched) -> Result<Option<Load>, Failure> {
        let Fetched { bytes, format, tag } = fetched;
        let tag = tag.filter(is_sendable);
        let digest = xxh3_128(&bytes);
        let is_known = self.state.accepted.as_ref().is_some_and(|accepted| accepted.digest == digest);
        let load = if is_known { None } else { Some(format.read(&bytes).map_err(Failure::document)?) };
        if self.cache.is_some() && !is_known {
            self.state.unkept = Some(CachedDocument { bytes, format, tag: tag.clone(), at: SystemTime::now() });
        }
        self.state.accepted = Some(Accepted { digest, tag });
        self.keep();
        Ok(load)
    }

    /// Keeps on disk what is not kept yet, or else that it is as the server has it.
    fn keep(&mut self) {
        let is_noted = self.state.last_kept.is_some_and(|last| last.elapsed() < NOTED);
        if self.state.unkept.is_none() && is_noted {
            return;
        }
        let Some(cache) = self.disk() else { return };
        self.state.last_kept = Some(Instant::now());
        let Some(unkept) = self.state.unkept.take() else {
            // Another process may have kept another document there, or somebody removed it: then nothing is noted.
            if let Some(accepted) = &self.state.accepted {
                let _ = cache.touch(accepted.digest, SystemTime::now());
            }
            return;
        };
        if let Err(error) = cache.store(&unkept) {
            // What is there may have flags on that are off by now: better none.
            cache.remove();
            self.state.not_kept = Some(format!("cannot be kept on disk: {error}"));
            self.state.unkept = Some(unkept);
        } else {
            self.state.not_kept = None;
        }
    }

    /// The file on disk, as that of this document: of this URL, asked for in this way.
    fn disk(&self) -> Option<Cache> {
        let path = self.cache.as_ref()?;
        let mut asked = String::new();
        for (name, value) in &self.settings.headers {
            asked.extend([name.as_str(), ":", value.reveal(), "\n"]);
        }
        let url = self.target.uri().to_string();
        if asked.is_empty() && self.settings.format.is_none() && url == self.target.shown() {
            return Some(Cache::new(path, self.provenance()));
        }
        // What else it depends on may be secret, and is there as a digest alone.
        let asked = format!("{asked}{url} {:?}", self.settings.format);
        let from = format!("{} {:032x}", self.target.shown(), xxh3_128(asked.as_bytes()));
        Some(Cache::new(path, Provenance::new(from)))
    }

    /// Follows a stream to its end.
    fn follow(&mut self, publisher: &Publisher) -> Followed {
        let tag = self.state.accepted.as_ref().and_then(|accepted| accepted.tag.clone());
        let opened = Instant::now();
        let reader = match self.client().stream(tag.as_deref()) {
            _ if publisher.signal().is_stopped() => return Followed::Stopped,
            Ok(Offer::Stream(reader)) => reader,
            Ok(Offer::None) => return Followed::NotOffered,
            Err(failure) => {
                let complaint = format!("its stream cannot be opened, changes are seen by polling: {}", failure.error);
                self.state.no_stream_because = Some(complaint);
                return Followed::Failed(failure.outcome());
            }
        };
        let max_len = usize::try_from(self.settings.max_len).unwrap_or(usize::MAX);
        let mut events = Events::new(reader, max_len, self.settings.idle_timeout);
        let mut last_poll = opened;
        // Whether the last document of the stream was good, so that a sign of life says that the flags are.
        let (mut is_well, mut has_begun) = (false, false);
        loop {
            let item = events.next();
            if publisher.signal().is_stopped() {
                return Followed::Stopped;
            }
            let document = match item {
                Ok(Item::Event { kind, id, data }) => Format::from_extension(&kind).map(|format| (format, id, data)),
                Ok(Item::Beat) => None,
                // One that says nothing and goes, or stays silent: something on the way keeps it back.
                Ok(Item::End) if !has_begun => return self.no_stream("it ends before it begins"),
                Err(error) if !has_begun => return self.no_stream(&client::broken(&error).error.to_string()),
                // The server goes, as at its restart. Whether it is well the poll will tell that comes next.
                Ok(Item::End) => return Followed::Ended(opened.elapsed()),
                Err(error) => {
                    publisher.fail(client::broken(&error).error);
                    return Followed::Ended(opened.elapsed());
                }
            };
            match document {
                Some((format, tag, data)) => {
                    has_begun = true;
                    if self.state.no_stream_because.take().is_some() {
                        publisher.set_warnings(self.warnings());
                    }
                    let taken = self.take(Fetched { bytes: data.into_bytes(), format, tag });
                    is_well = taken.is_ok();
                    match taken {
                        Ok(Some(load)) => publisher.publish(load),
                        Ok(None) => publisher.unchanged(),
                        Err(failure) => publisher.fail(failure.error),
                    }
                }
                None if is_well => {
                    self.keep();
                    publisher.unchanged();
                }
                None => {}
            }
            if publisher.signal().wait(Duration::ZERO) == Wake::ReloadRequested || last_poll.elapsed() >= BENEATH {
                is_well = self.poll(publisher) == Outcome::Good;
                last_poll = Instant::now();
            }
        }
    }

    /// Notes that there should be a stream and is none. It is tried ever less often: while it is tried, nobody polls.
    fn no_stream(&mut self, because: &str) -> Followed {
        self.state.no_stream_because = Some(format!("its stream is of no use, changes are seen by polling: {because}"));
        Followed::Failed(Outcome::Failed(Regime::Lasting, None))
    }

    fn asks_for_stream(&self) -> bool {
        self.stream && self.state.no_stream_until.is_none_or(|until| Instant::now() >= until)
    }

    fn warnings(&mut self) -> Vec<String> {
        let proxy = self.client().proxy().map(|proxy| format!("is asked through the proxy {proxy}"));
        let roots = "is asked with the certificates that are built in: the system has none";
        let roots = self.client().uses_built_in_roots().then(|| roots.to_owned());
        proxy
            .into_iter()
            .chain(roots)
            .chain(self.state.no_stream_because.clone())
            .chain(self.state.not_kept.clone())
            .collect()
    }

    /// Made when it is first needed: with all settings.
    fn client(&mut self) -> &mut Client {
        let (target, settings) = (&self.target, &self.settings);
        self.state.client.get_or_insert_with(|| Client::new(target.clone(), settings.clone()))
    }
}
