//! Stores the last good document of a remote source on disk.
//!
//! # The problem
//!
//! A process that starts while the flag server is down has no flags, although it had good ones before the restart. A
//! file keeps them, but a crash during a write, or two processes that write at once, may leave half a file.
//!
//! # The idea
//!
//! One file holds the document, where it came from, and a digest of both. A new version replaces the old one as a whole.
//! A read checks the digest, and ignores a file that does not match.
//!
//! The directory may be one that other users can write, and a document may turn flags on. So the file must be a regular
//! file of this user or the superuser, that no other user may write, and not too large; see `owned_file`.
//!
//! ```text
//! flagkit 1
//! confirmed 01790000060 when the source last confirmed it; the only line that is overwritten in place
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

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use flagkit_core::source::Provenance;
use xxhash_rust::xxh3::xxh3_128;

use crate::document::Format;
use crate::file::Access;
use crate::owned_file;

/// Stores the last good document of a remote source in a file.
///
/// A source owns one. It [loads](Cache::load) the document at the start if it cannot reach the server, and
/// [stores](Cache::store) each document that it accepts. `Http` does so by itself; a custom source may use one too.
///
/// Several processes may share the file: each writes whole versions, and the last one wins.
///
/// # Examples
///
/// ```
/// use std::time::SystemTime;
/// use flagkit_core::source::Provenance;
/// use flagkit_sources::document::Format;
/// use flagkit_sources::{Cache, CachedDocument};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("flags.cache");
/// let cache = Cache::new(path, Provenance::new("https://flags.example.com/flags.toml"));
/// let document = b"[flags]\nnew-checkout = true\n".to_vec();
/// cache.store(&CachedDocument { bytes: document, format: Format::Toml, tag: None, at: SystemTime::now() })?;
/// let cached = cache.load().expect("it was stored");
/// assert!(cached.format.read(&cached.bytes)?.flags().get("new-checkout").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    path: PathBuf,
    from: Provenance,
}

/// A document, and where it came from.
///
/// A source passes it to [`Cache::store`], and [`Cache::load`] returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedDocument {
    /// The document.
    pub bytes: Vec<u8>,
    /// The format of the document.
    pub format: Format,
    /// The server's name for this version (an `ETag`), if there is one: a single line of text.
    pub tag: Option<String>,
    /// When it was accepted or last [confirmed](Cache::touch), to the second.
    pub at: SystemTime,
}

const START: &str = "flagkit 1\nconfirmed ";
/// The lengths of the lines `document` (with the end of the line above) and `digest`.
const DOCUMENT_LINE: usize = "\ndocument \n".len() + 32;
const DIGEST_LINE: usize = "digest \n".len() + 32;
/// The size limit in bytes; no document is as large.
const MAX_LEN: u64 = 256 << 20;

impl Cache {
    /// Stores the document of the source `from` in the file at this path. A file of another source is ignored.
    pub fn new(path: impl Into<PathBuf>, from: Provenance) -> Self {
        Self { path: path.into(), from }
    }

    /// Returns the document that was stored last.
    ///
    /// Returns `None` if there is no file, if it is damaged, or if it is of another source. It also returns `None` if
    /// it is no regular file. On Unix it must belong to the user of this process or to the superuser, and no other user
    /// may have the permission to write it.
    pub fn load(&self) -> Option<CachedDocument> {
        let file = owned_file::open(&self.path, Access::Read, MAX_LEN).ok()?;
        let mut bytes = Vec::new();
        // The file may grow after the check of its length.
        file.take(MAX_LEN).read_to_end(&mut bytes).ok()?;
        self.parse(&bytes)
    }

    /// Stores a document instead of the previous one.
    ///
    /// Only the owner can read and write the file. Its directory must exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written. The previous document remains then.
    pub fn store(&self, cached: &CachedDocument) -> io::Result<()> {
        let rest = self.compose(cached);
        let confirmed = confirmation(cached.at);
        let document = document_line(xxh3_128(&cached.bytes));
        let head = format!("{START}{confirmed}{document}digest {:032x}\n", xxh3_128(&rest));
        owned_file::replace(&self.path, &[head.as_bytes(), &rest])
    }

    /// Records that the source still had the document with this digest (XXH3-128) at this time. Writes nothing else.
    ///
    /// # Errors
    ///
    /// Returns an error if the file does not hold this document, if [`load`](Cache::load) would ignore it, or if it
    /// cannot be written.
    pub fn touch(&self, document: u128, at: SystemTime) -> io::Result<()> {
        let mut file = owned_file::open(&self.path, Access::ReadWrite, MAX_LEN)?;
        let confirmed = confirmation(at);
        let document = document_line(document);
        let from = format!("from {}\n", self.from);
        // All lines up to `from` have a fixed length.
        let mut head = vec![0; START.len() + confirmed.len() + document.len() + DIGEST_LINE + from.len()];
        file.read_exact(&mut head)?;
        let is_same = head.starts_with(START.as_bytes())
            && head.get(START.len() + confirmed.len()..).is_some_and(|rest| rest.starts_with(document.as_bytes()))
            && head.ends_with(from.as_bytes());
        if !is_same {
            return Err(io::ErrorKind::InvalidData.into());
        }
        file.seek(SeekFrom::Start(START.len() as u64))?;
        file.write_all(confirmed.as_bytes())
    }

    /// Removes the stored document, if there is one.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Returns everything that the digest covers.
    fn compose(&self, cached: &CachedDocument) -> Vec<u8> {
        let at = seconds(cached.at);
        let mut head = format!("from {}\nat {at}\nformat {}\n", self.from, cached.format.extension());
        // A line break in the tag would end its line. Without a tag, the next request is unconditional.
        if let Some(tag) = cached.tag.as_deref().filter(|tag| !tag.contains(['\n', '\r'])) {
            head = format!("{head}tag {tag}\n");
        }
        head.push('\n');
        let mut all = head.into_bytes();
        all.extend_from_slice(&cached.bytes);
        all
    }

    fn parse(&self, bytes: &[u8]) -> Option<CachedDocument> {
        let rest = bytes.strip_prefix(START.as_bytes())?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let confirmed = std::str::from_utf8(rest.get(..end)?).ok().and_then(time);
        // Includes the end of the line above.
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
        // A time in the future comes from a wrong clock.
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

fn document_line(digest: u128) -> String {
    format!("\ndocument {digest:032x}\n")
}

/// Formats the time with a fixed length, so that it can be overwritten in place.
fn confirmation(at: SystemTime) -> String {
    format!("{:011}", seconds(at))
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn time(seconds: &str) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.parse().ok()?))
}
