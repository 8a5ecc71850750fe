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
//!
//! The system watches directories, not paths: one that is renamed may be watched under two, and events name the later.
//! Then, and where notify drops a watch by itself, as that of a directory that is renamed away and back, watches are
//! renewed; the poll finds what is missed in between.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// The thread of the events has died.
    dead: AtomicBool,
}

struct Dirs {
    /// `None` when it is being dropped.
    system: Option<RecommendedWatcher>,
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
        let is_ours = |watches: &Arc<Self>| watches.process == process::id() && !watches.is_dead();
        if let Some(watches) = present.upgrade().filter(is_ours) {
            return Ok(watches);
        }
        let watches = Self::start()?;
        *present = Arc::downgrade(&watches);
        Ok(watches)
    }

    fn start() -> notify::Result<Arc<Self>> {
        let listeners = Arc::new(Listeners::default());
        let told = Arc::clone(&listeners);
        let system = notify::recommended_watcher(move |event: notify::Result<Event>| told.tell(event.as_ref().ok()))?;
        let dirs = Mutex::new(Dirs { system: Some(system), watched: HashMap::new() });
        Ok(Arc::new(Self { process: process::id(), dirs, listeners, dead: AtomicBool::new(false) }))
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
        if let Some(before) = dirs.watched.remove(dir) {
            self.give_up(&mut dirs, dir, &before.identity);
        }
        self.ask(&mut dirs, |system| system.watch(dir, RecursiveMode::NonRecursive))?;
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
            self.give_up(&mut dirs, dir, identity);
        }
    }

    /// Has the system watch it once more, in case that its watch was dropped. Of one that is watched it is no news.
    pub(super) fn renew(&self, dir: &Path) {
        let mut dirs = lock(&self.dirs);
        if dirs.watched.contains_key(dir) {
            let _ = self.ask(&mut dirs, |system| system.watch(dir, RecursiveMode::NonRecursive));
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Ends the watch, unless the same directory is watched under another path: there is only one.
    fn give_up(&self, dirs: &mut Dirs, dir: &Path, identity: &Identity) {
        if !dirs.watched.values().any(|other| other.identity == *identity) {
            // Fails when the directory is gone, and with it the watch.
            let _ = self.ask(dirs, |system| system.unwatch(dir));
        }
    }

    /// notify panics when its thread has died. The poll goes on.
    fn ask(
        &self,
        dirs: &mut Dirs,
        call: impl FnOnce(&mut RecommendedWatcher) -> notify::Result<()>,
    ) -> notify::Result<()> {
        let answer = catch_unwind(AssertUnwindSafe(|| dirs.system.as_mut().map_or(Ok(()), call)));
        answer.unwrap_or_else(|_| {
            self.dead.store(true, Ordering::Relaxed);
            Err(notify::Error::generic("the thread of its events has died"))
        })
    }
}

impl Drop for Dirs {
    fn drop(&mut self) {
        let system = self.system.take();
        // It panics too when its thread has died, and this one would end the process if it came amid another panic.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(system)));
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

/// Nothing that runs under these locks panics half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::mpsc::{self, Sender};

    struct Ear(Mutex<Sender<()>>);

    impl Listener for Ear {
        fn hear(&self, _: Option<&Event>) {
            let _ = lock(&self.0).send(());
        }
    }

    struct Fatal;

    impl Listener for Fatal {
        fn hear(&self, _: Option<&Event>) {
            panic!("this is the end of the thread");
        }
    }

    fn identity(dir: &Path) -> Identity {
        Identity::of(&fs::metadata(dir).expect("it is there"))
    }

    const DEADLINE: Duration = Duration::from_secs(20);

    #[test]
    fn a_directory_is_watched_until_the_last_share_is_given_back() {
        let place = tempfile::tempdir().expect("a directory");
        let (dir, watches) = (place.path(), Watches::start().expect("an instance"));
        let (tell, told) = mpsc::channel();
        let ear: Arc<dyn Listener> = Arc::new(Ear(Mutex::new(tell)));
        watches.listen(Arc::downgrade(&ear));
        for _ in 0..2 {
            watches.watch(dir, &identity(dir)).expect("it is watched");
        }
        watches.unwatch(dir, &identity(dir));
        // A share of a directory that was here before is none of this one.
        watches.unwatch(dir, &identity(Path::new("/")));
        fs::write(dir.join("a"), "").expect("written");
        told.recv_timeout(DEADLINE).expect("one share is left");
        watches.unwatch(dir, &identity(dir));
        assert!(lock(&watches.dirs).watched.is_empty());
        // Given back too often, it stays given back.
        watches.unwatch(dir, &identity(dir));
        // What was on its way has come when a watch that begins later is heard of.
        let other = tempfile::tempdir().expect("a directory");
        watches.watch(other.path(), &identity(other.path())).expect("it is watched");
        while told.try_recv().is_ok() {}
        fs::write(dir.join("b"), "").expect("written");
        assert!(told.recv_timeout(Duration::from_millis(200)).is_err(), "nobody watches it");
        fs::write(other.path().join("a"), "").expect("written");
        told.recv_timeout(DEADLINE).expect("this one is watched");
    }

    /// A directory that is watched under two paths, one of which is given up; one that is renamed away and back; both by
    /// way of another one that is watched as well.
    #[test]
    fn watches_survive_renames() {
        let place = tempfile::tempdir().expect("a directory");
        let path = |name: &str| place.path().join(name);
        let watches = Watches::start().expect("an instance");
        let (tell, told) = mpsc::channel();
        let ear: Arc<dyn Listener> = Arc::new(Ear(Mutex::new(tell)));
        watches.listen(Arc::downgrade(&ear));
        let is_heard = |what: &str, file: &Path| {
            // Long enough for what was on its way.
            while told.recv_timeout(Duration::from_millis(100)).is_ok() {}
            fs::write(file, what).expect("written");
            told.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("deaf: {what}"));
        };

        fs::create_dir(path("current")).expect("a directory");
        fs::create_dir(path("next")).expect("a directory");
        let (first, second) = (identity(&path("current")), identity(&path("next")));
        watches.watch(&path("current"), &first).expect("it is watched");
        watches.watch(&path("next"), &second).expect("it is watched");
        fs::rename(path("current"), path("old")).expect("renamed");
        fs::rename(path("next"), path("current")).expect("renamed");
        watches.unwatch(&path("current"), &first);
        watches.watch(&path("current"), &second).expect("it is watched");
        watches.unwatch(&path("next"), &second);
        is_heard("the one that took another's place", &path("current/file"));

        fs::create_dir(path("current/inner")).expect("a directory");
        let inner = path("current/inner");
        watches.watch(&inner, &identity(&inner)).expect("it is watched");
        fs::rename(&inner, path("current/away")).expect("renamed");
        fs::rename(path("current/away"), &inner).expect("renamed");
        while told.recv_timeout(Duration::from_millis(100)).is_ok() {}
        watches.renew(&inner);
        is_heard("the one that was away", &inner.join("file"));
    }

    #[test]
    fn a_thread_that_has_died_is_an_error() {
        let place = tempfile::tempdir().expect("a directory");
        let (dir, watches) = (place.path(), Watches::start().expect("an instance"));
        let fatal: Arc<dyn Listener> = Arc::new(Fatal);
        watches.listen(Arc::downgrade(&fatal));
        watches.watch(dir, &identity(dir)).expect("it is watched");
        fs::write(dir.join("a"), "").expect("written");
        let other = tempfile::tempdir().expect("a directory");
        let begin = Instant::now();
        while watches.watch(other.path(), &identity(other.path())).is_ok() {
            watches.unwatch(other.path(), &identity(other.path()));
            assert!(begin.elapsed() < DEADLINE, "the thread lives");
        }
        assert!(watches.is_dead());
        // Neither of these panics.
        watches.unwatch(dir, &identity(dir));
        drop(watches);
    }
}
