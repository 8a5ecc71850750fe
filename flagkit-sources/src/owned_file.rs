//! A file that only the user of this process, or the superuser, can have written.
//!
//! Its folder may be one that other users can write, and its contents may turn flags on. So the file is opened without
//! blocking, and the open file is checked before it is used. A new version is written to a temporary file, synced, and
//! renamed over the old one. So the file always holds one whole version, even if a writer is killed.

use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::Path;
use std::process;
use std::time::Duration;

use crate::file::{self, Access};

/// The suffix of the temporary files.
const TEMPORARY: &str = ".tmp";
/// The age at which a temporary file is removed, because its writer was killed.
const ABANDONED: Duration = Duration::from_secs(600);

/// Opens the file, if it is a regular one of at most `max_len` bytes that only this user or the superuser can have
/// written.
pub(crate) fn open(path: &Path, access: Access, max_len: u64) -> io::Result<File> {
    let file = file::open(path, access)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > max_len {
        return Err(io::ErrorKind::InvalidData.into());
    }
    if is_open_to_others(&metadata) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(file)
}

/// Replaces the file as a whole by these parts. Only the owner can read and write it. Its folder must exist.
pub(crate) fn replace(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
    let prefix = format!(".{name}.");
    // A random name, because the process ids of two containers may be equal.
    let random = RandomState::new().hash_one(process::id());
    let temporary = directory.join(format!("{prefix}{random:016x}{TEMPORARY}"));
    remove_abandoned(directory, &prefix);
    let written = write(&temporary, parts).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    // The rename is durable once the directory is synced. Not every system supports that.
    let _ = file::open(directory, Access::Read).and_then(|directory| directory.sync_all());
    Ok(())
}

fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

/// Removes the temporary files of writers that were killed, once they are old enough.
fn remove_abandoned(directory: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(prefix));
        let is_ours = rest.is_some_and(|rest| rest.strip_suffix(TEMPORARY).is_some());
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if is_ours && age().is_some_and(|age| age > ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Returns whether users other than that of this process, or the superuser, may have written the file.
#[cfg(unix)]
fn is_open_to_others(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    ![user, 0].contains(&owner) || metadata.mode() & 0o022 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Metadata) -> bool {
    false
}
