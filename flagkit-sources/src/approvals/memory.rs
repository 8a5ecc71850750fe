//! The file of the marks, which outlives the process.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::{
    thread,
    time::{Duration, Instant},
};

use super::marks::Marks;
use crate::file::Access;
use crate::owned_file;

/// The file of the marks of one environment.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    path: PathBuf,
}

/// The size limit in bytes: more than 100,000 flags.
const MAX_LEN: u64 = 16 << 20;

impl Memory {
    /// Uses a file in this folder.
    pub(super) fn new(folder: &Path, environment: &str) -> Self {
        Self { path: folder.join(format!("approvals-{environment}")) }
    }

    /// Returns the marks. There are none if there is no file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, is damaged, or may be written by other users.
    pub(super) fn load(&self) -> io::Result<Marks> {
        let file = match owned_file::open(&self.path, Access::Read, MAX_LEN) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Marks::default()),
            Err(error) => return Err(error),
        };
        let mut text = String::new();
        file.take(MAX_LEN).read_to_string(&mut text)?;
        Marks::parse(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Stores the marks, and those that the file has. For each flag the stricter mark stays.
    pub(super) fn store(&self, mut marks: Marks) -> io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let _lock = lock(folder);
        if let Ok(stored) = self.load() {
            marks.merge(&stored);
        }
        owned_file::replace(&self.path, &[marks.to_text().as_bytes()])
    }

    /// Returns the path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Locks the folder, so that of two processes each keeps the marks of the other.
///
/// Gives up after a second. A stopped process must not keep this one from publishing.
#[cfg(unix)]
fn lock(folder: &Path) -> Option<fs::File> {
    let folder = fs::File::open(folder).ok()?;
    let deadline = Instant::now() + Duration::from_secs(1);
    while rustix::fs::flock(&folder, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
    Some(folder)
}

#[cfg(not(unix))]
fn lock(_: &Path) -> Option<fs::File> {
    None
}
