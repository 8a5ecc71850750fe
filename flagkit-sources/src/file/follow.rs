//! The loop that follows a file.
//!
//! # The problem
//!
//! A flag file changes in many ways, and no event of the operating system is reliable: events come late, twice or
//! never. A file that is read at the wrong moment is half a file.
//!
//! # How it works
//!
//! Each round of the loop watches the directories of the path, checks the file, and waits for an event, a request to
//! reload or the next poll. Because the watch begins before the check, a change between the two causes an event.
//!
//! A check goes through these steps, and each may end it:
//!
//! 1. The fingerprint is unchanged: nothing to do.
//! 2. The file changed while it was read: read it again soon.
//! 3. The contents were reported before: nothing new.
//! 4. The [debouncer](super::debounce) waits for the writer to finish.
//! 5. An event of a write arrives late: check the file again.
//! 6. The contents drop more than half of the flags: hold them back for a while.
//! 7. Publish the flags, or report the error.
//!
//! Step 5 matters on a busy machine. A rename is followed by a write in place, the file is read halfway, and the event
//! of the write has not arrived yet: the half would be published as if it had been renamed. So the check waits for
//! the thread of the events to catch up, and accepts only what no event contradicts.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use flagkit_core::source::{Load, LoadError, Provenance, Publisher, Signal, Source, Wake};

use super::contents::{self, Contents, Digest};
use super::debounce::WriteHint;
use super::pace::Pace;
use super::state::{FULL_READ_INTERVAL, FollowState};
use super::watcher::{Hint, Watcher};
use super::{File, Notify};
use crate::document::Format;

/// The longest time between two checks of a file that is missing or unreadable.
///
/// A file that is being replaced is missing for a moment, so it is checked more often than the default poll of 2 s.
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// The time between two reads of a file that a rename has replaced.
const RENAME_DELAY: Duration = Duration::from_millis(10);
/// The time until a file that was written during its read is read again.
const REREAD_DELAY: Duration = Duration::from_millis(5);
/// The longest time that the first load waits for a file to stop changing.
///
/// The start waits for this load, so the limit is well below the default startup timeout of 5 s.
const LOAD_TIMEOUT: Duration = Duration::from_secs(1);
/// The time between two reads during the first load.
const LOAD_DELAY: Duration = Duration::from_millis(50);
/// The warning about a file that is mounted by itself, see `mounts`.
const MOUNTED: &str =
    "is mounted as a single file, so a rename that replaces its source has no effect here; mount the directory instead";

/// A valid document and its text, or why there is none.
///
/// The text goes to the hook of [`File::on_document`].
type Decoded = Result<(Load, Vec<u8>), LoadError>;

impl Source for File {
    fn provenance(&self) -> Provenance {
        Provenance::new(format!("file:{}", self.path.display()))
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        // A file that was written a moment ago may be incomplete, so it is read until two reads agree. An older file
        // is complete at the first read, so the usual start does not sleep.
        let deadline = Instant::now() + LOAD_TIMEOUT;
        let mut contents = contents::read(&self.path, self.max_len);
        while let Ok(Contents { fingerprint, read_atomically, .. }) = &contents {
            if *read_atomically && !fingerprint.is_recent(SystemTime::now()) {
                break;
            }
            let before = Digest::of(&contents);
            thread::sleep(LOAD_DELAY);
            contents = contents::read(&self.path, self.max_len);
            if Digest::of(&contents) == before {
                break;
            }
            if Instant::now() > deadline {
                contents = Err(LoadError::new("cannot read the file: it keeps changing while being read"));
            }
        }
        let now = Instant::now();
        let digest = Digest::of(&contents);
        self.state.record_read(&contents, now);
        let decoded = self.decode(contents);
        self.accept(digest, decoded, now)
    }

