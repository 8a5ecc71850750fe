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
//! - none after a rename of the file, because it was complete before (the check reads it twice);
//! - none after a rename of a link or a directory on the path, if the file it leads to is old;
//! - short after the writer has closed the file;
//! - medium without an event;
//! - long while a writer has the file open.
//!
//! The time is counted in reads. On a busy machine the writer may be stopped between two pieces for as long as this
//! thread is, so a time in which this thread did not run shows nothing. It counts as one delay between two reads.
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
    /// A link or a directory on its path was renamed. The file may be one that a writer has open.
    Relinked,
    /// A writer has written to it and has not closed it.
    Open,
    /// A writer has closed it.
    Closed,
}

impl WriteHint {
    /// Returns how long contents must stay the same before they are published.
    ///
    /// `is_recent` is whether the file was written or renamed a moment ago.
    fn quiet_period(self, is_recent: bool) -> Duration {
        match self {
            Self::Replaced => Duration::ZERO,
            Self::Relinked if !is_recent => Duration::ZERO,
            Self::Closed => Duration::from_millis(50),
            Self::None | Self::Relinked => Duration::from_millis(150),
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
    /// The contents that wait to be published.
    candidate: Option<Candidate>,
}

/// Contents that wait to be published.
#[derive(Debug)]
struct Candidate {
    digest: Digest,
    first_read: Instant,
    last_read: Instant,
    /// How long the contents have stayed the same, counted in reads.
    quiet: Duration,
}

/// The time between two reads of a candidate, so that contents that come and go are detected.
const DELAY: Duration = Duration::from_millis(25);

impl Debouncer {
    /// Records that these contents were read, and returns how long to wait for the next read; zero to publish them.
    pub(super) fn on_digest(&mut self, digest: Digest, hint: WriteHint, is_recent: bool, now: Instant) -> Duration {
        let quiet = match &mut self.candidate {
            Some(candidate) if candidate.digest == digest => {
                candidate.quiet += now.saturating_duration_since(candidate.last_read).min(DELAY);
                candidate.last_read = now;
                candidate.quiet
            }
            _ => {
                self.candidate = Some(Candidate { digest, first_read: now, last_read: now, quiet: Duration::ZERO });
                Duration::ZERO
            }
        };
        hint.quiet_period(is_recent).saturating_sub(quiet).min(DELAY)
    }

    /// Forgets the candidate: it was published, or the file is back to the published contents.
    pub(super) fn clear(&mut self) {
        self.candidate = None;
    }

    /// Returns how long ago the candidate was first read.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        let age = |candidate: &Candidate| now.saturating_duration_since(candidate.first_read);
        self.candidate.as_ref().map_or(Duration::ZERO, age)
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

    /// Reads the same contents again as often as the debouncer requires, and returns for how long.
    fn settle(debouncer: &mut Debouncer, digest: Digest, hint: WriteHint, from: Instant) -> Duration {
        let mut now = from;
        loop {
            let wait = debouncer.on_digest(digest, hint, true, now);
            if wait.is_zero() {
                return now - from;
            }
            now += wait;
        }
    }

    #[test]
    fn the_delay_depends_on_how_the_file_was_written() {
        let wait = |hint| settle(&mut Debouncer::default(), A, hint, Instant::now()).as_millis();
        assert_eq!(wait(WriteHint::Replaced), 0);
        assert_eq!(wait(WriteHint::Closed), 50);
        assert_eq!(wait(WriteHint::None), 150);
        assert_eq!(wait(WriteHint::Relinked), 150);
        assert_eq!(wait(WriteHint::Open), 500);
    }

    #[test]
    fn an_old_file_that_a_link_leads_to_is_accepted_immediately() {
        assert!(Debouncer::default().on_digest(A, WriteHint::Relinked, false, Instant::now()).is_zero());
    }

    #[test]
    fn a_written_file_is_accepted_after_a_quiet_period() {
        let (mut debouncer, start) = (Debouncer::default(), Instant::now());
        for read in 0..16 {
            let now = start + read * DELAY;
            assert!(!debouncer.on_digest(A, WriteHint::Open, true, now).is_zero(), "read {read}");
        }
        let closed = start + Duration::from_millis(450);
        assert!(!debouncer.on_digest(B, WriteHint::Closed, true, closed).is_zero(), "other contents start again");
        assert!(!debouncer.on_digest(B, WriteHint::Closed, true, closed + DELAY).is_zero());
        assert!(debouncer.on_digest(B, WriteHint::Closed, true, closed + 2 * DELAY).is_zero());
    }

    #[test]
    fn a_writer_that_begins_again_extends_the_delay() {
        let (mut debouncer, start) = (Debouncer::default(), Instant::now());
        assert!(!debouncer.on_digest(A, WriteHint::Closed, true, start).is_zero());
        assert!(!debouncer.on_digest(A, WriteHint::Open, true, start + Duration::from_millis(60)).is_zero());
        let left = settle(&mut debouncer, A, WriteHint::Open, start + Duration::from_millis(60));
        assert_eq!(left, Duration::from_millis(475), "only one delay has passed so far");
    }

    #[test]
    fn a_time_in_which_nothing_was_read_counts_as_one_delay() {
        let (mut debouncer, start) = (Debouncer::default(), Instant::now());
        for read in 0..6 {
            let now = start + read * Duration::from_secs(60);
            assert!(!debouncer.on_digest(A, WriteHint::None, true, now).is_zero(), "read {read}");
        }
        assert!(debouncer.on_digest(A, WriteHint::None, true, start + Duration::from_secs(360)).is_zero());
        assert_eq!(debouncer.elapsed(start + Duration::from_secs(360)), Duration::from_secs(360));
    }
}
