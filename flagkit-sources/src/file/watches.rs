//! What the operating system watches for this process.
//!
//! Linux has few instances of inotify to give, 128 to a user by default, so all files share one.
//!
//! ```text
//! Watcher ── watch, unwatch ──▶ Watches ──▶ the system
//!    ▲                                           │
//!    └───── hear ◀── Listeners ◀── callback ◀────┘
//! ```
//!
//! Watching may wait for the thread that runs the callback, so nothing is locked there that is locked here.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::fingerprint::Identity;

/// Is told of every event of all watched directories; `None` stands for an error of the system.
///
/// Runs on the thread of the system's events: it takes a note and returns.
pub(super) trait Listener: Send + Sync {
    fn hear(&self, event: Option<&Event>);
}

/// The directories that are watched for this process. The last share that is dropped ends it.
pub(super) struct Watches {
    process: u32,
    dirs: Mutex<Dirs>,
    listeners: Arc<Listeners>,
}

struct Dirs {
    system: RecommendedWatcher,
    watched: HashMap<PathBuf, Watched>,
}

struct Watched {
    /// Which directory the path led to.
    identity: Identity,
    shares: usize,
}

#[derive(Default)]
struct Listeners(Mutex<Vec<Weak<dyn Listener>>>);

/// Those of this process, as long as somebody has a share.
static WATCHES: Mutex<Weak<Watches>> = Mutex::new(Weak::new());

/// How long to wait for somebody else who starts them. Only in a forked child nobody may be there to finish.
const PATIENCE: Duration = Duration::from_secs(1);

impl Watches {
    /// Takes a share of those of this process.
    ///
    /// # Errors
    ///
    /// Returns the system's error, when it has no instance to give.
    pub(super) fn share() -> notify::Result<Arc<Self>> {
        let deadline = Instant::now() + PATIENCE;
        let mut present = loop {
            match WATCHES.try_lock() {
                Ok(present) => break present,
                Err(TryLockError::Poisoned(present)) => break present.into_inner(),
                Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                    return Err(notify::Error::generic("those of the process are locked since it was forked"));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
            }
        };
        // Those of a process that this one was forked from have no thread here.
        let is_ours = |watches: &Arc<Self>| watches.process == process::id();
        if let Some(watches) = present.upgrade().filter(is_ours) {
            return Ok(watches);
        }
        let listeners = Arc::new(Listeners::default());
        let told = Arc::clone(&listeners);
        let system = notify::recommended_watcher(move |event: notify::Result<Event>| told.tell(event.as_ref().ok()))?;
        let dirs = Mutex::new(Dirs { system, watched: HashMap::new() });
        let watches = Arc::new(Self { process: process::id(), dirs, listeners });
        *present = Arc::downgrade(&watches);
        Ok(watches)
    }

    /// Has the listener told of events, for as long as it lives.
    pub(super) fn listen(&self, listener: Weak<dyn Listener>) {
        lock(&self.listeners.0).push(listener);
    }

    /// Takes a share in watching this directory.
    ///
    /// # Errors
    ///
    /// Returns the system's error, when it does not watch it.
    pub(super) fn watch(&self, dir: &Path, identity: &Identity) -> notify::Result<()> {
        let mut dirs = lock(&self.dirs);
        if let Some(watched) = dirs.watched.get_mut(dir).filter(|watched| watched.identity == *identity) {
            watched.shares += 1;
            return Ok(());
        }
        // Another directory was here. Whoever had a share in it will see that it has gone.
        if dirs.watched.remove(dir).is_some() {
            let _ = contain(|| dirs.system.unwatch(dir));
        }
        contain(|| dirs.system.watch(dir, RecursiveMode::NonRecursive))?;
        dirs.watched.insert(dir.to_owned(), Watched { identity: identity.clone(), shares: 1 });
        Ok(())
    }

    /// Gives a share in watching this directory back.
    pub(super) fn unwatch(&self, dir: &Path, identity: &Identity) {
        let mut dirs = lock(&self.dirs);
        let Some(watched) = dirs.watched.get_mut(dir).filter(|watched| watched.identity == *identity) else { return };
        watched.shares -= 1;
        if watched.shares == 0 {
            dirs.watched.remove(dir);
            // Fails when the directory is gone, and with it the watch.
            let _ = contain(|| dirs.system.unwatch(dir));
        }
    }
}

impl Listeners {
    fn tell(&self, event: Option<&Event>) {
        lock(&self.0).retain(|listener| listener.upgrade().map(|listener| listener.hear(event)).is_some());
    }
}

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watches").field("process", &self.process).finish_non_exhaustive()
    }
}

/// notify panics when its thread has gone. The poll goes on.
fn contain(call: impl FnOnce() -> notify::Result<()>) -> notify::Result<()> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(notify::Error::generic("the thread of its events is gone")))
}

/// Nothing that runs under these locks panics half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
