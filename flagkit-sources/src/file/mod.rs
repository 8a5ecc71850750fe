//! A flag file as a source.
//!
//! The files, in reading order:
//!
//! ```text
//! File            the public builder, in this file
//! follow          the loop: read at the start, then check after each event and each poll
//! state           what the loop remembers between two checks
//! debounce        how long new contents must stay the same before they are published
//! pace            how often events may cause a check
//! contents        reads the file, whatever its path leads to
//! fingerprint     detects without reading that a file has not changed
//! watcher         the events for one file, reduced to hints
//! path_links      the directory entries that a path depends on
//! shared_watcher  the watcher of the operating system, one per process
//! mounts          detects a file that is mounted by itself (Linux)
//! ```

mod contents;
mod debounce;
mod fingerprint;
mod follow;
#[cfg(target_os = "linux")]
mod mounts;
mod pace;
mod path_links;
mod shared_watcher;
mod state;
mod watcher;

use std::fmt;
use std::path::{self, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::contents::{Access, open};
use self::state::FollowState;
use crate::document::Format;

/// The size limit of a flag file, unless its reader sets another. Tools have the same limit as programs.
#[doc(hidden)]
pub const MAX_LEN: u64 = 8 << 20;

/// Follows a flag file as it changes.
///
/// # Which changes are detected
///
/// - a write in place, and a rewrite that keeps size and modification time;
/// - a rename of another file over it, deletion and re-creation, and the way editors save;
/// - a symbolic link anywhere on the path that is pointed elsewhere, and so the `..data` swap of a Kubernetes
///   `ConfigMap`.
///
/// Events of the operating system are hints that make detection fast; the contents of the file decide. A poll finds
/// changes that cause no event, as on network and container file systems.
///
/// # When a change is published
///
/// The delays are those of Linux. Other systems report less, and there it takes 150 to 500 ms.
///
/// | the file was | it is published |
/// |---|---|
/// | replaced by a rename | after 10 ms without a change |
/// | reached by a link that was pointed elsewhere | like a renamed file, once it is 100 ms old |
/// | written in place and closed | after 50 ms without a change |
/// | changed without an event, and found by the poll | after 150 ms without a change |
/// | written in place and is still open | after 500 ms without a change |
///
/// A document that would drop more than half of the flags is published after 2 s, because it may be half a file.
/// Changes are published at most every 50 ms, and the newest wins. Without events, a file that is replaced more often
/// than every 150 ms is published at the first pause.
///
/// # Known limitations
///
/// - A program that dies halfway through a write in place leaves half a file. If that half is a valid document, it is
///   published. Where another layer is below, losing a flag may even turn it on. To prevent this, replace the file by a
///   rename, or state the number of flags in the document (`[meta]`, `flags = 12`): a document with fewer is rejected.
/// - A file that is rewritten in place without ever a pause of 50 ms is published at the first pause.
/// - A container that mounts the single file (`subPath`, a bind mount) keeps the old file when its source is replaced
///   by a rename. Mount the directory instead. On Linux the status warns of such a mount.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use flagkit_sources::{Builder, File};
///
/// let file = File::new("/etc/shop/flags.toml").poll_every(Duration::from_secs(1));
/// let guard = Builder::new().source(file).start()?;
/// # Ok::<(), flagkit_sources::Error>(())
/// ```
pub struct File {
    /// The absolute path, so that a later change of the working directory has no effect.
    path: PathBuf,
    format: Option<Format>,
    poll: Duration,
    notify: Notify,
    max_len: u64,
    on_document: Option<Arc<DocumentHook>>,
    state: FollowState,
}

/// The function set by [`File::on_document`].
type DocumentHook = dyn Fn(&[u8], Format) + Send + Sync;

/// Whether a [`File`] uses events of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notify {
    /// Use events and the poll: changes are detected within milliseconds.
    Native,
    /// Use only the poll: for file systems without events, and for systems that are short of watches.
    Off,
}

impl File {
    /// Follows the file at this path.
    ///
    /// The path is made absolute now, and errors and the status show it like that. Its symbolic links are resolved
    /// again at every check.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let spelled = path.into();
        Self {
            // Without a working directory the path stays relative.
            path: path::absolute(&spelled).unwrap_or(spelled),
            format: None,
            poll: Duration::from_secs(2),
            notify: Notify::Native,
            max_len: MAX_LEN,
            on_document: None,
            state: FollowState::default(),
        }
    }

    /// Sets the format. Default: given by the file's extension, see [`Format::from_path`].
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets how often to check for changes without an event. Default: 2 seconds; at least 10 milliseconds.
    ///
    /// A check takes a few system calls. The file is read if they show a change, and every 30 seconds.
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.poll = interval.max(Duration::from_millis(10));
        self
    }

    /// Sets whether to use events of the operating system. Default: [`Notify::Native`].
    pub fn notify(mut self, notify: Notify) -> Self {
        self.notify = notify;
        self
    }

    /// Sets the size limit in bytes. A larger file is rejected. Default: 8 MiB.
    pub fn max_len(mut self, bytes: u64) -> Self {
        self.max_len = bytes;
        self
    }

    /// Sets a function to call with each accepted document, right before its flags are published.
    ///
    /// A server uses it to forward the document. The function runs on the thread of the source.
    pub fn on_document(mut self, hook: impl Fn(&[u8], Format) + Send + Sync + 'static) -> Self {
        self.on_document = Some(Arc::new(hook));
        self
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .field("format", &self.format)
            .field("poll", &self.poll)
            .field("notify", &self.notify)
            .field("max_len", &self.max_len)
            .finish_non_exhaustive()
    }
}
