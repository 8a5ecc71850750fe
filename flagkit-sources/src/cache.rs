//! The last good document of a remote source, on disk.
//!
//! # The problem
//!
//! A process that starts while the flag server is away has no flags. What it had before the restart was good; but a
//! file that is written while the machine goes down, or by two processes at once, may be half of something.
//!
//! # The idea
//!
//! One file holds the document, how it came and a digest of all that. It is written next to its place, synced and
//! renamed into it, so that there is always one whole version, whoever is killed while writing. Reading checks the
//! digest; what does not fit is as good as no file.
//!
//! ```text
//! flagkit 1
//! confirmed 01790000060 when the source last said that it still has it; the one line that is written over in place
//! document 9b1f…        XXH3-128 of the document
//! digest 5d0c…          XXH3-128 of everything below this line
//! from https://flags.example.com/flags.toml
//! at 1790000000         when it was accepted, in seconds since 1970
//! format toml
//! tag "5f3a"            absent without one
//!
//! [flags]
//! …
//! ```

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, SystemTime};

use flagkit_core::source::Provenance;
use xxhash_rust::xxh3::xxh3_128;

use crate::document::Format;

/// Keeps the last good document of a remote source on disk.
///
/// Several processes may share the file: each writes whole versions, and the last one wins.
///
/// # Examples
///
/// ```
/// use std::time::SystemTime;
/// use flagkit_core::source::Provenance;
/// use flagkit_sources::document::Format;
/// use flagkit_sources::{Cache, Kept};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("flags.cache");
/// let cache = Cache::new(path, Provenance::new("https://flags.example.com/flags.toml"));
/// let document = b"[flags]\nnew-checkout = true\n".to_vec();
/// cache.keep(&Kept { bytes: document, format: Format::Toml, tag: None, at: SystemTime::now() })?;
/// let kept = cache.load().expect("it was kept");
/// assert!(kept.format.read(&kept.bytes)?.flags().get("new-checkout").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    path: PathBuf,
    from: Provenance,
}

/// A document, and how it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedDocument {
    /// The document.
    pub bytes: Vec<u8>,
    /// What it is written in.
    pub format: Format,
    /// The server's name for this version of it (an `ETag`), if it gave one. One line of text.
    pub tag: Option<String>,
    /// When it was accepted, or last [confirmed](Cache::touch), to the second.
    pub at: SystemTime,
}

const START: &str = "flagkit 1\nconfirmed ";
/// How long the lines are that tell of the document, with the end of the line before, and of all that follows.
const DOCUMENT_LINE: usize = "\ndocument \n".len() + 32;
const DIGEST_LINE: usize = "digest \n".len() + 32;
/// How the names of files end that are being written.
const TEMPORARY: &str = ".tmp";
/// The most that is read: no document is as large.
const MAX_LEN: u64 = 256 << 20;
/// After how long a file that somebody has left half-written may be removed.
const ABANDONED: Duration = Duration::from_secs(600);

impl Cache {
    /// Keeps the document of this source in the file at this path. A file of another source is as good as none.
    pub fn new(path: impl Into<PathBuf>, from: Provenance) -> Self {
        Self { path: path.into(), from }
    }

