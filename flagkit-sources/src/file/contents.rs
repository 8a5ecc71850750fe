//! Reads a file, whatever its path leads to.
//!
//! # The problem
//!
//! A path that should lead to a flag file may lead to anything: a pipe that blocks, a device without an end, a
//! directory, or a file of many gigabytes. And a file may change while it is read.
//!
//! # How it works
//!
//! The file is opened without blocking. Type and size are checked after that, on the open file: the path may lead to
//! another file by now, but the descriptor does not. At most `max` bytes are kept, whatever size the file system
//! reports.
//!
//! The fingerprints before and after the read show whether a write fell between the two. A caller reads again then.
//!
//! # Limits
//!
//! A read of a network file system may block for as long as its server does not respond. The flags are read meanwhile
//! as before, because only the thread of this source waits.

use std::fs;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::thread;
use std::time::Duration;

use flagkit_core::source::LoadError;
use xxhash_rust::xxh3::xxh3_128;

use super::fingerprint::Fingerprint;
use crate::document;

/// The bytes of a regular file, from a single read.
///
/// [`read`] makes it, and a check in `follow` consumes it: first its [`Digest`], then the bytes, if they are new.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) bytes: Vec<u8>,
    /// The fingerprint of the open file, taken after the read.
    pub(super) fingerprint: Fingerprint,
    /// Whether the file system reports no write between the begin and the end of the read.
    pub(super) read_atomically: bool,
    /// The open file. By now the path may lead to another one.
    file: fs::File,
}

impl Contents {
    /// Waits for `delay`, then returns whether the file that was read still has the same contents.
    ///
    /// It reads the open file, also if another file has replaced it under its path.
    pub(super) fn is_stable(&mut self, delay: Duration) -> bool {
        thread::sleep(delay);
        let mut again = Vec::with_capacity(self.bytes.len());
        let max = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX).saturating_add(1);
        self.file.rewind().is_ok() && (&mut self.file).take(max).read_to_end(&mut again).is_ok() && again == self.bytes
    }
}

/// The hash of what a read returned: of the text without regard to its line ends, or of the error's message.
///
/// The state of a file keeps it instead of the bytes, to detect new contents and new errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Bytes(u128),
    Error(u128),
}

impl Digest {
    /// Returns the hash of the bytes or of the error. A collision of 128 bits is not expected to happen.
    pub(super) fn of(contents: &Result<Contents, LoadError>) -> Self {
        match contents {
            Ok(contents) => Self::Bytes(document::digest(&contents.bytes)),
            Err(error) => Self::Error(xxh3_128(error.to_string().as_bytes())),
        }
    }
}

/// Reads the file.
///
/// It never blocks on a pipe, reads only regular files, and holds at most `max` bytes, whatever size the file system
/// reports.
pub(super) fn read(path: &Path, max: u64) -> Result<Contents, LoadError> {
    let mut file = open(path, Access::Read).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if path.is_symlink() => {
            LoadError::missing("there is no such file: the path is a symbolic link to a missing file")
        }
        _ => io_error("cannot open the file", error),
    })?;
    let metadata = file.metadata().map_err(|error| io_error("cannot read the metadata of the file", error))?;
    if !metadata.is_file() {
        return Err(not_a_file(&metadata));
    }
    if metadata.len() > max {
        let message = format!("the file is too large: got {} bytes, expected at most {max}", metadata.len());
        return Err(LoadError::new(message));
    }
    let before = Fingerprint::of(&metadata);
    // The reported size may be wrong: it is 0 under /proc, and it changes during a write.
    let mut bytes = Vec::new();
    (&mut file)
        .take(max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| io_error("cannot read the file", error))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > max) {
        return Err(LoadError::new(format!(
            "the file is too large: got more than its metadata reports, expected at most {max} bytes"
        )));
    }
    let metadata = file.metadata().map_err(|error| io_error("cannot read the metadata of the file", error))?;
    let fingerprint = Fingerprint::of(&metadata);
    Ok(Contents { bytes, read_atomically: fingerprint == before, fingerprint, file })
}

/// Returns the fingerprint of the file that the path leads to. Does not open it.
pub(super) fn fingerprint(path: &Path) -> Option<Fingerprint> {
    fs::metadata(path).ok().map(|metadata| Fingerprint::of(&metadata))
}

/// What an open file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    /// To read it, and to overwrite parts of it in place.
    ReadWrite,
}

/// Opens a file of any type without blocking, and creates none.
///
/// Opening a FIFO blocks until it has another end, unless `O_NONBLOCK` is set. The caller checks the type before it
/// reads or writes: a read of a FIFO may block, and a write to a device may do anything.
#[cfg(unix)]
pub(crate) fn open(path: &Path, access: Access) -> io::Result<fs::File> {
    use rustix::fs::{Mode, OFlags};
    let access = match access {
        Access::Read => OFlags::RDONLY,
        Access::ReadWrite => OFlags::RDWR,
    };
    let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?.into())
}

#[cfg(not(unix))]
pub(crate) fn open(path: &Path, access: Access) -> io::Result<fs::File> {
    fs::OpenOptions::new().read(true).write(access == Access::ReadWrite).open(path)
}

/// Returns the load error for an error of the system. `what` completes the message unless the kind has its own.
fn io_error(what: &str, error: io::Error) -> LoadError {
    match error.kind() {
        io::ErrorKind::NotFound => LoadError::missing("there is no such file"),
        io::ErrorKind::IsADirectory => LoadError::new("got a directory, expected a file"),
        _ => LoadError::new(format!("{what}: {error}")).with_cause(error),
    }
}

/// Returns the load error for a directory, a device, a pipe or a socket.
fn not_a_file(metadata: &fs::Metadata) -> LoadError {
    let what = if metadata.is_dir() { "a directory" } else { "a device, pipe or socket" };
    LoadError::new(format!("got {what}, expected a file"))
}
