//! The watcher of the operating system, which all files of a process share.
//!
//! # The problem
//!
//! Linux limits the instances of inotify, to 128 per user by default. A process with many flag files must not use many.
//!
//! # The idea
//!
//! One instance serves all files. It watches directories, and counts for each how many files need it.
//!
//! ```text
//! Watcher ─── watch, unwatch ──▶ SharedWatcher ──▶ the system
//!    ▲                                                 │
//!    └──── on_event ◀── Listeners ◀── callback ◀───────┘
//! ```
//!
//! Adding a watch may wait for the thread that runs the callback. So the callback takes no lock that is held during a
//! call to the system.
//!
//! # Limits
//!
//! The system watches directories, not paths. A renamed directory may be watched under two paths, and its events have
//! the later one. The crate `notify` also drops a watch by itself, for example if a directory is renamed away and back.
//! In both cases the watches are registered again, and the poll detects what changes in between.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::fingerprint::Identity;

/// Receives every event of all watched directories; `None` stands for an error of the system.
///
/// It runs on the thread of the events, which serves all files, so it must return fast.
pub(super) trait Listener: Send + Sync {
    fn on_event(&self, event: Option<&Event>);
}

/// The one watcher of this process.
///
/// Each [`Watcher`](super::watcher::Watcher) has a clone from [`acquire`](SharedWatcher::acquire). Dropping the last
/// one stops the system's events and their thread.
pub(super) struct SharedWatcher {
    /// The process that has the thread of the events; a forked child does not.
    process: u32,
    dirs: Mutex<WatchedDirs>,
    listeners: Arc<Listeners>,
    /// Whether the thread of the events has died.
    dead: AtomicBool,
    /// Whether a thread waits for the thread of the events to catch up.
    is_catching_up: AtomicBool,
}

/// The system's watcher, and the directories that it watches.
///
/// The lock of the [`SharedWatcher`] protects both, so that the counts match the watches.
struct WatchedDirs {
    /// `None` only during the drop.
    system: Option<RecommendedWatcher>,
    watched: HashMap<PathBuf, WatchedDir>,
}

/// One watched directory.
struct WatchedDir {
    /// The directory that the path led to when it was watched.
    identity: Identity,
    /// The number of files that need the watch.
    users: usize,
}

/// The receivers of events. A listener that was dropped is removed at the next event.
#[derive(Default)]
struct Listeners(Mutex<Vec<Weak<dyn Listener>>>);

/// The shared watcher of this process, while there is one.
static SHARED: Mutex<Weak<SharedWatcher>> = Mutex::new(Weak::new());

/// How long to wait for another thread that starts the shared watcher. In a forked child that thread may not exist.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// How long to wait until the thread of the events has caught up.
const CATCH_UP_TIMEOUT: Duration = Duration::from_millis(100);
/// The number of replies to wait for after the first one, which may come too early.
const MORE_REPLIES: u32 = 2;
/// The time between two requests, in which the thread of the events finishes what it woke up for.
const REPLY_INTERVAL: Duration = Duration::from_millis(1);

