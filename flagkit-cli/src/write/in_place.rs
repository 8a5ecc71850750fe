//! Rewriting a file in place, so that a crash loses nothing.
//!
//! # The problem
//!
//! A rename replaces a file at once, but gives the new file another inode. Other hard links keep the old content, and
//! the owner may change. It also needs a folder that can be written. A write in place has none of these limits, but a
//! process that is killed in the middle leaves a mix of both contents.
//!
//! # The idea
//!
//! ```text
//! copy (both contents, synced) ─▶ overwrite the file ─▶ sync ─▶ remove the copy
//! ```
//!
//! The next run finds the copy. If the file is a mix of both contents, it completes the change if that narrows, and
//! else restores the old content. If the file is anything else, another program wrote it since, and it stays.
//!
//! The writer locks the copy while it writes, so that another run does not take a write in progress for an interrupted
//! one.
//!
//! # Limits
//!
//! A copy is written beside the file, or in `.flagkit`, or in a private folder of the user. If none of these can be
//! written, the file is overwritten without a copy.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use fs4::FileExt;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::state_folder;
use crate::file::parent_dir;
use crate::project::digest;

/// The prefix of the names of copies.
const PREFIX: &str = ".flagkit-copy-";

/// What the next run does if the write is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnInterruption {
    /// Completes the change, because it narrows.
    Complete,
    /// Restores the old content, because the change may widen.
    Restore,
}

/// Replaces the content `old` of a file with `new`, in place.
pub(super) fn rewrite(target: &Path, old: &[u8], new: &[u8], on_interruption: OnInterruption) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(target)?;
    let copy = Copy::create(target, old, new, on_interruption);
    let written = overwrite(&mut file, old.len(), new);
    if written.is_err() {
        // A full disk rejects new blocks, and accepts the old content in the old ones.
        overwrite(&mut file, old.len().max(new.len()), old)?;
    }
    if let Some(copy) = copy {
        copy.remove();
    }
    written
}

/// Overwrites a file that has `len` bytes.
///
/// A file that becomes shorter is first padded with line ends. It is valid at each moment, unless the write itself is
/// interrupted.
fn overwrite(file: &mut File, len: usize, new: &[u8]) -> io::Result<()> {
    let mut padded = new.to_vec();
    padded.resize(len.max(new.len()), b'\n');
    file.rewind()?;
    file.write_all(&padded)?;
    file.set_len(u64::try_from(new.len()).unwrap_or(u64::MAX))?;
    file.sync_all()
}

/// The first line of a copy. The old content and the new content follow it.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// The path of the file that is written.
    path: PathBuf,
    old_len: usize,
    new_len: usize,
    on_interruption: OnInterruption,
    /// The digest of both contents. It reveals an incomplete copy.
    digest: String,
}

/// Both contents of a file that is being written, in another file. The file is locked while this value exists.
#[derive(Debug)]
struct Copy {
    path: PathBuf,
    _lock: File,
}

impl Copy {
    /// Writes a copy to the first folder that can be written. Returns `None` if there is no such folder.
    fn create(target: &Path, old: &[u8], new: &[u8], on_interruption: OnInterruption) -> Option<Self> {
        let contents = [old, new].concat();
        let path = fs::canonicalize(target).ok()?;
        let digest = digest(&contents);
        let header = Header { path, old_len: old.len(), new_len: new.len(), on_interruption, digest };
        let bytes = [serde_json::to_vec(&header).ok()?, b"\n".to_vec(), contents].concat();
        locations(target).iter().find_map(|path| Self::write(path, &bytes).ok())
    }

