//! What the loop over a file remembers between two checks.
//!
//! # How it works
//!
//! A check has up to three questions for the [`FollowState`], in this order:
//!
//! 1. Does the file have to be read? Not while its fingerprint is that of the reported contents.
//! 2. Are these contents new? Not if their digest is the one that was last reported, whether they loaded or failed.
//! 3. May they be reported now? Not within 50 ms of the last report, not before the debouncer accepts them, and not
//!    within two seconds if they drop most of the flags.
//!
//! Time is an argument, so that one check uses one time.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use flagkit_core::source::{Load, LoadError, Publisher};

use super::contents::{self, Contents, Digest};
use super::debounce::Debouncer;
use super::fingerprint::Fingerprint;

/// The longest time between two full reads of a file with an unchanged fingerprint.
pub(super) const FULL_READ_INTERVAL: Duration = Duration::from_secs(30);
/// The shortest time between two reports to the publisher.
const MIN_INTERVAL: Duration = Duration::from_millis(50);
/// The time after which an error that persists is reported again.
const REPEAT_INTERVAL: Duration = Duration::from_secs(300);
/// How long contents that drop more than half of the flags must stay the same before they are published.
const SHRINK_HOLD: Duration = Duration::from_secs(2);

/// What the last checks of a file found, and what was reported of it.
///
/// A [`File`](super::File) owns it, and only the loop in `follow` changes it. It decides three questions: whether the
/// file has to be read, whether its contents were reported before, and whether a report is due yet.
#[derive(Debug, Default)]
pub(super) struct FollowState {
    /// The contents that were last reported, and how the load ended.
    reported: Option<(Digest, ReadOutcome)>,
    /// The fingerprint of the reported contents. `None` if the file is so young that another write could keep it.
    fingerprint: Option<Fingerprint>,
    /// Decides when new contents are complete.
    pub(super) debouncer: Debouncer,
    /// The contents that were reported as held back.
    held_back: Option<Digest>,
    last_read: Option<Instant>,
    /// How long the last read took.
    pub(super) read_time: Duration,
    last_report: Option<Instant>,
}

/// How the load that was last reported ended.
///
/// Only a failed load is reported again while it persists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadOutcome {
    Loaded,
    Failed,
}

impl FollowState {
    /// Reads the file with `read`, and records how long that takes.
    pub(super) fn time_read<T>(&mut self, read: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = read();
        self.read_time = begin.elapsed();
        result
    }

    /// Records that the file was read.
    ///
    /// The fingerprint is kept only if another write would change it.
    pub(super) fn record_read(&mut self, contents: &Result<Contents, LoadError>, now: Instant) {
        self.last_read = Some(now);
        self.fingerprint = match contents {
            Ok(contents) if !contents.fingerprint.is_recent(SystemTime::now()) => Some(contents.fingerprint.clone()),
            _ => None,
        };
    }

    /// Records that `load`, made from the contents `digest`, is reported now.
    pub(super) fn record_report(&mut self, digest: Digest, load: &Result<Load, LoadError>, now: Instant) {
        let outcome = if load.is_ok() { ReadOutcome::Loaded } else { ReadOutcome::Failed };
        self.reported = Some((digest, outcome));
        self.last_report = Some(now);
        self.discard_candidate();
    }

    /// Forgets contents that were neither published nor rejected yet.
    pub(super) fn discard_candidate(&mut self) {
        self.held_back = None;
        self.debouncer.clear();
    }

    /// Makes the next check read the file, even if its fingerprint is unchanged.
    pub(super) fn require_read(&mut self) {
        self.last_read = None;
    }

    /// Returns how much longer to hold back contents that drop `dropped` of `total` flags; zero to publish them.
    ///
    /// The first call for each contents reports to the publisher why they are held back.
    pub(super) fn hold_back(
        &mut self,
        digest: Digest,
        dropped: usize,
        total: usize,
        now: Instant,
        publisher: &Publisher,
    ) -> Duration {
        let wait = SHRINK_HOLD.saturating_sub(self.debouncer.elapsed(now));
        if dropped * 2 <= total || wait.is_zero() {
            return Duration::ZERO;
        }
        if self.held_back != Some(digest) {
            self.held_back = Some(digest);
            publisher.fail(LoadError::new(format!(
                "cannot accept the file yet: it drops {dropped} of {total} flags; \
                 it is accepted after {SHRINK_HOLD:?} without a change"
            )));
        }
        wait
    }

    /// Returns whether the file is still the reported one, according to its fingerprint. Does not read it.
    pub(super) fn is_unchanged(&self, path: &Path, now: Instant) -> bool {
        let is_due = self.last_read.is_none_or(|read| now.saturating_duration_since(read) >= FULL_READ_INTERVAL);
        let known = self.fingerprint.as_ref();
        !is_due && !self.debouncer.is_pending() && known.is_some() && known == contents::fingerprint(path).as_ref()
    }

    /// Returns whether these contents were the last to be reported.
    pub(super) fn is_reported(&self, digest: Digest) -> bool {
        self.reported.is_some_and(|(reported, _)| reported == digest)
    }

    /// Returns whether an error persists for so long that it has to be reported again.
    pub(super) fn should_repeat(&self, now: Instant) -> bool {
        let is_old = |last: Instant| now.saturating_duration_since(last) >= REPEAT_INTERVAL;
        matches!(self.reported, Some((_, ReadOutcome::Failed))) && self.last_report.is_some_and(is_old)
    }

    /// Returns how long to wait until another report is allowed.
    pub(super) fn next_report(&self, now: Instant) -> Duration {
        self.last_report.map_or(Duration::ZERO, |last| MIN_INTERVAL.saturating_sub(now.saturating_duration_since(last)))
    }

    /// Reports to the publisher that the published flags are still those of the file.
    pub(super) fn report_unchanged(&self, publisher: &Publisher) {
        if let Some((_, ReadOutcome::Loaded)) = self.reported {
            publisher.unchanged();
        }
    }
}
