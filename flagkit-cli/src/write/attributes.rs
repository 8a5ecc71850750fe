//! What a file has other than its content: owner, group, mode, and extended attributes, which include ACLs.
//!
//! A program may be able to read a flag file only because of its group or its ACL. A file that loses them when it is
//! replaced stays on in that program, because the program keeps the flags that it read last.

use std::fs::File;
use std::io;

/// The attributes of a file that decide who can access it.
#[cfg(unix)]
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    owner: u32,
    group: u32,
    mode: u32,
    extended: std::collections::BTreeMap<std::ffi::OsString, Vec<u8>>,
}

#[cfg(unix)]
impl Attributes {
    /// Returns the attributes of an open file.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;

        use xattr::FileExt as _;
        let metadata = file.metadata()?;
        let mut extended = std::collections::BTreeMap::new();
        // A file system without extended attributes has none to keep.
        for name in file.list_xattr().into_iter().flatten() {
            if let Some(value) = file.get_xattr(&name)? {
                extended.insert(name, value);
            }
        }
        let mode = metadata.mode() & 0o7777;
        Ok(Self { owner: metadata.uid(), group: metadata.gid(), mode, extended })
    }

    /// Gives a new file these attributes. Returns the first one that the file cannot have.
    pub(super) fn give_to(&self, file: &File) -> io::Result<Result<(), Lost>> {
        use std::os::unix::fs::{PermissionsExt as _, fchown};

        use xattr::FileExt as _;
        // The system rejects what it does not permit. The comparison below finds what is missing.
        let _ = fchown(file, Some(self.owner), Some(self.group));
        let _ = fchown(file, None, Some(self.group));
        file.set_permissions(std::fs::Permissions::from_mode(self.mode))?;
        for name in file.list_xattr().into_iter().flatten().filter(|name| !self.extended.contains_key(name)) {
            // The folder's default ACL may include users that the old file excludes.
            let _ = file.remove_xattr(&name);
        }
        for (name, value) in &self.extended {
            let _ = file.set_xattr(name, value);
        }
        let new = Self::of(file)?;
        Ok(match () {
            () if new.owner != self.owner => Err(Lost::Owner { old: self.owner, new: new.owner }),
            () if new.group != self.group => Err(Lost::Group { old: self.group, new: new.group }),
            () if new.mode != self.mode => Err(Lost::Mode { old: self.mode, new: new.mode }),
            () if new.extended != self.extended => Err(Lost::Extended),
            () => Ok(()),
        })
    }
}

#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Attributes(std::fs::Permissions);

#[cfg(not(unix))]
impl Attributes {
    /// Returns the attributes of an open file.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(Self(file.metadata()?.permissions()))
    }

    /// Gives a new file these attributes.
    pub(super) fn give_to(&self, file: &File) -> io::Result<Result<(), Lost>> {
        file.set_permissions(self.0.clone())?;
        Ok(Ok(()))
    }
}

/// An attribute that a new file cannot have.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(unix), allow(dead_code, reason = "only Unix has these attributes"))]
pub(super) enum Lost {
    #[error("its owner would change from user {old} to user {new}")]
    Owner { old: u32, new: u32 },
    #[error("its group would change from {old} to {new}")]
    Group { old: u32, new: u32 },
    #[error("its mode would change from {old:04o} to {new:04o}")]
    Mode { old: u32, new: u32 },
    #[error("its ACL or other extended attributes would change")]
    Extended,
}
