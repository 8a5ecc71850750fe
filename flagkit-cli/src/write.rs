//! Putting one content in the place of another: the old one or the new one is there, never anything else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fs4::FileExt;
use tempfile::NamedTempFile;

use crate::project::{digest, folder};
use crate::report::{Exit, Failure, Result};

/// How long whoever turns something off waits for whoever else of ours is writing.
const PATIENCE: Duration = Duration::from_secs(2);
/// How old a part of a file is that nobody is writing any more.
const ABANDONED: Duration = Duration::from_secs(60);
/// The beginning of the names of files that are being written.
const PREFIX: &str = ".flagkit-write-";

/// The right to write a flag file and its log. Held for as long as a look and a rename take, never while somebody thinks.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    /// Let go of when it is closed, by the system if need be.
    lock: Option<File>,
}

impl Writer {
    /// Waits for whoever else of ours is writing.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| unwritable(path, &error);
        let lock = lock_file(path, "lock").map_err(failed)?;
        FileExt::lock(&lock).map_err(failed)?;
        Ok(Self { path: path.to_owned(), lock: Some(lock) })
    }

    /// Waits for a moment, and goes on: turning something off is held up by nothing.
    pub(crate) fn at_once(path: &Path) -> Self {
        let begin = Instant::now();
        let lock = lock_file(path, "lock").ok().filter(|lock| {
            loop {
                if FileExt::try_lock(lock).is_ok() {
                    return true;
                }
                if begin.elapsed() > PATIENCE {
                    return false;
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        Self { path: path.to_owned(), lock }
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
        // A link stays, and what it leads to is replaced.
        let target = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path).map_err(failed)?,
            _ => path.clone(),
        };
        let folder = folder(&target);
        if self.lock.is_some() {
            sweep(&folder);
        }
        // Its own name says nothing to anybody.
        let unnamed = |error: io::Error| failed(error.kind().into());
        let mut temporary = NamedTempFile::with_prefix_in(PREFIX, &folder).map_err(unnamed)?;
        temporary.write_all(text.as_bytes()).map_err(failed)?;
        match fs::metadata(&target) {
            Ok(metadata) => temporary.as_file().set_permissions(metadata.permissions()).map_err(failed)?,
            Err(_) => readable(temporary.as_file()).map_err(failed)?,
        }
        // Whole on disk before it gets its name.
        temporary.as_file().sync_all().map_err(failed)?;
        temporary.persist(&target).map_err(|error| failed(error.error))?;
        // So that the name survives a crash too. Not every system lets a directory be opened.
        if let Ok(folder) = File::open(&folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// Takes away what runs that were killed have left behind.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let rest = name.strip_prefix(PREFIX);
        let is_ours = rest.is_some_and(|rest| rest.len() == 6 && rest.chars().all(|c| c.is_ascii_alphanumeric()));
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
        if is_ours && age.is_some_and(|age| age > ABANDONED) {
            // Somebody else may have been quicker.
            let _ = fs::remove_file(entry.path());
        }
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
