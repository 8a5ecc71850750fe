//! The times of the next poll and of the next stream.
//!
//! The [`Schedule`] computes waits, and reads no clock. The plan adds them to the current time. It also decides what the
//! end of a stream means for the next poll.

use std::time::{Duration, Instant};

use flagkit_core::source::{Publisher, Wake};

use super::follower::Follower;
use super::schedule::{PollOutcome, Schedule};

/// The schedules of a running source, applied to its clock.
///
/// The poller owns one while it runs. Polls and streams have separate schedules, so failures of a stream delay no poll.
pub(super) struct Plan {
    polls: Schedule,
    streams: Schedule,
    /// The wait that the schedule of polls returned last.
    wait: Duration,
    next_poll: Instant,
    next_stream: Instant,
}

impl Plan {
    /// Plans the first poll after `wait`, and the first stream for now.
    pub(super) fn new(polls: Schedule, wait: Duration) -> Self {
        let now = Instant::now();
        Self { streams: polls.clone(), polls, wait, next_poll: now + wait, next_stream: now }
    }

    /// Waits for the next poll, or until something happens to the stream.
    pub(super) fn wait(&self, follower: Option<&Follower>, publisher: &Publisher) -> Wake {
        let now = Instant::now();
        let poll_at = self.poll_at(follower, now);
        match follower.and_then(|follower| follower.wake_at(now)).filter(|at| *at < poll_at) {
            Some(at) => publisher.signal().wait(at.saturating_duration_since(now)),
            // The status shows the end of this wait as the time of the next try.
            None => publisher.wait(poll_at.saturating_duration_since(now)),
        }
    }

    /// Returns whether it is time to poll.
    pub(super) fn is_poll_due(&self, follower: Option<&Follower>) -> bool {
        let now = Instant::now();
        now >= self.poll_at(follower, now)
    }

    /// Returns whether a stream may be requested.
    pub(super) fn is_stream_due(&self) -> bool {
        Instant::now() >= self.next_stream
    }

    /// Plans the next poll after a poll.
    pub(super) fn record_poll(&mut self, outcome: PollOutcome) {
        self.wait = self.polls.after(outcome);
        self.postpone_poll();
    }

    /// Plans the next poll as if a poll had ended now.
    ///
    /// After a stream has replaced polls, the planned time is long past. Many clients lose their streams at once, and
    /// must not poll at once.
    pub(super) fn postpone_poll(&mut self) {
        self.next_poll = Instant::now() + self.wait;
    }

    /// Plans the next stream after one that brought no document. The polls continue as planned.
    pub(super) fn record_failed_stream(&mut self, outcome: PollOutcome) {
        let wait = self.streams.after(outcome);
        self.postpone_stream(wait);
    }

    /// Plans the next poll and the next stream after one that lasted this long.
    ///
    /// The poll finds changes since the end of the stream. It is never later than without a stream.
    pub(super) fn record_ended_stream(&mut self, lasted: Duration) {
        let wait = self.streams.after(PollOutcome::StreamEnded(lasted));
        self.postpone_stream(wait);
        self.next_poll = Instant::now() + self.wait.min(wait);
    }

    /// Plans the next stream after this wait.
    pub(super) fn postpone_stream(&mut self, wait: Duration) {
        self.next_stream = Instant::now() + wait;
    }

    fn poll_at(&self, follower: Option<&Follower>, now: Instant) -> Instant {
        follower.map_or(self.next_poll, |follower| follower.poll_at(self.next_poll, now))
    }
}
