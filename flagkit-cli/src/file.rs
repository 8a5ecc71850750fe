//! A file on disk: what its path leads to, and its bytes.
//!
//! The command reads only regular files, and a bounded number of bytes. A device may never end, and opening a FIFO may
//! never return.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The most bytes that the command reads. Programs read less, so that a file beyond their limit can still be turned
/// off.
const MAX_LEN: u64 = 256 << 20;

/// The reason why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("there is no such file")]
    Missing,
    #[error("the path is a symbolic link to {0}, which does not exist")]
    DanglingLink(PathBuf),
    #[error("got {0}, expected a regular file")]
    NotRegular(&'static str),
    #[error("the file is too large: got {got} bytes, expected at most {MAX_LEN}")]
    TooLarge { got: u64 },
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ReadError {
    /// Returns whether the path leads to nothing. A link to a missing file is an error of its own.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

/// Returns the bytes of a regular file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let mut file =
        without_blocking(OpenOptions::new().read(true)).open(path).map_err(|error| open_error(path, error))?;
    let metadata = file.metadata()?;
    check_regular(&metadata)?;
    if metadata.len() > MAX_LEN {
        return Err(ReadError::TooLarge { got: metadata.len() });
    }
    let mut bytes = Vec::new();
    (&mut file).take(MAX_LEN + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(got) if got > MAX_LEN => Err(ReadError::TooLarge { got }),
        _ => Ok(bytes),
    }
}

/// Opens a regular file, to append to it. Creates the file if there is none.
pub(crate) fn open_to_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = without_blocking(options.create(true).append(true)).open(path).map_err(|error| {
        // A FIFO without a reader cannot be opened.
        match open_error(path, error) {
            ReadError::Io(error) => error,
            ReadError::Missing => io::ErrorKind::NotFound.into(),
            other => io::Error::other(other),
        }
    })?;
    check_regular(&file.metadata()?).map_err(io::Error::other)?;
    Ok(file)
}

/// Returns an error unless the metadata is that of a regular file.
pub(crate) fn check_regular(metadata: &Metadata) -> Result<(), ReadError> {
    if metadata.is_file() { Ok(()) } else { Err(ReadError::NotRegular(kind(metadata))) }
}

/// Returns the error for a path that cannot be opened.
fn open_error(path: &Path, error: io::Error) -> ReadError {
    if let Some(target) = dangling_target(path) {
        return ReadError::DanglingLink(target);
    }
    match error.kind() {
        io::ErrorKind::NotFound => ReadError::Missing,
        // A socket has a path, but cannot be opened.
        _ => match fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => ReadError::NotRegular(kind(&metadata)),
            _ => ReadError::Io(error),
        },
    }
}

/// Returns the folder of a file.
pub(crate) fn parent_dir(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Returns the target of a symbolic link that leads to nothing.
pub(crate) fn dangling_target(path: &Path) -> Option<PathBuf> {
    let target = fs::read_link(path).ok()?;
    let is_missing = fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    is_missing.then_some(target)
}

/// Makes opening a file of any kind return at once. Opening a FIFO would otherwise wait for another process.
#[cfg(unix)]
fn without_blocking(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::OFlags;
    options.custom_flags(i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default())
}

#[cfg(not(unix))]
fn without_blocking(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Describes a file that is not a regular file.
#[cfg(unix)]
fn kind(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = metadata.file_type();
    match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () if kind.is_char_device() || kind.is_block_device() => "a device",
        () => "a special file",
    }
}

#[cfg(not(unix))]
fn kind(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() { "a directory" } else { "a special file" }
}
