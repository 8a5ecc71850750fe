//! Detects a file that is mounted by itself.
//!
//! A container can mount a single file (`subPath`, a bind mount). The mount is bound to the file that existed when it
//! was made. If a rename replaces the source of the mount, the container keeps the old file, and no event reports it.
//! The loop in `follow` therefore gives the status a warning for such a file.
//!
//! # How it works
//!
//! Linux lists all mounts of a process in `/proc/self/mountinfo`. A file is mounted by itself if its own path is in
//! that list. A file in a mounted directory has another path than the mount, and follows renames.
//!
//! # Limits
//!
//! If the list cannot be read, there is no warning. The flags do not depend on it.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Returns whether the file is a mount point, according to `/proc/self/mountinfo`.
///
/// The list has no symbolic links, so the path is resolved first. A missing file is no mount point. Reading the list
/// can take long on a machine with many mounts, so the caller limits how often it calls this.
pub(super) fn is_mount_point(path: &Path) -> bool {
    let (Ok(path), Ok(mounts)) = (fs::canonicalize(path), fs::read("/proc/self/mountinfo")) else { return false };
    let path = path.as_os_str().as_bytes();
    // proc(5): the fifth field is the mount point.
    let points = mounts.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points.into_iter().any(|point| unescape(point) == path)
}

/// Decodes a path of `mountinfo`: blanks, tabs, line ends and backslashes are a backslash and three octal digits there.
///
/// The fields of a line are separated by blanks, hence the escapes. A backslash without a valid code stays unchanged.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut rest = text;
    let mut plain = Vec::with_capacity(text.len());
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'\\').then(|| after.split_at_checked(3)).flatten();
        let code = escaped.and_then(|(digits, _)| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        plain.push(code.unwrap_or(byte));
        rest = match (code, escaped) {
            (Some(_), Some((_, remainder))) => remainder,
            _ => after,
        };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unescaped() {
        assert_eq!(unescape(b"/a\\040b\\134c"), b"/a b\\c");
        assert_eq!(unescape(b"/plain\\04"), b"/plain\\04");
    }

    #[test]
    fn what_is_mounted_is_a_mount_point() {
        assert!(is_mount_point(Path::new("/proc")));
        assert!(!is_mount_point(Path::new("/proc/self/mountinfo")));
        assert!(!is_mount_point(Path::new("/nowhere")));
    }
}
