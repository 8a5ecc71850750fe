//! The events of the operating system for one file, reduced to hints.
//!
//! # The problem
//!
//! Events are late, duplicated or missing, and most are about other files of the same directory. None of them may
//! decide what the flags are.
//!
//! # How it works
//!
//! An event means only that the file has to be read; its contents decide. The [`EventReceiver`] reduces each event to
//! two facts: the source has to wake, and how the file was written, if the event shows it (a [`WriteHint`]). It runs on
//! the one thread that serves all files of the process, so it does nothing else.
//!
//! The watched directories are those of all [links](super::path_links) of the path, as it is spelled. So a symbolic
//! link that is pointed elsewhere is detected like a file that is rewritten. Directories are watched, not files,
//! because the watch of a file ends when another file replaces it.
//!
//! # Limits
//!
//! Network file systems have no events, and the system limits the number of watches. So a poll always runs as well. If
//! a directory cannot be watched, the status of the source has a warning with the setting to change.

use std::fmt;
use std::fs;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use flagkit_core::source::Signal;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{ErrorKind, Event, EventKind};

use super::debounce::WriteHint;
use super::fingerprint::Identity;
use super::path_links::links;
use super::shared_watcher::{Listener, SharedWatcher};

/// Watches the directories that one path depends on, until it is dropped.
///
/// The loop in `follow` owns it: it calls [`watch`](Watcher::watch) before each check, and reads the
/// [latest hint](Watcher::latest_hint) before and after it reads the file.
pub(super) struct Watcher {
    shared: Arc<SharedWatcher>,
    dirs: Vec<(PathBuf, Identity)>,
    receiver: Arc<EventReceiver>,
    /// Why an existing directory cannot be watched.
    error: Option<String>,
}

/// Receives the events on the thread of the operating system's events.
///
/// The [`Watcher`] owns it, and the [`SharedWatcher`] calls it. It records hints and wakes the source, nothing more.
#[derive(Debug)]
struct EventReceiver {
    pending: Mutex<Pending>,
    signal: Signal,
}

/// What the events since the last check have shown.
///
/// The lock of the [`EventReceiver`] protects it. The thread of the events writes to it, and the loop reads it.
#[derive(Debug)]
struct Pending {
    /// The links of the path, spelled like the paths in events. The last one is the file, if it exists.
    paths: Vec<PathBuf>,
    latest_hint: Hint,
    /// When an event of another file in a watched directory last woke the source.
    last_sibling_event: Option<Instant>,
    /// Whether a directory of the path was renamed or removed. It may be back, but without its watch.
    dir_moved: bool,
    /// Whether the source sleeps until the [pace](super::pace) allows another check, so that no event wakes it.
    is_muted: bool,
}

/// The shortest time between two wakes by other files in a watched directory.
const COALESCE: Duration = Duration::from_millis(100);

/// The latest hint, and the number of hints so far.
///
/// The number makes two hints of the same kind different. An event that shows nothing about a write, such as one about
/// the mode of the file, is no hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) write: WriteHint,
    count: u64,
    /// How many of the hints are not about a rename of the file.
    other_count: u64,
}

impl Hint {
    /// Returns whether a file that was renamed at this hint is still one that no writer has touched since.
    ///
    /// Further renames do not matter: the file that was read is complete, and the next check reads the next one.
    pub(super) fn still_renamed(self, latest: Self) -> bool {
        self.other_count == latest.other_count
    }
}

impl Watcher {
    /// Creates a watcher that watches nothing yet.
    ///
    /// # Errors
    ///
    /// Returns why the system has no events for this process. The poll is enough then.
    pub(super) fn start(signal: Signal) -> Result<Self, String> {
        // A writer may have the file open since before the watch begins, so this is the first hint.
        let latest_hint = Hint { write: WriteHint::Open, count: 0, other_count: 0 };
        let pending =
            Pending { paths: Vec::new(), latest_hint, last_sibling_event: None, dir_moved: false, is_muted: false };
        let receiver = Arc::new(EventReceiver { pending: Mutex::new(pending), signal });
        let shared = SharedWatcher::acquire().map_err(|error| explain(&error))?;
        let listener: Weak<EventReceiver> = Arc::downgrade(&receiver);
        shared.add_listener(listener);
        Ok(Self { shared, dirs: Vec::new(), receiver, error: None })
    }

    /// Watches the directories that the path leads through now. Cheap if they have not changed.
    ///
    /// New directories are watched before old ones are read, so a change during the call causes an event. A directory
    /// that cannot be watched is the [error](Watcher::error); the others are watched all the same.
    pub(super) fn watch(&mut self, path: &Path) {
        let links = links(path);
        let mut dirs: Vec<(PathBuf, Identity)> = Vec::new();
        for link in &links {
            if let Ok(metadata) = fs::metadata(&link.dir) {
                if !dirs.iter().any(|(dir, _)| *dir == link.dir) {
                    dirs.push((link.dir.clone(), Identity::of(&metadata)));
                }
            }
        }
        // The same directories may hold other links: a symbolic link may lead to another file of one of them.
        let dir_moved = {
            let mut pending = self.receiver.lock();
            pending.paths = links.iter().map(|link| link.dir.join(&link.name)).collect();
            mem::take(&mut pending.dir_moved)
        };
        if dir_moved {
            self.rewatch();
        }
        if dirs == self.dirs {
            self.error = None;
            return;
        }
        for (dir, identity) in self.dirs.iter().filter(|known| !dirs.contains(known)) {
            self.shared.unwatch(dir, identity);
        }
        let known = mem::take(&mut self.dirs);
        self.error = None;
        // A directory that cannot be watched is dropped from the list, so the next call tries it again.
        dirs.retain(|entry| {
            let watched = if known.contains(entry) { Ok(()) } else { self.shared.watch(&entry.0, &entry.1) };
            // A directory that was removed in the meantime is not an error.
            if let Err(error) = watched.as_ref().map_err(explain).map_err(|reason| entry.0.exists().then_some(reason)) {
                self.error = error.or(self.error.take());
            }
            watched.is_ok()
        });
        self.dirs = dirs;
    }

