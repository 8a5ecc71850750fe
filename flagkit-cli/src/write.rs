//! Putting one content in the place of another: the old one or the new one is there, never anything else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use fs4::FileExt;
use tempfile::NamedTempFile;

use crate::outcome::{Exit, Failure, Result};
use crate::project::digest;

/// The right to write a flag file and its log. Held for as long as a look and a rename take, never while somebody thinks.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    /// Let go of when it is closed, by the system if need be.
    _lock: File,
}

impl Writer {
    /// Waits for whoever else of ours is writing.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| unwritable(path, &error);
        let lock = lock_file(path, "lock").map_err(failed)?;
        FileExt::lock(&lock).map_err(failed)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Writes the new content if the file still has the content that is known by `expected`; `None`: if there is no file.
    pub(crate) fn replace(&self, expected: Option<&str>, text: &str) -> Result<()> {
        let path = &self.path;
        let failed = |error: io::Error| unwritable(path, &error);
        let now = match fs::read(path) {
            Ok(bytes) => Some(digest(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        if now.as_deref() != expected {
            return Err(changed(path));
        }
        let folder = folder(path);
        let mut temporary = NamedTempFile::with_prefix_in(".flagkit-", &folder).map_err(failed)?;
        temporary.write_all(text.as_bytes()).map_err(failed)?;
        match fs::metadata(path) {
            Ok(metadata) => temporary.as_file().set_permissions(metadata.permissions()).map_err(failed)?,
            Err(_) => readable(temporary.as_file()).map_err(failed)?,
        }
        // Whole on disk before it gets its name.
        temporary.as_file().sync_all().map_err(failed)?;
        temporary.persist(path).map_err(|error| failed(error.error))?;
        // So that the name survives a crash too. Not every system lets a directory be opened.
        if let Ok(folder) = File::open(&folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    /// The file that may be written.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::io(format!("{}: cannot be written: {error}", path.display()))
}

/// As files are that are made in the ordinary way.
#[cfg(unix)]
fn readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &File) -> io::Result<()> {
    Ok(())
}

/// The approval was of another content.
pub(crate) fn changed(path: &Path) -> Failure {
    Failure::new(Exit::Conflict, format!("{} changed meanwhile; nothing was written", path.display()))
        .with_help("look at it again, and start again")
}

/// A file in the folder `.flagkit` beside the flag file, for a lock.
pub(crate) fn lock_file(path: &Path, name: &str) -> io::Result<File> {
    let folder = state_folder(path);
    if !folder.exists() {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(".gitignore"), "# The log is worth keeping; locks are not.\n*lock\n")?;
    }
    OpenOptions::new().create(true).append(true).open(folder.join(name))
}

/// Where the log and the locks are: beside the flag file.
pub(crate) fn state_folder(path: &Path) -> PathBuf {
    folder(path).join(".flagkit")
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
