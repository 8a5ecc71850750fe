//! Atomic replacement of a file: a reader gets either the old content or the new content.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fs4::FileExt;
use tempfile::NamedTempFile;

use crate::project::{digest, parent_dir};
use crate::report::{Exit, Failure, Result};

/// The time that an emergency change waits for another `flagkit` process that is writing.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// The age after which a temporary file counts as abandoned.
const ABANDONED: Duration = Duration::from_secs(60);
/// The prefix of the names of temporary files.
const PREFIX: &str = ".flagkit-write-";

/// The lock for writing a flag file and its log.
///
/// A process holds it for a read and a rename, never while a user decides.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    /// The lock file. Closing it releases the lock, and the system closes it if the process dies.
    lock: Option<File>,
}

impl Writer {
    /// Waits until no other `flagkit` process is writing.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| unwritable(path, &error);
        let lock = lock_file(path, "lock").map_err(failed)?;
        FileExt::lock(&lock).map_err(failed)?;
        Ok(Self { path: path.to_owned(), lock: Some(lock) })
    }

    /// Waits at most [`LOCK_TIMEOUT`] for the lock, and then continues without it. Nothing may block turning a flag off.
    pub(crate) fn try_lock(path: &Path) -> Self {
        let begin = Instant::now();
        let lock = lock_file(path, "lock").ok().filter(|lock| {
            loop {
                if FileExt::try_lock(lock).is_ok() {
                    return true;
                }
                if begin.elapsed() > LOCK_TIMEOUT {
                    return false;
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        Self { path: path.to_owned(), lock }
    }

    /// Replaces the content if the digest of the file is still `expected`. `None` expects that there is no file.
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
        // A symbolic link stays, and its target is replaced.
        let target = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path).map_err(failed)?,
            _ => path.clone(),
        };
        let folder = parent_dir(&target);
        if self.lock.is_some() {
            remove_stale(&folder);
        }
        // The message omits the name of the temporary file, which is random.
        let unnamed = |error: io::Error| failed(error.kind().into());
        let mut temporary = NamedTempFile::with_prefix_in(PREFIX, &folder).map_err(unnamed)?;
        temporary.write_all(text.as_bytes()).map_err(failed)?;
        match fs::metadata(&target) {
            Ok(metadata) => temporary.as_file().set_permissions(metadata.permissions()).map_err(failed)?,
            Err(_) => make_readable(temporary.as_file()).map_err(failed)?,
        }
        // The content must be on disk before the file gets its name.
        temporary.as_file().sync_all().map_err(failed)?;
        temporary.persist(&target).map_err(|error| failed(error.error))?;
        // Syncing the directory makes the name survive a crash. Some systems cannot open a directory.
        if let Ok(folder) = File::open(&folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// Deletes temporary files of processes that were killed.
fn remove_stale(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let rest = name.strip_prefix(PREFIX);
        let is_ours = rest.is_some_and(|rest| rest.len() == 6 && rest.chars().all(|c| c.is_ascii_alphanumeric()));
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
        if is_ours && age.is_some_and(|age| age > ABANDONED) {
            // Another process may have deleted it already.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::io(format!("{}: cannot be written: {error}", path.display()))
}

/// Sets the permissions that a new file usually has.
#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> io::Result<()> {
    Ok(())
}

/// Returns the failure for a file that changed after its content was approved.
pub(crate) fn changed(path: &Path) -> Failure {
    Failure::new(Exit::Conflict, format!("{} changed meanwhile; nothing was written", path.display()))
        .with_help("review the file, and run the command again")
}

/// Opens a lock file in the folder `.flagkit` next to the flag file.
pub(crate) fn lock_file(path: &Path, name: &str) -> io::Result<File> {
    let folder = state_folder(path);
    if !folder.exists() {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(".gitignore"), "# The log is worth keeping; locks are not.\n*lock\n")?;
    }
    OpenOptions::new().create(true).append(true).open(folder.join(name))
}

/// Returns the folder of the log and the locks, next to the flag file.
pub(crate) fn state_folder(path: &Path) -> PathBuf {
    parent_dir(path).join(".flagkit")
}
