//! Replacement of a file, so that a reader gets the old content or the new content.
//!
//! A new file is renamed over the old one if it can have the same owner, group, mode and extended attributes. Otherwise
//! the old file is rewritten in place: if it has several hard links, if the folder cannot be written, if the file is
//! mounted by itself, or if the new file would lose an attribute.
//!
//! - `attributes`: the owner, group, mode and extended attributes of a file.
//! - `in_place`: the rewriting in place, and its completion after a crash.

mod attributes;
mod in_place;

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fs4::FileExt;
use jiff::Timestamp;
use tempfile::NamedTempFile;

use self::attributes::{Attributes, Lost};
use self::in_place::OnInterruption;
pub(crate) use self::in_place::finish_interrupted;
use self::in_place::private_folder;
use crate::file::{self, ReadError, check_regular, parent_dir, read};
use crate::project::{digest, unreadable};
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
    /// The lock file beside the path, and the flag file itself, which may have several paths. Closing them releases
    /// the locks, and the system closes them if the process dies.
    locks: Vec<File>,
    on_interruption: OnInterruption,
}

/// The result of a replacement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Replaced {
    /// The file has its new content, and everything else is unchanged.
    Whole,
    /// The file has its new content, but lost what this text names. Every user who could read it still can.
    Without(String),
}

impl Writer {
    /// Waits until no other `flagkit` process is writing.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| unwritable(path, &error);
        let lock = lock_file(path, "lock").map_err(failed)?;
        FileExt::lock(&lock).map_err(failed)?;
        let of_file = lock_flag_file(path, |file| FileExt::lock(file).is_ok());
        finish_interrupted(path);
        let locks = [Some(lock), of_file].into_iter().flatten().collect();
        Ok(Self { path: path.to_owned(), locks, on_interruption: OnInterruption::Restore })
    }

    /// Waits at most [`LOCK_TIMEOUT`] for the locks, and then continues without them. Nothing may block turning a flag
    /// off.
    ///
    /// The changes of this writer must narrow: an interrupted one is completed later.
    pub(crate) fn try_lock(path: &Path) -> Self {
        let begin = Instant::now();
        let is_locked = |file: &File| {
            loop {
                if FileExt::try_lock(file).is_ok() {
                    return true;
                }
                if begin.elapsed() > LOCK_TIMEOUT {
                    return false;
                }
                thread::sleep(Duration::from_millis(5));
            }
        };
        let lock = lock_file(path, "lock").ok().filter(is_locked);
        let of_file = lock_flag_file(path, is_locked);
        finish_interrupted(path);
        let locks = [lock, of_file].into_iter().flatten().collect();
        Self { path: path.to_owned(), locks, on_interruption: OnInterruption::Complete }
    }

    /// Returns whether no other `flagkit` process is writing.
    pub(crate) fn is_locked(&self) -> bool {
        !self.locks.is_empty()
    }

    /// Replaces the content if the digest of the file is still `expected`. `None` expects that there is no file.
    pub(crate) fn replace(&self, expected: Option<&str>, text: &str) -> Result<Replaced> {
        let path = &self.path;
        let old = match read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(unreadable(path, &error)),
        };
        if old.as_deref().map(digest).as_deref() != expected {
            return Err(changed(path));
        }
        let failed = |error: io::Error| unwritable(path, &error);
        // A symbolic link stays, and its target is replaced.
        let target = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path).map_err(failed)?,
            _ => path.clone(),
        };
        if !self.locks.is_empty() {
            remove_stale(&parent_dir(&target));
        }
        match old {
            None => create(&target, text).map_err(failed).map(|()| Replaced::Whole),
            Some(old) => self.overwrite(&target, &old, text),
        }
    }

    /// Replaces the content of a file that exists.
    fn overwrite(&self, target: &Path, old: &[u8], text: &str) -> Result<Replaced> {
        let path = &self.path;
        let failed = |error: io::Error| unwritable(path, &error);
        let file = File::open(target).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        check_regular(&metadata).map_err(|error: ReadError| unreadable(path, &error))?;
        let renamed = if links(&metadata) > 1 { Ok(Err(None)) } else { rename_over(&file, target, text) };
        let not_renamed = match renamed {
            Ok(Ok(())) => return Ok(Replaced::Whole),
            Ok(Err(lost)) => Ok(lost),
            Err(error) => Err(error),
        };
        let Err(error) = in_place::rewrite(target, old, text.as_bytes(), self.on_interruption) else {
            return Ok(Replaced::Whole);
        };
        match not_renamed {
            Err(error) => Err(failed(error)),
            Ok(None) => Err(failed(error)),
            // Everyone can read the file, so the new one reaches the same programs.
            Ok(Some((lost, new))) if self.on_interruption == OnInterruption::Complete && is_public(&metadata) => {
                persist(new, target).map_err(failed)?;
                Ok(Replaced::Without(lost.to_string()))
            }
            Ok(Some((lost, _))) => {
                let message = format!("cannot write {}: {lost}; nothing was written", path.display());
                Err(Failure::io(message)
                    .with_help("run the command as the owner of the file, or as root")
                    .with_details([format!("cannot write it in place: {error}")]))
            }
        }
    }
}