impl SharedWatcher {
    /// Returns the watcher of this process, and starts it if there is none.
    ///
    /// # Errors
    ///
    /// Returns the system's error if it has no instance left.
    pub(super) fn acquire() -> notify::Result<Arc<Self>> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        let mut shared = loop {
            match SHARED.try_lock() {
                Ok(shared) => break shared,
                Err(TryLockError::Poisoned(shared)) => break shared.into_inner(),
                Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                    return Err(notify::Error::generic("the watcher of the process is locked since a fork"));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
            }
        };
        // After a fork, the watcher of the parent process has no thread here.
        let is_usable = |watcher: &Arc<Self>| watcher.process == process::id() && !watcher.is_dead();
        if let Some(watcher) = shared.upgrade().filter(is_usable) {
            return Ok(watcher);
        }
        let watcher = Self::start()?;
        *shared = Arc::downgrade(&watcher);
        Ok(watcher)
    }

    fn start() -> notify::Result<Arc<Self>> {
        let listeners = Arc::new(Listeners::default());
        let notified = Arc::clone(&listeners);
        let on_event = move |event: notify::Result<Event>| notified.notify(event.as_ref().ok());
        let system = notify::recommended_watcher(on_event)?;
        let dirs = Mutex::new(WatchedDirs { system: Some(system), watched: HashMap::new() });
        let (dead, is_catching_up) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Arc::new(Self { process: process::id(), dirs, listeners, dead, is_catching_up }))
    }

    /// Calls the listener for every event, as long as it lives.
    pub(super) fn add_listener(&self, listener: Weak<dyn Listener>) {
        lock(&self.listeners.0).push(listener);
    }

    /// Watches this directory for one more user.
    ///
    /// # Errors
    ///
    /// Returns the system's error if it cannot watch the directory.
    pub(super) fn watch(&self, dir: &Path, identity: &Identity) -> notify::Result<()> {
        let mut dirs = lock(&self.dirs);
        if let Some(watched) = dirs.watched.get_mut(dir).filter(|watched| watched.identity == *identity) {
            watched.users += 1;
            return Ok(());
        }
        // Another directory had this path before. Its users detect that it is gone, and watch this one too.
        if let Some(before) = dirs.watched.remove(dir) {
            self.release(&mut dirs, dir, &before.identity);
        }
        self.call_system(&mut dirs, |system| system.watch(dir, RecursiveMode::NonRecursive))?;
        dirs.watched.insert(dir.to_owned(), WatchedDir { identity: identity.clone(), users: 1 });
        Ok(())
    }

    /// Removes one user of this directory. The last one ends the watch.
    pub(super) fn unwatch(&self, dir: &Path, identity: &Identity) {
        let mut dirs = lock(&self.dirs);
        let Some(watched) = dirs.watched.get_mut(dir).filter(|watched| watched.identity == *identity) else { return };
        watched.users -= 1;
        if watched.users == 0 {
            dirs.watched.remove(dir);
            self.release(&mut dirs, dir, identity);
        }
    }

    /// Registers the watch again, in case the system dropped it. Does nothing if it is still registered.
    pub(super) fn rewatch(&self, dir: &Path) {
        let mut dirs = lock(&self.dirs);
        if dirs.watched.contains_key(dir) {
            let _ = self.call_system(&mut dirs, |system| system.watch(dir, RecursiveMode::NonRecursive));
        }
    }

    /// Waits until the listeners have received every event that happened before this call. Returns whether they have.
    ///
    /// `dir` is a watched directory. On Linux a request for a watch is handled after the events that the system has
    /// queued before, so the reply shows that they were passed on. Other systems give no such order.
    ///
    /// One reply may come too early: `notify` wakes up for an old request and for the events together, and may take a
    /// new request first. It then passes on the events before it waits again, so later replies come after them.
    ///
    /// The thread of the events replies late if events arrive faster than it reads them. So another thread waits for
    /// the reply, and this call gives up after [`CATCH_UP_TIMEOUT`].
    pub(super) fn catch_up(self: &Arc<Self>, dir: &Path) -> bool {
        if !cfg!(target_os = "linux") || self.is_dead() || self.is_catching_up.swap(true, Ordering::Relaxed) {
            return false;
        }
        let (reply, replies) = mpsc::channel();
        let (watcher, dir) = (Arc::clone(self), dir.to_owned());
        let waiting = thread::Builder::new().name("flagkit-events".to_owned()).spawn(move || {
            watcher.rewatch(&dir);
            for _ in 0..MORE_REPLIES {
                thread::sleep(REPLY_INTERVAL);
                watcher.rewatch(&dir);
            }
            watcher.is_catching_up.store(false, Ordering::Relaxed);
            let _ = reply.send(());
        });
        if waiting.is_err() {
            self.is_catching_up.store(false, Ordering::Relaxed);
        }
        replies.recv_timeout(CATCH_UP_TIMEOUT).is_ok() && !self.is_dead()
    }

    /// Returns whether the thread of the events has died.
    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Ends the watch, unless the same directory is watched under another path: the system has only one watch for both.
    fn release(&self, dirs: &mut WatchedDirs, dir: &Path, identity: &Identity) {
        if !dirs.watched.values().any(|other| other.identity == *identity) {
            // The call fails if the directory is gone; its watch is gone too then.
            let _ = self.call_system(dirs, |system| system.unwatch(dir));
        }
    }

    /// Calls the system's watcher, and turns its panic into an error.
    ///
    /// `notify` panics if its thread has died. The files are polled then.
    fn call_system(
        &self,
        dirs: &mut WatchedDirs,
        call: impl FnOnce(&mut RecommendedWatcher) -> notify::Result<()>,
    ) -> notify::Result<()> {
        let result = catch_unwind(AssertUnwindSafe(|| dirs.system.as_mut().map_or(Ok(()), call)));
        result.unwrap_or_else(|_| {
            self.dead.store(true, Ordering::Relaxed);
            Err(notify::Error::generic("the thread of the events has died"))
        })
    }
}