    /// Registers all directories again, because the system may have dropped a watch without an event.
    pub(super) fn rewatch(&self) {
        self.dirs.iter().for_each(|(dir, _)| self.shared.rewatch(dir));
    }

    /// Clears a hint about contents that were reported. A newer hint stays.
    pub(super) fn clear_hint(&self, hint: Hint) {
        let mut pending = self.receiver.lock();
        if pending.latest_hint == hint {
            pending.latest_hint.write = WriteHint::None;
        }
    }

    /// Waits until every event that happened before this call has been recorded. Returns whether all have.
    ///
    /// On a busy machine the thread of the events may run much later than the write that caused an event.
    pub(super) fn catch_up(&self) -> bool {
        self.dirs.last().is_some_and(|(dir, _)| self.shared.catch_up(dir))
    }

    /// Sets whether events wake the source. They are recorded in any case.
    pub(super) fn set_muted(&self, is_muted: bool) {
        self.receiver.lock().is_muted = is_muted;
    }

    /// Returns the latest hint about the file.
    pub(super) fn latest_hint(&self) -> Hint {
        self.receiver.lock().latest_hint
    }

    /// Returns why an existing directory cannot be watched, if there is one.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Returns whether there will be no more events, so that a new watcher is needed.
    pub(super) fn is_dead(&self) -> bool {
        self.shared.is_dead()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        for (dir, identity) in &self.dirs {
            self.shared.unwatch(dir, identity);
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("dirs", &self.dirs).finish_non_exhaustive()
    }
}

impl Listener for EventReceiver {
    fn on_event(&self, event: Option<&Event>) {
        if let Some(event) = event {
            // Reading the file causes such events, so they would wake the source again and again.
            if matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write)) {
                return;
            }
            let mut pending = self.lock();
            if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
                let is_parent =
                    |path: &PathBuf| pending.paths.iter().any(|known| known != path && known.starts_with(path));
                pending.dir_moved |= event.paths.iter().any(is_parent);
            }
            // A rename has both paths, the new one last.
            let path = event.paths.last();
            if path.is_some_and(|path| pending.paths.contains(path)) {
                if let Some(write) = write_hint(event.kind) {
                    let is_file = pending.paths.last() == path;
                    let is_relinked = write == WriteHint::Replaced && !is_file;
                    let write = if is_relinked { WriteHint::Relinked } else { write };
                    let Hint { count, other_count, .. } = pending.latest_hint;
                    let other_count = other_count + u64::from(write != WriteHint::Replaced);
                    pending.latest_hint = Hint { write, count: count + 1, other_count };
                }
            } else if let Some(path) = path {
                // Another source of this process may watch a directory that this path does not lead through.
                let is_near = |known: &PathBuf| known.starts_with(path) || known.parent() == path.parent();
                if !pending.paths.iter().any(is_near) {
                    return;
                }
                // Another file of the directory may be part of the change. But a log file next to the flags must not
                // wake the source a thousand times a second.
                let now = Instant::now();
                if pending.last_sibling_event.is_some_and(|last| now.saturating_duration_since(last) < COALESCE) {
                    return;
                }
                pending.last_sibling_event = Some(now);
            }
        }
        // Errors and overflows have no path; any file may have changed.
        if !self.lock().is_muted {
            self.signal.wake();
        }
    }
}

impl EventReceiver {
    /// Ignores poisoning, because no code under this lock panics halfway through a change.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the warning for an error of the system, with the setting that would fix it.
///
/// The system's own messages mislead here: "no space left on device" stands for the limit of watches.
fn explain(error: &notify::Error) -> String {
    let limit = match &error.kind {
        ErrorKind::MaxFilesWatch => "fs.inotify.max_user_watches",
        // EMFILE of inotify_init(2): the limit of instances per user, not of files per process.
        ErrorKind::Io(error) if error.raw_os_error() == Some(24) => "fs.inotify.max_user_instances",
        // ENOSPC of inotify_add_watch(2).
        ErrorKind::Io(error) if error.raw_os_error() == Some(28) => "fs.inotify.max_user_watches",
        _ => return format!("has no events, so changes are detected by polling: {error}"),
    };
    format!(
        "has no events, so changes are detected by polling: the limit of watches is reached (raise the sysctl {limit})"
    )
}

/// Returns how the file was written, as far as an event of this kind shows it.
///
/// Kinds differ between systems: only Linux reports that a writer has closed a file. Without that, the longer delay of
/// an open file applies.
fn write_hint(kind: EventKind) -> Option<WriteHint> {
    match kind {
        EventKind::Modify(ModifyKind::Name(RenameMode::Any | RenameMode::To | RenameMode::Both)) => {
            Some(WriteHint::Replaced)
        }
        EventKind::Modify(ModifyKind::Data(_)) => Some(WriteHint::Open),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(WriteHint::Closed),
        EventKind::Create(CreateKind::Any | CreateKind::File | CreateKind::Other) => Some(WriteHint::None),
        _ => None,
    }
}
