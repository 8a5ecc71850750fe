//! When to believe what was read.
//!
//! # The problem
//!
//! A program that rewrites a file in place truncates it, then writes it in pieces. Each piece is on disk before the
//! next, and the first half of a TOML document is a TOML document. Reading it turns the flags of the second half off.
//!
//! # The idea
//!
//! A content is believed when it has stayed the same for a while, and the while depends on the evidence: none for a
//! file that was put in place by a rename (it was complete before, and is itself looked at twice), short after the
//! writer has closed the file, long while a writer has it open. Without evidence from the operating system it is in
//! between.
//!
//! # Limits
//!
//! A writer that neither renames, nor closes, nor pauses is not believed until it does. A writer that dies half-way
//! leaves half a file, and there is no telling: write `meta.flags` into the document, or rename.

use std::time::{Duration, Instant};

use super::contents::Digest;

/// What the operating system said last about the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Nothing, or nothing that tells.
    None,
    /// Another file was moved into its place.
    Replaced,
    /// A writer has written and has not closed it.
    Open,
    /// A writer has closed it.
    Closed,
}

impl Evidence {
    /// How long a content has to stay the same.
    fn quiet(self) -> Duration {
        match self {
            Self::Replaced => Duration::ZERO,
            Self::Closed => Duration::from_millis(50),
            Self::None => Duration::from_millis(150),
            Self::Open => Duration::from_millis(500),
        }
    }
}

/// A content that is new and not yet believed.
#[derive(Debug, Default)]
pub(super) struct Settling {
    candidate: Option<(Digest, Instant)>,
}

/// Looks at a candidate at least this often, so that one that comes and goes is noticed.
const GLANCE: Duration = Duration::from_millis(25);

impl Settling {
    /// Takes note of what was read; returns how much longer to wait and see, zero when it is to be believed.
    pub(super) fn observe(&mut self, digest: Digest, evidence: Evidence, now: Instant) -> Duration {
        let since = match self.candidate {
            Some((known, since)) if known == digest => since,
            _ => {
                self.candidate = Some((digest, now));
                now
            }
        };
        evidence.quiet().saturating_sub(now.saturating_duration_since(since)).min(GLANCE)
    }

    /// Tells how long the candidate has stayed the same.
    pub(super) fn age(&self, now: Instant) -> Duration {
        self.candidate.map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(since))
    }

    /// Forgets the candidate: it was believed, or the file is as it was.
    pub(super) fn clear(&mut self) {
        self.candidate = None;
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
    fn a_renamed_file_is_believed_at_once() {
        assert_eq!(Settling::default().observe(A, Evidence::Replaced, Instant::now()), Duration::ZERO);
    }

    #[test]
    fn a_written_file_is_believed_when_it_has_been_quiet() {
        let (mut settling, start) = (Settling::default(), Instant::now());
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert!(!settling.observe(A, Evidence::Open, at(0)).is_zero());
        assert!(!settling.observe(A, Evidence::Open, at(400)).is_zero());
        assert!(!settling.observe(B, Evidence::Closed, at(450)).is_zero(), "another content starts anew");
        assert!(!settling.observe(B, Evidence::Closed, at(499)).is_zero());
        assert!(settling.observe(B, Evidence::Closed, at(500)).is_zero());
    }

    #[test]
    fn a_writer_that_begins_again_makes_it_longer() {
        let (mut settling, start) = (Settling::default(), Instant::now());
        assert!(!settling.observe(A, Evidence::Closed, start).is_zero());
        assert!(!settling.observe(A, Evidence::Open, start + Duration::from_millis(60)).is_zero());
        assert!(settling.observe(A, Evidence::Open, start + Duration::from_millis(500)).is_zero());
    }
}
