//! What an open stream means for the polls.
//!
//! A stream replaces the polls only as long as it has proven that it delivers: its newest document is valid, the server
//! has given a sign of life since, and no poll has failed. In every other state, polls continue at their interval.
//!
//! | the stream | polls | a heartbeat |
//! |---|---|---|
//! | has brought no document yet | continue | confirms nothing |
//! | has brought a valid document | every five minutes | confirms the flags |
//! | has brought an invalid document last | continue | confirms nothing |
//! | has been silent for half of the idle timeout | continue | confirms the flags |
//! | is open, and a poll has failed | continue | confirms nothing |
//!
//! It reads no clock: the poller passes the time.

use std::time::{Duration, Instant};

use super::stream::{News, Stream};

/// The interval of polls while a stream replaces them.
const POLL_INTERVAL_WITH_STREAM: Duration = Duration::from_secs(300);
/// The minimum time between two documents of a stream that are published. Files have the same.
const MIN_INTERVAL: Duration = Duration::from_millis(50);
/// The minimum time from a rejected document to the next one, so that each is not a line in a log.
const REJECTED_INTERVAL: Duration = Duration::from_secs(1);

/// A stream, and what it has delivered.
///
/// The poller owns one from the request for a stream to its end. It takes the news from it at a limited rate, and asks
/// it when to poll.
pub(super) struct Follower {
    stream: Stream,
    idle_timeout: Duration,
    opened: Instant,
    last_poll: Instant,
    /// The last sign of life; `None` until the server has responded.
    last_sign: Option<Instant>,
    /// Whether the newest document of the stream is valid; `None` before the first document.
    is_valid: Option<bool>,
    /// Whether a poll has failed since the newest document.
    has_failed_poll: bool,
    /// The time from which the next news is taken.
    next_take: Instant,
    /// Whether the stream replaced the polls when that was last checked.
    replaced_polls: bool,
}

impl Follower {
    /// Follows a stream that was requested now, right after a poll.
    pub(super) fn new(stream: Stream, idle_timeout: Duration, now: Instant) -> Self {
        Self {
            stream,
            idle_timeout,
            opened: now,
            last_poll: now,
            last_sign: None,
            is_valid: None,
            has_failed_poll: false,
            next_take: now,
            replaced_polls: false,
        }
    }

    /// Returns whether the stream replaces the polls.
    ///
    /// A server sends three heartbeats per idle timeout, so half of the timeout without one is unusual.
    pub(super) fn replaces_polls(&self, now: Instant) -> bool {
        self.is_confirmed() && now < self.quiet_at()
    }

    /// Returns whether the stream no longer replaces the polls, although it did at the last call.
    pub(super) fn has_stopped_replacing(&mut self, now: Instant) -> bool {
        let replaces = self.replaces_polls(now);
        std::mem::replace(&mut self.replaced_polls, replaces) && !replaces
    }

    /// Returns whether a sign of life confirms the published flags.
    pub(super) fn is_confirmed(&self) -> bool {
        self.is_valid == Some(true) && !self.has_failed_poll
    }

    /// Returns whether the stream has delivered a document, valid or not.
    pub(super) fn has_document(&self) -> bool {
        self.is_valid.is_some()
    }

    /// Returns whether the stream has been open for the idle timeout, and has delivered no document.
    pub(super) fn is_useless(&self, now: Instant) -> bool {
        self.last_sign.is_some() && !self.has_document() && now >= self.document_due_at()
    }

    /// Returns whether the server has been silent for so long that the stream must be given up.
    ///
    /// Usually the read times out first. It does not if the server sends bytes that are no part of an event, such as the
    /// extension of a chunk.
    pub(super) fn is_lost(&self, now: Instant) -> bool {
        self.lost_at().is_some_and(|at| now >= at)
    }

    /// Returns how long the stream has been open.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.opened)
    }

    /// Returns the time of the next poll: the given time, or a later one if the stream replaces polls.
    pub(super) fn poll_at(&self, next_poll: Instant, now: Instant) -> Instant {
        if self.replaces_polls(now) { self.last_poll + POLL_INTERVAL_WITH_STREAM } else { next_poll }
    }

    /// Returns the time at which the state changes without a wake-up by the thread.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let quiet_at = self.replaces_polls(now).then(|| self.quiet_at());
        let take_at = self.stream.has_news().then_some(self.next_take);
        let is_waiting = self.last_sign.is_some() && !self.has_document() && now < self.document_due_at();
        let document_due_at = is_waiting.then(|| self.document_due_at());
        [quiet_at, take_at, document_due_at, self.lost_at()].into_iter().flatten().min()
    }

    /// Takes the news, unless it is too soon after the last one.
    pub(super) fn take_news(&mut self, now: Instant) -> Option<News> {
        if now < self.next_take || !self.stream.has_news() {
            return None;
        }
        let news = self.stream.take();
        self.last_sign = Some(now);
        self.next_take = now + MIN_INTERVAL;
        Some(news)
    }

    /// Records whether a document of the stream was valid.
    pub(super) fn record_document(&mut self, is_valid: bool, now: Instant) {
        self.is_valid = Some(is_valid);
        if is_valid {
            self.has_failed_poll = false;
        } else {
            self.next_take = now + REJECTED_INTERVAL;
        }
    }

    /// Records that a poll ended.
    pub(super) fn record_poll(&mut self, has_succeeded: bool, now: Instant) {
        self.last_poll = now;
        self.has_failed_poll = !has_succeeded;
    }

    fn quiet_at(&self) -> Instant {
        self.last_sign.unwrap_or(self.opened) + self.idle_timeout / 2
    }

    fn document_due_at(&self) -> Instant {
        self.opened + self.idle_timeout
    }

    /// `None` before the response, which has timeouts of its own.
    fn lost_at(&self) -> Option<Instant> {
        self.last_sign.map(|last| last + 2 * self.idle_timeout)
    }
}
