//! Files that are mounted by themselves.
//!
//! A container can mount a single file (`subPath`, a bind mount). The mount keeps the file that was there at the time:
//! when its source is replaced by a rename, the container goes on seeing the old one, and nothing tells of it.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Tells whether the file is a mount point, as far as the system says.
pub(super) fn is_mount_point(path: &Path) -> bool {
    let (Ok(path), Ok(mounts)) = (fs::canonicalize(path), fs::read("/proc/self/mountinfo")) else { return false };
    let path = path.as_os_str().as_bytes();
    // proc(5): the fifth field is the mount point.
    let points = mounts.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points.into_iter().any(|point| unescape(point) == path)
}

/// Blanks, tabs, line ends and backslashes are written as a backslash and three octal digits.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut rest = text;
    let mut plain = Vec::with_capacity(text.len());
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'\\').then(|| after.split_at_checked(3)).flatten();
        let code = escaped.and_then(|(digits, _)| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        plain.push(code.unwrap_or(byte));
        rest = match (code, escaped) {
            (Some(_), Some((_, behind))) => behind,
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
