//! Where files are: the flag file of the working folder, the repository, and paths for messages.

use std::env;
use std::path::{Component, Path, PathBuf};

use flagkit_sources::document::Format;
use flagkit_sources::document::tree::parse;

use crate::file;
use crate::tree::BYTE_ORDER_MARK;

/// The name of a flag file, unless `--file` gives another.
pub(crate) const FLAG_FILE: &str = "flags.toml";

/// Returns the flag file to use: the given one, or else the nearest `flags.toml` from the working folder upwards.
///
/// An empty file, a dangling link and a special file count, because a flag file may have been there. As git does, the
/// search ends at the folder of the repository.
pub(crate) fn locate(given: Option<PathBuf>) -> PathBuf {
    let default = || PathBuf::from(FLAG_FILE);
    if let Some(path) = given {
        return path;
    }
    let Ok(working) = env::current_dir() else { return default() };
    let top = repository(&working);
    let folders = working.ancestors().take_while(|folder| top.as_ref().is_none_or(|top| folder.starts_with(top)));
    let mut paths = folders.enumerate().map(|(ups, folder)| (ups, folder.join(FLAG_FILE)));
    let found = paths.find(|(_, path)| is_nearest(path));
    found.map_or_else(default, |(ups, _)| (0..ups).map(|_| "..").chain([FLAG_FILE]).collect())
}

/// Returns whether the search for the flag file ends at a path.
fn is_nearest(path: &Path) -> bool {
    (path.exists() || path.is_symlink()) && !path.is_dir() && (is_flag_file(path) || is_blank(path))
}

/// Returns whether a file has no content other than comments.
fn is_blank(path: &Path) -> bool {
    let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    file::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).lines().all(is_blank))
}

/// Returns the nearest `flags.toml` that [`locate`] skipped, because it has no table `flags`.
pub(crate) fn skipped(file: &Path) -> Option<PathBuf> {
    let ups = file.parent()?.components().map(|component| component == Component::ParentDir);
    let ups: Vec<bool> = ups.collect();
    if ups.iter().any(|is_up| !is_up) || file.file_name()? != FLAG_FILE {
        return None;
    }
    let nearer = (0..ups.len()).map(|ups| (0..ups).map(|_| "..").chain([FLAG_FILE]).collect::<PathBuf>());
    nearer.into_iter().find(|path| path.is_file() && !is_nearest(path))
}

/// Returns the folder of the git repository that contains a folder.
pub(crate) fn repository(folder: &Path) -> Option<PathBuf> {
    absolute(folder).ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned)
}

/// Returns the absolute path, without `.` and `..`.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.components().fold(PathBuf::new(), |mut clean, component| {
        match component {
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir => {}
            other => clean.push(other),
        }
        clean
    })
}

/// Returns a path for messages: relative to the working folder, unless the path of the flag file is absolute.
pub(crate) fn shown(path: &Path, file: &Path) -> PathBuf {
    let clean = absolute(path);
    let Ok(working) = env::current_dir() else { return clean };
    let above = (0_usize..).zip(working.ancestors()).find(|(_, above)| clean.starts_with(above));
    match above {
        Some((ups, above)) if file.is_relative() => {
            let ups = std::iter::repeat_n(Path::new(".."), ups);
            let below = clean.strip_prefix(above).ok().filter(|below| !below.as_os_str().is_empty());
            let relative: PathBuf = ups.chain(below).collect();
            if relative.as_os_str().is_empty() { PathBuf::from(".") } else { relative }
        }
        _ => clean,
    }
}

/// Returns whether a file named `flags.toml` is ours. Other tools use the name too, for documents without `[flags]`.
pub(crate) fn is_flag_file(path: &Path) -> bool {
    // A device or a FIFO may be ours too: a file may have been there.
    file::read(path).map_or(true, |bytes| is_flag_document(Format::from_path(path), &bytes))
}

/// Returns whether the bytes of a file may be those of a flag file.
pub(crate) fn is_flag_document(format: Format, bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return true };
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    // An invalid document may be ours, and ignoring it would use the flags of another folder.
    let root = parse(format, text);
    root.map_or(true, |root| root.as_table().is_some_and(|root| root.entry("flags").is_some()))
}