    fn run(&mut self, publisher: &Publisher) {
        // The order matters: the watch begins before the check, so that no change between the two is missed. Warnings
        // follow the check, so that they do not delay flags.
        let mut events = Events::default();
        let mut warnings = Warnings::default();
        loop {
            if self.notify == Notify::Native {
                events.refresh(&self.path, publisher.signal());
            }
            let wait = self.check(events.watcher.as_ref(), publisher);
            warnings.refresh(&self.path, events.error.as_deref(), publisher);
            match events.wait(wait, self.state.read_time, publisher) {
                Wake::Stopped => return,
                Wake::ReloadRequested => self.state.require_read(),
                _ => {}
            }
        }
    }

    // The copy is for a forked child, which has none of the threads of this process.
    fn restarted(&self) -> Option<Box<dyn Source>> {
        Some(Box::new(self.fresh_copy()))
    }
}

impl File {
    /// Returns a file with the same settings that has read nothing yet.
    ///
    /// The hook is shared with the copy. It is called again for the first document of the copy.
    fn fresh_copy(&self) -> Self {
        Self { path: self.path.clone(), on_document: self.on_document.clone(), state: FollowState::default(), ..*self }
    }

    /// Checks the file, reports what is new, and returns how long to wait for the next check.
    ///
    /// The head of this file lists the steps. Each step that ends the check returns its own delay: the poll interval if
    /// nothing is new, and less if a writer may still be writing.
    fn check(&mut self, watcher: Option<&Watcher>, publisher: &Publisher) -> Duration {
        let now = Instant::now();
        if self.state.is_unchanged(&self.path, now) {
            self.state.report_unchanged(publisher);
            return self.poll;
        }
        let hints = Hints::before_read(watcher);
        let mut contents = self.state.time_read(|| contents::read(&self.path, self.max_len));
        // A hint that arrived during the read may be about later contents than those that were read.
        if hints.are_outdated() || contents.as_ref().is_ok_and(|contents| !contents.read_atomically) {
            return REREAD_DELAY;
        }
        let digest = Digest::of(&contents);
        let next_poll = if contents.is_ok() { self.poll } else { self.poll.min(RETRY_DELAY) };
        if self.state.is_reported(digest) {
            self.state.discard_candidate();
            self.state.record_read(&contents, now);
            self.state.report_unchanged(publisher);
            hints.clear();
            if self.state.should_repeat(now) {
                let decoded = self.decode(contents);
                publisher.submit(self.accept(digest, decoded, now));
            }
            return next_poll;
        }
        let wait = self.settle(digest, &mut contents, &hints, now);
        if !wait.is_zero() {
            return wait;
        }
        self.state.record_read(&contents, now);
        let decoded = self.decode(contents);
        let wait = self.hold_back(digest, &decoded, now, publisher);
        if !wait.is_zero() {
            return wait.min(next_poll);
        }
        hints.clear();
        publisher.submit(self.accept(digest, decoded, now));
        next_poll
    }

    /// Returns how long to wait until the contents are complete and a report is allowed; zero if both hold.
    ///
    /// `hints` are those from before the read. Contents are complete if they have stayed the same for the time that the
    /// hint requires, and if no event that happened meanwhile is about a write.
    ///
    /// The steps, in this order:
    ///
    /// 1. An error waits for the debouncer, and for the minimum time between two reports.
    /// 2. Contents wait for the same two.
    /// 3. A file that a rename or a link has put there is read again after [`RENAME_DELAY`].
    /// 4. The events catch up. One about a write restarts the check.
    /// 5. A rename counts only if all events have arrived; else the debouncer requires the longer period.
    fn settle(
        &mut self,
        digest: Digest,
        contents: &mut Result<Contents, LoadError>,
        hints: &Hints<'_>,
        now: Instant,
    ) -> Duration {
        let Ok(contents) = contents else {
            // An error has no writer to wait for. The delay remains because a file may be missing for a moment.
            let wait = self.state.debouncer.on_digest(digest, WriteHint::Closed, false, now);
            return wait.max(self.state.next_report(now));
        };
        let (hint, is_recent) = (hints.write(), contents.fingerprint.is_recent(SystemTime::now()));
        let wait = self.state.debouncer.on_digest(digest, hint, is_recent, now);
        let wait = if wait.is_zero() { self.state.next_report(now) } else { wait };
        if !wait.is_zero() {
            return wait;
        }
        let is_renamed = matches!(hint, WriteHint::Replaced | WriteHint::Relinked);
        // A program may write to the file right after the rename.
        if is_renamed && !contents.is_stable(RENAME_DELAY) {
            return REREAD_DELAY;
        }
        let has_all_hints = hints.catch_up();
        let is_written = if hint == WriteHint::Replaced { hints.show_a_write() } else { hints.are_outdated() };
        if is_written {
            return REREAD_DELAY;
        }
        // A rename proves nothing as long as the event of a later write may be missing.
        let hint = if is_renamed && !has_all_hints { WriteHint::None } else { hint };
        self.state.debouncer.on_digest(digest, hint, is_recent, Instant::now())
    }

