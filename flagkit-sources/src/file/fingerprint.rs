//! Detects without reading it that a file has not changed, and that a directory is still the same one.
//!
//! # The problem
//!
//! A poll every two seconds must not read a file of megabytes each time. But no single number of its metadata shows
//! every change: a rewrite may keep the size, a copy may bring an older date, and a program may restore the date.
//!
//! # The idea
//!
//! All numbers together change with every write, once the clock of the file system has moved on. So a [`Fingerprint`]
//! is trusted only if the last change is older than a tick of that clock.
//!
//! # Limits
//!
//! A write through a memory map may change no number for a while. A full read every 30 seconds covers it.

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

/// The metadata of a file that a write changes: size, times and inode.
///
/// The state of a file keeps the last one, and a poll compares it with the present one. Fingerprints are equal or not;
/// they have no order, because times may go backwards. On Unix the change time is part of it, which no ordinary program
/// can set. So even a rewrite of the same size that restores the modification time is detected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    len: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
    #[cfg(unix)]
    changed: (i64, i64),
}

/// The age at which a fingerprint becomes reliable.
///
/// Two writes within one tick of the file system's clock leave the same fingerprint. Ticks are at most 10 ms on current
/// systems. For network file systems with a coarser clock, the file is read in full every 30 seconds.
const TICK: Duration = Duration::from_millis(100);

impl Fingerprint {
    /// Returns the fingerprint of a file with this metadata. Takes no further system call.
    pub(super) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: (metadata.dev(), metadata.ino()),
            #[cfg(unix)]
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Returns whether the last write is so recent that another one could leave the same fingerprint.
    ///
    /// Its writer may also still be writing.
    pub(super) fn is_recent(&self, now: SystemTime) -> bool {
        let near = |time: SystemTime| now.duration_since(time).unwrap_or_else(|ahead| ahead.duration()) < TICK;
        self.last_touched().is_none_or(near)
    }

    /// Returns the time of the last change: of the contents, of the metadata, or by a rename.
    #[cfg(unix)]
    fn last_touched(&self) -> Option<SystemTime> {
        let (seconds, nanoseconds) = self.changed;
        let since_epoch = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanoseconds).ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since_epoch)
    }

    #[cfg(not(unix))]
    fn last_touched(&self) -> Option<SystemTime> {
        self.modified
    }
}

/// Identifies the directory that a path leads to, to detect that another one has replaced it.
///
/// Watches are counted per path and identity, so that a watch of a replaced directory is never mistaken for one of its
/// successor. The creation time is part of it because a file system may reuse the inode of a removed directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    created: Option<SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            created: metadata.created().ok(),
            #[cfg(unix)]
            inode: (metadata.dev(), metadata.ino()),
        }
    }
}