    /// Returns what was kept last. `None` when there is nothing, or nothing whole, or it is of another source, or it is
    /// of another user (Linux), or others than its owner may write it.
    pub fn load(&self) -> Option<CachedDocument> {
        let file = crate::file::open(&self.path).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || is_open_to_others(&metadata) {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(MAX_LEN).read_to_end(&mut bytes).ok()?;
        self.parse(&bytes)
    }

    /// Keeps a document, in the place of what was kept before.
    ///
    /// The file can be read and written by its owner alone. Its directory has to exist.
    ///
    /// # Errors
    ///
    /// Returns an error when the file cannot be written; what was kept before is still there then.
    pub fn store(&self, kept: &CachedDocument) -> io::Result<()> {
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let name = self.path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
        let prefix = format!(".{name}.");
        // Not the number of the process: those of two containers may be the same.
        let random = RandomState::new().hash_one(process::id());
        let temporary = directory.join(format!("{prefix}{random:016x}{TEMPORARY}"));
        remove_abandoned(directory, &prefix);
        let written = self.write(&temporary, kept).and_then(|()| fs::rename(&temporary, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written?;
        // The name is on disk when its directory is. Not every system can sync one.
        let _ = File::open(directory).and_then(|directory| directory.sync_all());
        Ok(())
    }

    /// Notes that at this time the source still had the document of this digest (XXH3-128). Nothing else is written.
    ///
    /// # Errors
    ///
    /// Returns an error when something else was kept or nothing, or it cannot be written.
    pub fn touch(&self, document: u128, at: SystemTime) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        let confirmed = confirmation(at);
        let document = document_line(document);
        let from = format!("from {}\n", self.from);
        // Up to who it is from, all lines are of one length.
        let mut head = vec![0; START.len() + confirmed.len() + document.len() + DIGEST_LINE + from.len()];
        file.read_exact(&mut head)?;
        let is_it = head.starts_with(START.as_bytes())
            && head.get(START.len() + confirmed.len()..).is_some_and(|rest| rest.starts_with(document.as_bytes()))
            && head.ends_with(from.as_bytes());
        if !is_it {
            return Err(io::ErrorKind::InvalidData.into());
        }
        file.seek(SeekFrom::Start(START.len() as u64))?;
        file.write_all(confirmed.as_bytes())
    }

    /// Removes what was kept, if anything was.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    fn write(&self, path: &Path, kept: &CachedDocument) -> io::Result<()> {
        let rest = self.compose(kept);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let confirmed = confirmation(kept.at);
        let document = document_line(xxh3_128(&kept.bytes));
        file.write_all(format!("{START}{confirmed}{document}digest {:032x}\n", xxh3_128(&rest)).as_bytes())?;
        file.write_all(&rest)?;
        file.sync_all()
    }

    /// Everything that the digest covers.
    fn compose(&self, kept: &CachedDocument) -> Vec<u8> {
        let at = seconds(kept.at);
        let mut head = format!("from {}\nat {at}\nformat {}\n", self.from, kept.format.extension());
        // A tag with a line's end in it would be taken for more than a tag; without it the next question is plain.
        if let Some(tag) = kept.tag.as_deref().filter(|tag| !tag.contains(['\n', '\r'])) {
            head = format!("{head}tag {tag}\n");
        }
        head.push('\n');
        let mut all = head.into_bytes();
        all.extend_from_slice(&kept.bytes);
        all
    }

    fn parse(&self, bytes: &[u8]) -> Option<CachedDocument> {
        let rest = bytes.strip_prefix(START.as_bytes())?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let confirmed = std::str::from_utf8(rest.get(..end)?).ok().and_then(time);
        // With the end of the line before it.
        let (document_line, rest) = (rest.get(end..end + DOCUMENT_LINE)?, rest.get(end + DOCUMENT_LINE..)?);
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let digest = std::str::from_utf8(rest.get(..end)?).ok()?.strip_prefix("digest ")?;
        let rest = rest.get(end + 1..)?;
        if digest != format!("{:032x}", xxh3_128(rest)) {
            return None;
        }
        let end = rest.windows(2).position(|pair| pair == b"\n\n")?;
        let head = std::str::from_utf8(rest.get(..end)?).ok()?;
        let field =
            |name: &str| head.lines().find_map(|line| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' ')));
        if field("from")? != self.from.as_str() {
            return None;
        }
        let at = time(field("at")?)?;
        // One from the future is of a clock that was wrong.
        let at =
            confirmed.filter(|confirmed| *confirmed <= SystemTime::now()).map_or(at, |confirmed| confirmed.max(at));
        let format = Format::from_extension(field("format")?)?;
        let (tag, document) = (field("tag").map(str::to_owned), rest.get(end + 2..)?.to_vec());
        if document_line != self::document_line(xxh3_128(&document)).as_bytes() {
            return None;
        }
        Some(CachedDocument { bytes: document, format, tag, at })
    }
}

/// Removes what writers that were killed have left, when they can no longer be at it.
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

fn document_line(digest: u128) -> String {
    format!("\ndocument {digest:032x}\n")
}

/// Of one length always, so that one can be written over another.
fn confirmation(at: SystemTime) -> String {
    format!("{:011}", seconds(at))
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn time(seconds: &str) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.parse().ok()?))
}

/// Whether others than this process's user may have written it. The superuser may anyway.
#[cfg(unix)]
fn is_open_to_others(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    // The owner of what Linux says of this process is its effective user.
    let user = fs::metadata("/proc/self").map(|process| process.uid());
    let is_of_another = user.is_ok_and(|user| ![user, 0].contains(&metadata.uid()));
    is_of_another || metadata.mode() & 0o022 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &fs::Metadata) -> bool {
    false
}
