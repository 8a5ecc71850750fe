//! Events of the operating system, as hints.
//!
//! An event says no more than "look again"; what is there decides. Hints may be late, twice or missing: a poll runs
//! beneath. The watched directories are those of all hops of the path, as spelled, so that a retargeted link is
//! noticed as well as a rewritten file.

use std::fmt;
use std::fs;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use flagkit_core::source::Signal;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{ErrorKind, Event, EventKind};

use super::fingerprint::Identity;
use super::hops::hops;
use super::settling::Evidence;
use super::watches::{Listener, Watches};

/// Watches the hops of one path. Dropped, it stops.
pub(super) struct Watcher {
    watches: Arc<Watches>,
    dirs: Vec<(PathBuf, Identity)>,
    hints: Arc<Hints>,
    /// Why a directory cannot be watched that is there.
    complaint: Option<String>,
}

/// What the callback and the source share. The callback does nothing but take notes and wake the source.
#[derive(Debug)]
struct Hints {
    notes: Mutex<Notes>,
    signal: Signal,
}

#[derive(Debug)]
struct Notes {
    /// The hops, spelled as the events spell them.
    paths: Vec<PathBuf>,
    latest: Note,
    /// When an event of another file was last taken for a hint.
    last_aside: Option<Instant>,
    /// A directory on the way was renamed or removed: its watch may be gone, though it may be back.
    moved: bool,
}

/// Between two hints from other files of the directory.
const ASIDE: Duration = Duration::from_millis(100);

/// What was noted last, and how many notes that makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) evidence: Evidence,
    count: u64,
}

impl Watcher {
    /// Starts watching nothing yet.
    ///
    /// # Errors
    ///
    /// Returns why the system refuses; the poll has to do then.
    pub(super) fn start(signal: Signal) -> Result<Self, String> {
        // Before the watch begins, anything may have happened: as if a writer had the file open.
        let latest = Note { evidence: Evidence::Open, count: 0 };
        let notes = Mutex::new(Notes { paths: Vec::new(), latest, last_aside: None, moved: false });
        let hints = Arc::new(Hints { notes, signal });
        let watches = Watches::share().map_err(|error| explain(&error))?;
        let listener: Weak<Hints> = Arc::downgrade(&hints);
        watches.listen(listener);
        Ok(Self { watches, dirs: Vec::new(), hints, complaint: None })
    }

    /// Why a directory that is there cannot be watched, if one cannot.
    pub(super) fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// Watches the directories that the path leads through now. Cheap when they are those of the last time.
    pub(super) fn follow(&mut self, path: &Path) {
        let hops = hops(path);
        let mut dirs: Vec<(PathBuf, Identity)> = Vec::new();
        for hop in &hops {
            if let Ok(metadata) = fs::metadata(&hop.dir) {
                if !dirs.iter().any(|(dir, _)| *dir == hop.dir) {
                    dirs.push((hop.dir.clone(), Identity::of(&metadata)));
                }
            }
        }
        // Renewed also when the directories are the same: a link may lead to another file of one of them.
        let has_moved = {
            let mut notes = self.hints.lock();
            notes.paths = hops.iter().map(|hop| hop.dir.join(&hop.name)).collect();
            mem::take(&mut notes.moved)
        };
        if has_moved {
            self.renew();
        }
        if dirs == self.dirs {
            self.complaint = None;
            return;
        }
        for (dir, identity) in self.dirs.iter().filter(|known| !dirs.contains(known)) {
            self.watches.unwatch(dir, identity);
        }
        let known = mem::take(&mut self.dirs);
        self.complaint = None;
        // A directory that cannot be watched is tried again the next time.
        dirs.retain(|entry| {
            let watched = if known.contains(entry) { Ok(()) } else { self.watches.watch(&entry.0, &entry.1) };
            // One that has gone in the meantime is no complaint.
            if let Err(error) = watched.as_ref().map_err(explain).map_err(|reason| entry.0.exists().then_some(reason)) {
                self.complaint = error.or(self.complaint.take());
            }
            watched.is_ok()
        });
        self.dirs = dirs;
    }

    /// Has all directories watched once more, in case that a watch was dropped without a word.
    pub(super) fn renew(&self) {
        self.dirs.iter().for_each(|(dir, _)| self.watches.renew(dir));
    }

    /// Whether there will be no more events, so that another one should be started.
    pub(super) fn is_dead(&self) -> bool {
        self.watches.is_dead()
    }

    /// Returns what was noted of the file last.
    pub(super) fn latest(&self) -> Note {
        self.hints.lock().latest
    }

    /// Forgets a note about a content that has been dealt with, unless there is news.
    pub(super) fn forget(&self, note: Note) {
        let mut notes = self.hints.lock();
        if notes.latest == note {
            notes.latest.evidence = Evidence::None;
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        for (dir, identity) in &self.dirs {
            self.watches.unwatch(dir, identity);
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("dirs", &self.dirs).finish_non_exhaustive()
    }
}

impl Listener for Hints {
    fn hear(&self, event: Option<&Event>) {
        if let Some(event) = event {
            // Reading the file makes such events, and would wake the reader again.
            if matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write)) {
                return;
            }
            let mut notes = self.lock();
            if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
                let is_mine = |path: &PathBuf| notes.paths.iter().any(|known| known != path && known.starts_with(path));
                notes.moved |= event.paths.iter().any(is_mine);
            }
            // A rename names both paths, the new one last.
            let path = event.paths.last();
            if path.is_some_and(|path| notes.paths.contains(path)) {
                let latest = &mut notes.latest;
                latest.evidence = evidence(event.kind).unwrap_or(latest.evidence);
                latest.count += 1;
            } else if let Some(path) = path {
                // Of a directory that another file of this process leads through.
                let is_near = |known: &PathBuf| known.starts_with(path) || known.parent() == path.parent();
                if !notes.paths.iter().any(is_near) {
                    return;
                }
                // Another file of the directory. It may be a part of the change all the same, but a log that is
                // written beside the flags is no reason to look a thousand times a second.
                let now = Instant::now();
                if notes.last_aside.is_some_and(|last| now.saturating_duration_since(last) < ASIDE) {
                    return;
                }
                notes.last_aside = Some(now);
            }
        }
        // Errors and overflows name no path and mean that anything may have happened.
        self.signal.wake();
    }
}

impl Hints {
    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says why the system does not watch, and what would mend it.
fn explain(error: &notify::Error) -> String {
    let limit = match &error.kind {
        ErrorKind::MaxFilesWatch => "fs.inotify.max_user_watches",
        // EMFILE, of inotify_init(2): more instances than a user may have, rather than more files than a process may.
        ErrorKind::Io(error) if error.raw_os_error() == Some(24) => "fs.inotify.max_user_instances",
        // ENOSPC, of inotify_add_watch(2).
        ErrorKind::Io(error) if error.raw_os_error() == Some(28) => "fs.inotify.max_user_watches",
        _ => return format!("the system does not watch it ({error}); changes are seen by polling"),
    };
    format!("the system has no more watches to give; changes are seen by polling (raise the sysctl {limit})")
}

fn evidence(kind: EventKind) -> Option<Evidence> {
    match kind {
        EventKind::Modify(ModifyKind::Name(RenameMode::Any | RenameMode::To | RenameMode::Both)) => {
            Some(Evidence::Replaced)
        }
        EventKind::Modify(ModifyKind::Data(_)) => Some(Evidence::Open),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Evidence::Closed),
        EventKind::Create(CreateKind::Any | CreateKind::File | CreateKind::Other) => Some(Evidence::None),
        _ => None,
    }
}