impl Drop for WatchedDirs {
    fn drop(&mut self) {
        let system = self.system.take();
        // The drop panics too if the thread has died. A panic during another panic would abort the process.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(system)));
    }
}

impl Listeners {
    fn notify(&self, event: Option<&Event>) {
        lock(&self.0).retain(|listener| listener.upgrade().map(|listener| listener.on_event(event)).is_some());
    }
}

impl fmt::Debug for SharedWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedWatcher").field("process", &self.process).finish_non_exhaustive()
    }
}

/// Ignores poisoning, because no code under these locks panics halfway through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::mpsc::Sender;

    struct Recorder(Mutex<Sender<()>>);

    impl Listener for Recorder {
        fn on_event(&self, _: Option<&Event>) {
            let _ = lock(&self.0).send(());
        }
    }

    /// Blocks at its first event until the sender of the second channel is dropped.
    struct Blocked(Mutex<(Sender<()>, mpsc::Receiver<()>)>);

    impl Listener for Blocked {
        fn on_event(&self, _: Option<&Event>) {
            let both = lock(&self.0);
            let _ = both.0.send(());
            let _ = both.1.recv();
        }
    }

    struct Fatal;

    impl Listener for Fatal {
        fn on_event(&self, _: Option<&Event>) {
            panic!("this ends the thread of the events");
        }
    }

    fn identity(dir: &Path) -> Identity {
        Identity::of(&fs::metadata(dir).expect("it is there"))
    }

    const DEADLINE: Duration = Duration::from_secs(20);

    #[test]
    fn a_directory_is_watched_until_its_last_user_is_gone() {
        let root = tempfile::tempdir().expect("a directory");
        let (dir, watcher) = (root.path(), SharedWatcher::start().expect("an instance"));
        let (sender, events) = mpsc::channel();
        let listener: Arc<dyn Listener> = Arc::new(Recorder(Mutex::new(sender)));
        watcher.add_listener(Arc::downgrade(&listener));
        for _ in 0..2 {
            watcher.watch(dir, &identity(dir)).expect("it is watched");
        }
        watcher.unwatch(dir, &identity(dir));
        // A user of the directory that had this path before is not a user of this one.
        watcher.unwatch(dir, &identity(Path::new("/")));
        fs::write(dir.join("a"), "").expect("written");
        events.recv_timeout(DEADLINE).expect("one user is left");
        watcher.unwatch(dir, &identity(dir));
        assert!(lock(&watcher.dirs).watched.is_empty());
        // One call too many changes nothing.
        watcher.unwatch(dir, &identity(dir));
        // All earlier events have arrived when a later watch causes one.
        let other = tempfile::tempdir().expect("a directory");
        watcher.watch(other.path(), &identity(other.path())).expect("it is watched");
        while events.try_recv().is_ok() {}
        fs::write(dir.join("b"), "").expect("written");
        assert!(events.recv_timeout(Duration::from_millis(200)).is_err(), "the directory is not watched");
        fs::write(other.path().join("a"), "").expect("written");
        events.recv_timeout(DEADLINE).expect("this one is watched");
    }

    /// One directory is watched under two paths, and the watch of one path ends. Another one is renamed away and back.
    #[test]
    fn watches_survive_renames() {
        let root = tempfile::tempdir().expect("a directory");
        let path = |name: &str| root.path().join(name);
        let watcher = SharedWatcher::start().expect("an instance");
        let (sender, events) = mpsc::channel();
        let listener: Arc<dyn Listener> = Arc::new(Recorder(Mutex::new(sender)));
        watcher.add_listener(Arc::downgrade(&listener));
        let expect_event = |what: &str, file: &Path| {
            // Skips earlier events.
            while events.recv_timeout(Duration::from_millis(100)).is_ok() {}
            fs::write(file, what).expect("written");
            events.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("no event: {what}"));
        };

        fs::create_dir(path("current")).expect("a directory");
        fs::create_dir(path("next")).expect("a directory");
        let (first, second) = (identity(&path("current")), identity(&path("next")));
        watcher.watch(&path("current"), &first).expect("it is watched");
        watcher.watch(&path("next"), &second).expect("it is watched");
        fs::rename(path("current"), path("old")).expect("renamed");
        fs::rename(path("next"), path("current")).expect("renamed");
        watcher.unwatch(&path("current"), &first);
        watcher.watch(&path("current"), &second).expect("it is watched");
        watcher.unwatch(&path("next"), &second);
        expect_event("the directory that replaced another", &path("current/file"));

        fs::create_dir(path("current/inner")).expect("a directory");
        let inner = path("current/inner");
        watcher.watch(&inner, &identity(&inner)).expect("it is watched");
        fs::rename(&inner, path("current/away")).expect("renamed");
        fs::rename(path("current/away"), &inner).expect("renamed");
        while events.recv_timeout(Duration::from_millis(100)).is_ok() {}
        watcher.rewatch(&inner);
        expect_event("the directory that was away", &inner.join("file"));
    }

    #[test]
    fn earlier_events_have_arrived_when_the_thread_has_caught_up() {
        let root = tempfile::tempdir().expect("a directory");
        let (dir, watcher) = (root.path(), SharedWatcher::start().expect("an instance"));
        let (sender, events) = mpsc::channel();
        let listener: Arc<dyn Listener> = Arc::new(Recorder(Mutex::new(sender)));
        watcher.add_listener(Arc::downgrade(&listener));
        watcher.watch(dir, &identity(dir)).expect("it is watched");
        for round in 0..500 {
            while events.try_recv().is_ok() {}
            fs::write(dir.join(format!("file-{}", round % 3)), "").expect("written");
            // On a busy machine the thread may need more than one timeout.
            let begin = Instant::now();
            while !watcher.catch_up(dir) {
                assert!(begin.elapsed() < DEADLINE, "the thread does not catch up");
            }
            // The file is created or truncated, and then closed.
            assert!(events.try_iter().count() >= 2, "round {round}");
        }
    }

    #[test]
    fn a_thread_that_is_slow_is_not_waited_for() {
        let root = tempfile::tempdir().expect("a directory");
        let (dir, watcher) = (root.path(), SharedWatcher::start().expect("an instance"));
        let (sender, events) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let listener: Arc<dyn Listener> = Arc::new(Blocked(Mutex::new((sender, released))));
        watcher.add_listener(Arc::downgrade(&listener));
        watcher.watch(dir, &identity(dir)).expect("it is watched");
        fs::write(dir.join("file"), "").expect("written");
        events.recv_timeout(DEADLINE).expect("the listener blocks");
        assert!(!watcher.catch_up(dir), "the listener still blocks");
        assert!(!watcher.catch_up(dir), "another thread waits already");
        drop(release);
        let begin = Instant::now();
        while !watcher.catch_up(dir) {
            assert!(begin.elapsed() < DEADLINE, "it has not caught up");
        }
    }

    #[test]
    fn a_thread_that_has_died_is_an_error() {
        let root = tempfile::tempdir().expect("a directory");
        let (dir, watcher) = (root.path(), SharedWatcher::start().expect("an instance"));
        let fatal: Arc<dyn Listener> = Arc::new(Fatal);
        watcher.add_listener(Arc::downgrade(&fatal));
        watcher.watch(dir, &identity(dir)).expect("it is watched");
        fs::write(dir.join("a"), "").expect("written");
        let other = tempfile::tempdir().expect("a directory");
        let begin = Instant::now();
        while watcher.watch(other.path(), &identity(other.path())).is_ok() {
            watcher.unwatch(other.path(), &identity(other.path()));
            assert!(begin.elapsed() < DEADLINE, "the thread lives");
        }
        assert!(watcher.is_dead());
        assert!(!watcher.catch_up(dir));
        // Neither of these panics.
        watcher.unwatch(dir, &identity(dir));
        drop(watcher);
    }
}
