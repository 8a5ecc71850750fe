//! Whether a file may have changed, without reading it.

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

/// What the file system says of a file. Compared for equality, never for order: times may go backwards.
///
/// On Unix the change time is part of it, which no ordinary program can set: a rewrite of the same size with the
/// modification time put back still shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    len: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
    #[cfg(unix)]
    changed: (i64, i64),
}

/// Two writes within one tick of the file system's clock leave one fingerprint. Ticks are 10 ms at most on the
/// systems of today; network file systems with a coarser clock are read in full now and then.
const TICK: Duration = Duration::from_millis(100);

impl Fingerprint {
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

    /// Tells whether the file was written so lately that another write could leave the same fingerprint, or that its
    /// writer may still be at it.
    pub(super) fn is_recent(&self, now: SystemTime) -> bool {
        let near = |time: SystemTime| now.duration_since(time).unwrap_or_else(|ahead| ahead.duration()) < TICK;
        self.last_touched().is_none_or(near)
    }

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

/// Which directory a path leads to at the moment, to notice that another has taken its place. The time of birth is
/// part of it because a file system may give a new directory the inode of a removed one.
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
