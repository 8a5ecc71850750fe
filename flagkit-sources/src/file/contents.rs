//! Reading a file that may be anything.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek};
use std::path::Path;
use std::thread;
use std::time::Duration;

use flagkit_core::source::LoadError;
use xxhash_rust::xxh3::xxh3_128;

use super::fingerprint::Fingerprint;

/// The bytes of a regular file, read in one go.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) bytes: Vec<u8>,
    /// Of the file that was read, after reading it.
    pub(super) fingerprint: Fingerprint,
    /// Nobody wrote while it was read, as far as the file system tells.
    pub(super) undisturbed: bool,
    /// What was read, which need not be what the path leads to by now.
    file: fs::File,
}

impl Contents {
    /// Looks a second time, after a while, and tells whether the file that was read still has the same content, also
    /// if another one has taken its place.
    pub(super) fn stays_the_same(&mut self, a_while: Duration) -> bool {
        thread::sleep(a_while);
        let mut again = Vec::with_capacity(self.bytes.len());
        let most = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX).saturating_add(1);
        self.file.rewind().is_ok() && (&mut self.file).take(most).read_to_end(&mut again).is_ok() && again == self.bytes
    }
}

/// What a look at the file found, small enough to remember. Errors are told apart by their message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Bytes(u128),
    Error(u128),
}

impl Digest {
    pub(super) fn of(contents: &Result<Contents, LoadError>) -> Self {
        match contents {
            Ok(contents) => Self::Bytes(xxh3_128(&contents.bytes)),
            Err(error) => Self::Error(xxh3_128(error.to_string().as_bytes())),
        }
    }
}

/// Reads the file.
///
/// Never waits for a writer at the other end, never reads what is no regular file, and never holds more than `max`
/// bytes, whatever the file system says of the size.
pub(super) fn read(path: &Path, max: u64) -> Result<Contents, LoadError> {
    let mut file = open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if path.is_symlink() => {
            LoadError::missing("there is no such file: the link leads nowhere")
        }
        _ => io_error("cannot be opened", error),
    })?;
    let metadata = file.metadata().map_err(|error| io_error("cannot be looked at", error))?;
    if !metadata.is_file() {
        return Err(not_a_file(&metadata));
    }
    if metadata.len() > max {
        return Err(LoadError::new(format!("is too large: {} bytes, the limit is {max}", metadata.len())));
    }
    let before = Fingerprint::of(&metadata);
    // The size may be wrong in either direction: 0 under /proc, anything while somebody writes.
    let mut bytes = Vec::new();
    (&mut file)
        .take(max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| io_error("cannot be read", error))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > max) {
        return Err(LoadError::new(format!("is too large: the limit is {max} bytes")));
    }
    let metadata = file.metadata().map_err(|error| io_error("cannot be looked at", error))?;
    let fingerprint = Fingerprint::of(&metadata);
    Ok(Contents { bytes, undisturbed: fingerprint == before, fingerprint, file })
}

/// Returns the fingerprint of what the path leads to.
pub(super) fn fingerprint(path: &Path) -> Option<Fingerprint> {
    fs::metadata(path).ok().map(|metadata| Fingerprint::of(&metadata))
}

/// Opening a FIFO waits for a writer unless told not to; what was opened is looked at before it is read.
#[cfg(unix)]
pub(crate) fn open(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY).open(path)
}

#[cfg(not(unix))]
pub(crate) fn open(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().read(true).open(path)
}

fn io_error(what: &str, error: io::Error) -> LoadError {
    match error.kind() {
        io::ErrorKind::NotFound => LoadError::missing("there is no such file"),
        io::ErrorKind::IsADirectory => LoadError::new("is a directory, not a file"),
        _ => LoadError::new(format!("{what}: {error}")).with_cause(error),
    }
}

fn not_a_file(metadata: &fs::Metadata) -> LoadError {
    let what = if metadata.is_dir() { "a directory" } else { "a device, pipe or socket" };
    LoadError::new(format!("is {what}, not a file"))
}
