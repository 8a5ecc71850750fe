//! What the poller does with the news of a stream.
//!
//! The thread of the [`Stream`] posts news and wakes the poller. The [`Follower`] limits the rate at which the poller
//! takes it, and decides whether the stream replaces polls. The functions here publish documents, confirm flags, and
//! plan the next stream when one has ended.
//!
//! # The end of a stream
//!
//! | the end | the status shows | the next stream |
//! |---|---|---|
//! | the server offers none | | in five minutes |
//! | the request failed | a warning | with the back-off of the failure |
//! | before the first document | a warning | with the back-off of a permanent failure |
//! | after a document, closed by the server | | soon, after a poll |
//! | after a document, by an error | the error, until the next good poll | soon, after a poll |

use std::time::{Duration, Instant};

use flagkit_core::source::Publisher;

use super::Http;
use super::client::{Fetched, Settings};
use super::failure::Failure;
use super::follower::Follower;
use super::plan::Plan;
use super::schedule::{FailureClass, PollOutcome};
use super::stream::{End, Stream};

/// The wait before the next request for a stream, after a response that the server has none.
///
/// A web server is rarely replaced by one with streams, so this request should cost it little.
const STREAM_RETRY_INTERVAL: Duration = Duration::from_secs(300);
/// What happens without a stream, for warnings.
const POLLING: &str = "changes are detected by polling";

impl Http {
    /// Requests a stream on a thread of its own, if it is time to. Returns `None` if there is none to follow.
    ///
    /// Called only after a successful poll. The response arrives later, as news: polls do not wait for it.
    ///
    /// The request has the tag of the accepted document, so that a server without streams need not send it again. A
    /// failed start of the thread is a warning, because polls continue.
    pub(super) fn open_stream(&mut self, publisher: &Publisher, plan: &mut Plan) -> Option<Follower> {
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
    ///
    /// Called after each wake-up, with or without news, because a stream also changes with time: it may have
    /// become quiet, or lost.
    ///
    /// The steps, in this order:
    ///
    /// 1. A document is published, or a sign of life confirms the flags.
    /// 2. A stream that should have sent a document by now gets a warning.
    /// 3. The end of the stream plans the next one, and the follower is dropped with it.
    /// 4. A stream that has just stopped replacing polls plans the next poll.
    pub(super) fn follow(&mut self, mut open: Follower, publisher: &Publisher, plan: &mut Plan) -> Option<Follower> {
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
        // Bytes that are no part of an event keep the read alive, so the silence of the server is checked here too.
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
    ///
    /// A failure after a document is an error of the source, until the next good poll. A failure before it is a
    /// warning, because the polls continue unchanged. The table at the head of this file lists the cases.
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
    ///
    /// Its arrival ends the warning about a stream, even if the document is invalid.
    ///
    /// The document takes the same path as that of a poll, so one that a poll has already brought is not published
    /// again.
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

    /// Reports that the flags are still those of the server, after a heartbeat of a stream that replaces polls.
    ///
    /// The cache records the time too, so a restart finds a document that was confirmed recently.
    fn confirm(&mut self, publisher: &Publisher) {
        self.persist();
        publisher.unchanged();
    }
}