/// Locks the flag file itself, so that writers through links, or without permission for the folder, wait too.
///
/// Another writer may replace the file while this one waits. The new file must then be locked.
#[cfg(unix)]
fn lock_flag_file(path: &Path, is_locked: impl Fn(&File) -> bool) -> Option<File> {
    use std::os::unix::fs::MetadataExt as _;
    loop {
        let file = File::open(path).ok()?;
        if !is_locked(&file) {
            return None;
        }
        let [locked, named] = [file.metadata().ok()?, fs::metadata(path).ok()?];
        if (locked.dev(), locked.ino()) == (named.dev(), named.ino()) {
            return Some(file);
        }
    }
}

/// Locks nothing, because a locked file could not be read.
#[cfg(not(unix))]
fn lock_flag_file(_: &Path, _: impl Fn(&File) -> bool) -> Option<File> {
    None
}

/// A new file that lost an attribute, and which one.
type Incomplete = Option<(Lost, NamedTempFile)>;

/// Renames a new file over the old one, unless the new file would lose an attribute.
fn rename_over(old: &File, target: &Path, text: &str) -> io::Result<std::result::Result<(), Incomplete>> {
    let attributes = Attributes::of(old)?;
    let new = write_beside(target, text)?;
    match attributes.give_to(new.as_file())? {
        Ok(()) => persist(new, target).map(Ok),
        Err(lost) => Ok(Err(Some((lost, new)))),
    }
}

/// Creates a file with the permissions that a new file usually has.
pub(crate) fn create(target: &Path, text: &str) -> io::Result<()> {
    let file = write_beside(target, text)?;
    make_readable(file.as_file())?;
    persist(file, target)
}

/// Writes a temporary file next to a file.
fn write_beside(target: &Path, text: &str) -> io::Result<NamedTempFile> {
    // The message omits the name of the temporary file, which is random.
    let unnamed = |error: io::Error| io::Error::from(error.kind());
    let mut temporary = NamedTempFile::with_prefix_in(PREFIX, parent_dir(target)).map_err(unnamed)?;
    temporary.write_all(text.as_bytes())?;
    Ok(temporary)
}

/// Gives a temporary file its name.
fn persist(temporary: NamedTempFile, target: &Path) -> io::Result<()> {
    // The content must be on disk before the file gets its name.
    temporary.as_file().sync_all()?;
    temporary.persist(target).map_err(|error| error.error)?;
    // Syncing the directory makes the name survive a crash. Some systems cannot open a directory.
    if let Ok(folder) = File::open(parent_dir(target)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Deletes temporary files of processes that were killed.
pub(crate) fn remove_stale(folder: &Path) {
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

/// Returns the number of hard links of a file.
#[cfg(unix)]
fn links(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

#[cfg(not(unix))]
fn links(_: &Metadata) -> u64 {
    1
}

/// Returns whether every user can read a file.
#[cfg(unix)]
fn is_public(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o444 == 0o444
}

#[cfg(not(unix))]
fn is_public(_: &Metadata) -> bool {
    true
}

/// Saves bytes in a new file next to a file. Returns its path.
///
/// No environment can have a file of this name. If the folder cannot be written, another one is used.
pub(crate) fn save(path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let folders = [Some(PathBuf::new()), Some(PathBuf::from(".flagkit")), private_folder()];
    let mut result = Err(io::ErrorKind::PermissionDenied.into());
    for folder in folders.into_iter().flatten() {
        // Only the private folder has an absolute path, which replaces the folder of the file.
        let folder = path.parent().unwrap_or(Path::new("")).join(folder);
        let file = |n: u32| {
            let suffix = if n == 1 { String::new() } else { format!("-{n}") };
            folder.join(format!("{name}.broken-{now}{suffix}"))
        };
        result = (1..=u32::MAX).find_map(|n| write_new(path, file(n), bytes)).unwrap_or(result);
        if result.is_ok() {
            break;
        }
    }
    result.map_err(|error: io::Error| Failure::io(format!("cannot save the old text of {}: {error}", path.display())))
}

/// Writes a new file with the permissions of another one. Returns `None` if the file exists already.
fn write_new(like: &Path, new: PathBuf, bytes: &[u8]) -> Option<io::Result<PathBuf>> {
    match OpenOptions::new().write(true).create_new(true).open(&new) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
        file => Some(file.and_then(|mut file| {
            if let Ok(metadata) = fs::metadata(like) {
                file.set_permissions(metadata.permissions())?;
            }
            file.write_all(bytes)?;
            file.sync_all()?;
            Ok(new)
        })),
    }
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
    file::open_to_append(&folder.join(name))
}

/// Returns the folder of the log and the locks, next to the flag file.
pub(crate) fn state_folder(path: &Path) -> PathBuf {
    parent_dir(path).join(".flagkit")
}