    /// Returns how much longer to hold back a document that drops many of the published flags.
    ///
    /// A half-written file can be valid, and then lacks the flags of its second half. The comparison needs a good load,
    /// so the first document is never held back. An invalid document is not held back either: it publishes nothing.
    fn hold_back(&mut self, digest: Digest, decoded: &Decoded, now: Instant, publisher: &Publisher) -> Duration {
        let (Ok((load, _)), Some(last_good)) = (decoded, publisher.last_good()) else { return Duration::ZERO };
        let dropped = last_good.keys().filter(|key| !load.flags().contains(key.as_str())).count();
        self.state.hold_back(digest, dropped, last_good.len(), now, publisher)
    }

    /// Decodes the contents in the format of this file.
    fn decode(&self, contents: Result<Contents, LoadError>) -> Decoded {
        let bytes = contents?.bytes;
        self.document_format().read(&bytes).map(|load| (load, bytes))
    }

    /// Records what is about to be reported, and calls the hook if it is a document.
    ///
    /// The hook receives the text before the publisher receives the flags. An invalid document never reaches the hook.
    fn accept(&mut self, digest: Digest, decoded: Decoded, now: Instant) -> Result<Load, LoadError> {
        let format = self.document_format();
        let load = decoded.map(|(load, bytes)| {
            if let Some(hook) = &self.on_document {
                hook(&bytes, format);
            }
            load
        });
        self.state.record_report(digest, &load, now);
        load
    }

    /// Returns the format that was set, or the one of the extension.
    fn document_format(&self) -> Format {
        self.format.unwrap_or_else(|| Format::from_path(&self.path))
    }
}

/// The latest hint about the file from before a read, and the watcher that has later ones.
///
/// Each check makes one. Without events there is neither, and contents have to stay the same for longer.
struct Hints<'w> {
    watcher: Option<&'w Watcher>,
    /// The hint that belongs to the contents of this check.
    before_read: Option<Hint>,
}

impl<'w> Hints<'w> {
    /// Returns the hint of now. The caller reads the file after that.
    fn before_read(watcher: Option<&'w Watcher>) -> Self {
        Self { watcher, before_read: watcher.map(Watcher::latest_hint) }
    }

    /// Returns how the file was last written before the read.
    fn write(&self) -> WriteHint {
        self.before_read.map_or(WriteHint::None, |hint| hint.write)
    }

    /// Returns whether there is a hint that arrived after the read began.
    fn are_outdated(&self) -> bool {
        self.before_read != self.watcher.map(Watcher::latest_hint)
    }

    /// Returns whether a hint after the read began is about something other than a rename of the file.
    fn show_a_write(&self) -> bool {
        let latest = self.watcher.map(Watcher::latest_hint);
        self.before_read.zip(latest).is_some_and(|(before, latest)| !before.still_renamed(latest))
    }

    /// Waits for the hints of all events so far. Returns whether all have arrived.
    fn catch_up(&self) -> bool {
        self.watcher.is_some_and(Watcher::catch_up)
    }

