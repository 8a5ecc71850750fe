//! Decides when new contents of a file are complete.
//!
//! # The problem
//!
//! A program that rewrites a file in place truncates it, then writes it in pieces. Each piece reaches the file before
//! the next one, and the first half of a TOML document is a valid TOML document. To publish it would turn off the flags
//! of the second half.
//!
//! # The idea
//!
//! New contents are published once they have stayed the same for a while. How long depends on the last event:
//!
//! - none after a rename, because the file was complete before (the check reads it twice);
//! - short after the writer has closed the file;
//! - medium without an event;
//! - long while a writer has the file open.
//!
//! # Limits
//!
//! Contents are not published while a writer neither renames, nor closes, nor pauses. A writer that dies halfway leaves
//! half a file, and nothing shows that it is one. A document with `meta.flags`, or a rename, prevents this.

use std::time::{Duration, Instant};

use super::contents::Digest;

/// How the file was last written, according to the events of the operating system.
///
/// The [`Watcher`](super::watcher::Watcher) derives it from events, and the [`Debouncer`] turns it into a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteHint {
    /// There was no event, or none that shows how the file was written.
    None,
    /// Another file was renamed over it.
    Replaced,
    /// A writer has written to it and has not closed it.
    Open,
    /// A writer has closed it.
    Closed,
}

impl WriteHint {
    /// Returns how long contents must stay the same before they are published.
    fn quiet_period(self) -> Duration {
        match self {
            Self::Replaced => Duration::ZERO,
            Self::Closed => Duration::from_millis(50),
            Self::None => Duration::from_millis(150),
            Self::Open => Duration::from_millis(500),
        }
    }
}

/// Measures how long new contents have stayed the same.
///
/// The [`FollowState`](super::state::FollowState) of a file owns it. Each check that reads new contents passes their
/// digest to [`on_digest`](Debouncer::on_digest), until they may be published.
#[derive(Debug, Default)]
pub(super) struct Debouncer {
    /// The contents that wait, and when they were first read.
    candidate: Option<(Digest, Instant)>,
}

/// The longest time between two reads of a candidate, so that contents that come and go are detected.
const MAX_DELAY: Duration = Duration::from_millis(25);

impl Debouncer {
    /// Records that these contents were read, and returns how long to wait for the next read; zero to publish them.
    pub(super) fn on_digest(&mut self, digest: Digest, hint: WriteHint, now: Instant) -> Duration {
        let since = match self.candidate {
            Some((known, since)) if known == digest => since,
            _ => {
                self.candidate = Some((digest, now));
                now
            }
        };
        hint.quiet_period().saturating_sub(now.saturating_duration_since(since)).min(MAX_DELAY)
    }

    /// Forgets the candidate: it was published, or the file is back to the published contents.
    pub(super) fn clear(&mut self) {
        self.candidate = None;
    }

    /// Returns how long the candidate has stayed the same.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        self.candidate.map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(since))
    }

    pub(super) fn is_pending(&self) -> bool {
        self.candidate.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Digest = Digest::Bytes(1);
    const B: Digest = Digest::Bytes(2);

    #[test]
    fn a_renamed_file_is_accepted_immediately() {
        assert_eq!(Debouncer::default().on_digest(A, WriteHint::Replaced, Instant::now()), Duration::ZERO);
    }

    #[test]
    fn a_written_file_is_accepted_after_a_quiet_period() {
        let (mut debouncer, start) = (Debouncer::default(), Instant::now());
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert!(!debouncer.on_digest(A, WriteHint::Open, at(0)).is_zero());
        assert!(!debouncer.on_digest(A, WriteHint::Open, at(400)).is_zero());
        assert!(!debouncer.on_digest(B, WriteHint::Closed, at(450)).is_zero(), "other contents start again");
        assert!(!debouncer.on_digest(B, WriteHint::Closed, at(499)).is_zero());
        assert!(debouncer.on_digest(B, WriteHint::Closed, at(500)).is_zero());
    }

    #[test]
    fn a_writer_that_begins_again_extends_the_delay() {
        let (mut debouncer, start) = (Debouncer::default(), Instant::now());
        assert!(!debouncer.on_digest(A, WriteHint::Closed, start).is_zero());
        assert!(!debouncer.on_digest(A, WriteHint::Open, start + Duration::from_millis(60)).is_zero());
        assert!(debouncer.on_digest(A, WriteHint::Open, start + Duration::from_millis(500)).is_zero());
    }
}
