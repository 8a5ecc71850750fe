//! What was parsed from a file, until the file changes.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// The same limit as programs have for a flag file.
const MAX_LEN: u64 = 8 * 1024 * 1024;

/// A file system may give two writes within this time the same modification time.
const TIME_RESOLUTION: Duration = Duration::from_secs(2);

/// The values parsed from files, by path.
///
/// Each lookup costs one `stat` as long as the file is unchanged. A process that expands macros for hours, as that of an
/// editor does, therefore always has the current value.
pub(super) struct FileCache<T>(Mutex<BTreeMap<PathBuf, Entry<T>>>);

struct Entry<T> {
    /// `None` if the file was so young when it was read that a later write may have the same fingerprint.
    fingerprint: Option<Fingerprint>,
    bytes: Vec<u8>,
    value: T,
}

/// What changes when a file does. Taken before the file is read, so that a write during the read is noticed next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint {
    len: u64,
    modified: SystemTime,
    #[cfg(unix)]
    inode: (u64, u64),
    #[cfg(unix)]
    changed: SystemTime,
}

impl<T: Clone> FileCache<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Returns the value of a file. Calls `parse` only if the contents are new.
    ///
    /// # Errors
    ///
    /// Returns an error if the path is not a regular file, or if the file is too large or cannot be read.
    pub(super) fn get(&self, path: &Path, parse: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let metadata = fs::metadata(path).map_err(|error| match fs::symlink_metadata(path) {
            Ok(_) if error.kind() == io::ErrorKind::NotFound => {
                io::Error::new(error.kind(), "it is a link to a file that does not exist")
            }
            _ => error,
        })?;
        let fingerprint = Fingerprint::of(&metadata)?;
        if let Some(entry) = self.lock().get(path).filter(|entry| entry.fingerprint == Some(fingerprint)) {
            return Ok(entry.value.clone());
        }
        let bytes = read(path, &metadata)?;
        let fingerprint = fingerprint.is_settled().then_some(fingerprint);
        if let Some(entry) = self.lock().get_mut(path).filter(|entry| entry.bytes == bytes) {
            entry.fingerprint = fingerprint;
            return Ok(entry.value.clone());
        }
        let value = parse(&bytes);
        self.lock().insert(path.to_owned(), Entry { fingerprint, bytes, value: value.clone() });
        Ok(value)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Entry<T>>> {
        // Nothing panics while this lock is held, so the map is consistent even if the lock is poisoned.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fingerprint {
    fn of(metadata: &Metadata) -> io::Result<Self> {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        Ok(Self {
            len: metadata.len(),
            modified: metadata.modified()?,
            #[cfg(unix)]
            inode: (metadata.dev(), metadata.ino()),
            // Copying may set an old modification time, but never this one.
            #[cfg(unix)]
            changed: SystemTime::UNIX_EPOCH
                + Duration::new(
                    u64::try_from(metadata.ctime()).unwrap_or(0),
                    u32::try_from(metadata.ctime_nsec()).unwrap_or(0),
                ),
        })
    }

    /// Returns whether a later write changes this fingerprint for certain.
    fn is_settled(&self) -> bool {
        let now = SystemTime::now();
        let is_old = |time: SystemTime| now.duration_since(time).is_ok_and(|age| age > TIME_RESOLUTION);
        let is_settled = is_old(self.modified);
        #[cfg(unix)]
        let is_settled = is_settled && is_old(self.changed);
        is_settled
    }
}

/// Reads a regular file of limited size. Anything else, such as a FIFO, could block the compiler for ever.
fn read(path: &Path, metadata: &Metadata) -> io::Result<Vec<u8>> {
    let other = |reason: String| Err(io::Error::other(reason));
    if metadata.is_dir() {
        return other("got a directory, expected a file".to_owned());
    }
    if !metadata.is_file() {
        return other("expected a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_LEN + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LEN {
        let len = metadata.len().max(MAX_LEN + 1);
        return other(format!("got {len} bytes, expected at most {MAX_LEN}"));
    }
    Ok(bytes)
}
