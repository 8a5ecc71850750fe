//! What the tests of files share: a flag file in a directory of its own, and waiting with a deadline.

#![allow(dead_code)] // each test uses a part of it

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flagkit_sources::{Builder, File, Guard, Notify, Start};
use tempfile::TempDir;

/// Far beyond what anything here takes, so that only a hang reaches it.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Looks until the condition holds; panics, saying `what`, when it does not within the [`DEADLINE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(1));
    }
    start.elapsed()
}

/// A directory with, perhaps, a flag file.
pub struct Place {
    dir: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn flags(&self) -> PathBuf {
        self.path("flags.toml")
    }

    /// Writes `flags.toml` in place.
    pub fn write(&self, text: impl AsRef<[u8]>) {
        std::fs::write(self.flags(), text).expect("the file can be written");
    }

    /// Moves a new file over `flags.toml`.
    pub fn replace(&self, text: impl AsRef<[u8]>) {
        let new = self.path(".flags.toml.new");
        std::fs::write(&new, text).expect("the file can be written");
        std::fs::rename(new, self.flags()).expect("the file can be moved");
    }
}

/// A document with one flag.
pub fn document(key: &str, on: bool) -> String {
    format!("[flags]\n{key} = {on}\n")
}

/// Follows a file by events, with the usual poll beneath.
pub fn follow(path: &Path) -> Guard {
    start(File::new(path))
}

/// Follows a file by the poll alone.
pub fn poll(path: &Path, interval: Duration) -> Guard {
    start(File::new(path).notify(Notify::Off).poll_every(interval))
}

pub fn start(file: File) -> Guard {
    Builder::new().source(file).when_broken(Start::Dark).start().expect("starts dark at the worst")
}

pub fn is_on(guard: &Guard, key: &str) -> bool {
    guard.flags().is_on(key, &())
}