    fn write(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let folder = parent_dir(path);
        let mut file = NamedTempFile::with_prefix_in(super::PREFIX, &folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        let lock = file.as_file().try_clone()?;
        FileExt::lock(&lock)?;
        file.persist(path).map_err(|error| error.error)?;
        if let Ok(folder) = File::open(&folder) {
            let _ = folder.sync_all();
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    fn remove(self) {
        // The next run removes it otherwise: by then the file has one of the two contents.
        let _ = fs::remove_file(&self.path);
    }
}

/// Completes or undoes a write of this file that was interrupted.
pub(crate) fn finish_interrupted(path: &Path) {
    let Ok(target) = fs::canonicalize(path) else { return };
    for copy in locations(&target) {
        if let Some(file) = open_copy(&copy, &target) {
            // An incomplete copy says that the write had not begun.
            let _ = finish(&file, &target);
            let _ = fs::remove_file(&copy);
        }
    }
}

/// Opens and locks a copy. Returns `None` if there is none, if its writer still runs, or if it is not ours to use.
fn open_copy(copy: &Path, target: &Path) -> Option<File> {
    let metadata = fs::symlink_metadata(copy).ok()?;
    // Opening a FIFO would wait for another process.
    let file = metadata.is_file().then(|| File::open(copy).ok())??;
    let is_ours = is_trusted(&file, target);
    (is_ours && FileExt::try_lock(&file).is_ok()).then_some(file)
}

/// Brings a file that is a mix of both contents into one of them.
fn finish(mut copy: &File, target: &Path) -> io::Result<()> {
    let mut bytes = Vec::new();
    copy.read_to_end(&mut bytes)?;
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (header, contents) = bytes.split_at(end);
    let contents = contents.get(1..).unwrap_or_default();
    let header: Header = serde_json::from_slice(header)?;
    let is_complete = header.path == target && header.digest == digest(contents);
    let (Some((old, new)), true) = (contents.split_at_checked(header.old_len), is_complete) else { return Ok(()) };
    let now = fs::read(target)?;
    if now == old || now == new || !is_mix(&now, old, new) {
        return Ok(());
    }
    let content = match header.on_interruption {
        OnInterruption::Complete => new,
        OnInterruption::Restore => old,
    };
    overwrite(&mut OpenOptions::new().write(true).open(target)?, now.len(), content)
}

/// Returns whether each byte of a file is from one of two contents, or from the padding between them.
fn is_mix(now: &[u8], old: &[u8], new: &[u8]) -> bool {
    let is_len = (old.len().min(new.len())..=old.len().max(new.len())).contains(&now.len());
    is_len
        && now.iter().enumerate().all(|(at, byte)| {
            let is_padding = at >= new.len() && *byte == b'\n';
            // After a power failure, a block that was not written yet is read as zeros.
            old.get(at) == Some(byte) || new.get(at) == Some(byte) || is_padding || *byte == 0
        })
}

/// The paths at which the copy of a file may be, in the order in which they are tried.
fn locations(target: &Path) -> Vec<PathBuf> {
    let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let beside = [parent_dir(&target), state_folder(&target)].map(|folder| folder.join(format!("{PREFIX}{name}")));
    // Names in a folder for all files of a user have the digest of the whole path.
    let hash = digest(target.as_os_str().as_encoded_bytes());
    let private = private_folder().map(|folder| folder.join(format!("{PREFIX}{hash}")));
    beside.into_iter().chain(private).collect()
}

/// Returns a folder for the state of this user's programs, and creates it.
pub(super) fn private_folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    let of_home = state.map(|state| state.join("flagkit"));
    let of_system = std::env::temp_dir().join(format!("flagkit-{}", user()));
    of_home.into_iter().chain([of_system]).find(|folder| create_private(folder).is_ok())
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn user() -> &'static str {
    "state"
}

/// Creates a folder that only this user can access. Fails if another user owns it or can write to it.
#[cfg(unix)]
fn create_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let metadata = fs::symlink_metadata(folder)?;
    let is_private = metadata.is_dir() && metadata.uid() == user() && metadata.mode() & 0o022 == 0;
    if is_private { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

#[cfg(not(unix))]
fn create_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Returns whether a copy was written by this user, by the owner of the file, or by the system's administrator.
///
/// In a folder like `/tmp`, every user can create a file, and its content must not become that of the flag file.
#[cfg(unix)]
fn is_trusted(copy: &File, target: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let owner = fs::metadata(target).map(|metadata| metadata.uid());
    copy.metadata().is_ok_and(|copy| {
        copy.is_file() && (copy.uid() == user() || copy.uid() == 0 || owner.is_ok_and(|owner| owner == copy.uid()))
    })
}

#[cfg(not(unix))]
fn is_trusted(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "[flags]\nx = \"12.345%\"\ny = true\n";
    const NEW: &str = "[flags]\nx = false\ny = true\n";

    /// The contents that a write from `old` to `new` leaves if it is interrupted.
    fn interrupted(old: &str, new: &str) -> Vec<Vec<u8>> {
        let mut padded = new.as_bytes().to_vec();
        padded.resize(old.len().max(new.len()), b'\n');
        (0..=padded.len()).map(|at| [&padded[..at], old.as_bytes().get(at..).unwrap_or_default()].concat()).collect()
    }

    #[test]
    fn an_interrupted_write_is_completed_or_undone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = fs::canonicalize(folder.path()).expect("a folder").join("flags.toml");
        for (old, new) in [(OLD, NEW), (NEW, OLD)] {
            for (on_interruption, after) in [(OnInterruption::Complete, new), (OnInterruption::Restore, old)] {
                for content in interrupted(old, new) {
                    fs::write(&path, old).expect("a file");
                    let copy = Copy::create(&path, old.as_bytes(), new.as_bytes(), on_interruption).expect("a copy");
                    fs::write(&path, &content).expect("a file");
                    finish_interrupted(&path);
                    assert_eq!(fs::read(&path).expect("a file"), content, "its writer still runs");
                    assert!(copy.path.exists());
                    drop(copy);
                    finish_interrupted(&path);
                    let now = fs::read_to_string(&path).expect("a file");
                    let is_whole = [old, new].iter().any(|whole| content == whole.as_bytes());
                    assert!(now == after || is_whole && now.as_bytes() == content, "{content:?}: {now}");
                    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "the copy is removed");
                }
            }
        }
    }

    #[test]
    fn later_changes_and_incomplete_copies_are_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = fs::canonicalize(folder.path()).expect("a folder").join("flags.toml");
        let edited = "[flags]\nx = false\ny = false\nz = true\n";
        fs::write(&path, OLD).expect("a file");
        drop(Copy::create(&path, OLD.as_bytes(), NEW.as_bytes(), OnInterruption::Complete));
        fs::write(&path, edited).expect("a file");
        finish_interrupted(&path);
        assert_eq!(fs::read_to_string(&path).expect("a file"), edited);

        fs::write(&path, OLD).expect("a file");
        let copy = Copy::create(&path, OLD.as_bytes(), NEW.as_bytes(), OnInterruption::Complete).expect("a copy");
        let (location, bytes) = (copy.path.clone(), fs::read(&copy.path).expect("a copy"));
        drop(copy);
        let torn = &interrupted(OLD, NEW)[12];
        for end in 0..bytes.len() {
            fs::write(&path, torn).expect("a file");
            fs::write(&location, &bytes[..end]).expect("a copy");
            finish_interrupted(&path);
            assert_eq!(&fs::read(&path).expect("a file"), torn, "the copy has {end} bytes");
            assert!(!location.exists());
        }
    }

    #[test]
    fn each_moment_of_a_shorter_write_is_valid_except_within_the_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flags.toml");
        fs::write(&path, OLD).expect("a file");
        rewrite(&path, OLD.as_bytes(), NEW.as_bytes(), OnInterruption::Complete).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("a file"), NEW);
        let padded = interrupted(OLD, NEW).pop().expect("the last");
        let read = |text: &[u8]| flagkit_sources::document::Format::Toml.read(text).expect("valid").flags().len();
        assert_eq!(read(&padded), read(NEW.as_bytes()));
    }
}