    /// Clears the hint: the contents that it was about were reported.
    fn clear(&self) {
        if let (Some(watcher), Some(hint)) = (self.watcher, self.before_read) {
            watcher.clear_hint(hint);
        }
    }
}

/// The events for one file, or why there are none.
///
/// The loop owns it and refreshes it before each check. Without events the loop continues with polls only, so no
/// failure here is an error of the source; it is a warning.
#[derive(Default)]
struct Events {
    watcher: Option<Watcher>,
    /// Why a directory of the path is not watched.
    error: Option<String>,
    /// When the watcher was last started, or its watches were last renewed.
    last_start: Option<Instant>,
    /// Limits how often events cause a check.
    pace: Pace,
}

impl Events {
    /// Watches the directories that the path leads through now.
    ///
    /// Every 30 seconds it also restarts a watcher that has died, and renews all watches.
    fn refresh(&mut self, path: &Path, signal: &Signal) {
        if self.last_start.is_none_or(|last| last.elapsed() >= FULL_READ_INTERVAL) {
            self.last_start = Some(Instant::now());
            match self.watcher.as_ref().filter(|watcher| !watcher.is_dead()) {
                Some(watcher) => watcher.rewatch(),
                None => match Watcher::start(signal.clone()) {
                    Ok(started) => self.watcher = Some(started),
                    Err(reason) => (self.watcher, self.error) = (None, Some(reason)),
                },
            }
        }
        if let Some(watcher) = &mut self.watcher {
            watcher.watch(path);
            self.error = watcher.error().map(str::to_owned);
        }
    }
}

impl Events {
    /// Waits for the next check: until an event, a request, or the end of `timeout`.
    ///
    /// After many events it waits longer, and no event wakes it meanwhile. `cost` is the duration of the last read.
    fn wait(&mut self, timeout: Duration, cost: Duration, publisher: &Publisher) -> Wake {
        let wake = publisher.wait(timeout);
        let pause = if wake == Wake::Notified { self.pace.next(Instant::now(), cost) } else { Duration::ZERO };
        let (Some(watcher), false) = (&self.watcher, pause.is_zero()) else { return wake };
        // Without the mute, each event of a storm would wake this thread only to continue its sleep.
        watcher.set_muted(true);
        let end = Instant::now() + pause;
        let wake = loop {
            match publisher.wait(end.saturating_duration_since(Instant::now())) {
                // This event came before the pause.
                Wake::Notified => {}
                wake => break wake,
            }
        };
        watcher.set_muted(false);
        wake
    }
}

/// The warnings of one file, as they were last given to the publisher.
///
/// The loop owns it and refreshes it after each check.
#[derive(Default)]
struct Warnings {
    /// The error of the events, and whether the file is mounted by itself.
    published: Option<(Option<String>, bool)>,
    /// When the mounts were last read. They change rarely, and a list of many mounts takes long to read.
    last_mount_check: Option<Instant>,
    /// The result of that read.
    is_mounted: bool,
}

impl Warnings {
    /// Gives the warnings to the publisher if they have changed. Reads the mounts every 30 seconds.
    fn refresh(&mut self, path: &Path, event_error: Option<&str>, publisher: &Publisher) {
        if self.last_mount_check.is_none_or(|last| last.elapsed() >= FULL_READ_INTERVAL) {
            (self.last_mount_check, self.is_mounted) = (Some(Instant::now()), is_mounted(path));
        }
        let before = self.published.replace((event_error.map(str::to_owned), self.is_mounted));
        if before != self.published {
            let mounted = self.is_mounted.then_some(MOUNTED);
            publisher.set_warnings(event_error.into_iter().chain(mounted).map(str::to_owned));
        }
    }
}

/// Returns whether the file is mounted by itself, as far as the system reports it.
///
/// Only Linux has the list that `mounts` reads. On other systems there is no warning.
fn is_mounted(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    return super::mounts::is_mount_point(path);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
