//! The directory entries that a path depends on.
//!
//! # The problem
//!
//! The operating system reports changes of directories, not of paths. A path with symbolic links leads through several
//! directories, and a change in any of them may make it lead to another file:
//!
//! ```text
//! /etc/shop/flags.toml ──▶ ..data/flags.toml          an entry of /etc/shop
//! /etc/shop/..data ──▶ ..2026_11_20                   an entry of /etc/shop
//! /etc/shop/..2026_11_20/flags.toml                   an entry of /etc/shop/..2026_11_20: the file
//! ```
//!
//! # How it works
//!
//! [`links`] resolves the path component by component, like the system does, and records each entry on the way that
//! decides where the path leads. It is called again before each check, because every change may change the list.
//!
//! # Limits
//!
//! An ordinary directory on the way is not listed: to watch each parent up to the root would cost many watches. If one
//! is renamed, the poll detects it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// A directory entry that decides which file a path leads to.
///
/// It is a symbolic link on the way, the file at the end, or the first entry that is missing. A change of any of them
/// may change the file, so the [`Watcher`](super::watcher::Watcher) watches the directory of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathLink {
    pub(super) dir: PathBuf,
    pub(super) name: OsString,
}

/// The number of symbolic links that Linux follows in one path. A longer chain, or a circle, leads to no file.
const MAX_LINKS: usize = 40;

/// Resolves an absolute path like the system does, and lists the entries that it depends on.
///
/// A Kubernetes `ConfigMap` is mounted as `flags.toml -> ..data/flags.toml` and `..data -> ..2026_11_20`. It changes
/// when another symbolic link is renamed over `..data`. The path depends on three entries then: the two symbolic links
/// and the file.
///
/// The list ends with the file, with the first entry that is missing, or after 41 symbolic links. An entry that cannot
/// be read counts as missing.
pub(super) fn links(path: &Path) -> Vec<PathLink> {
    let mut found = Vec::new();
    let mut symlinks = 0;
    let mut current = PathBuf::new();
    let mut pending: VecDeque<PathBuf> = parts(path).collect();
    while let Some(part) = pending.pop_front() {
        match part.components().next() {
            Some(Component::Normal(name)) => {
                let candidate = current.join(name);
                let link = || PathLink { dir: current.clone(), name: name.to_owned() };
                match fs::symlink_metadata(&candidate) {
                    Ok(metadata) if metadata.is_symlink() => {
                        found.push(link());
                        symlinks += 1;
                        let Ok(target) = fs::read_link(&candidate) else { break };
                        if symlinks > MAX_LINKS {
                            break;
                        }
                        for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                            pending.push_front(part);
                        }
                    }
                    Ok(_) if pending.is_empty() => found.push(link()),
                    Ok(_) => current = candidate,
                    Err(_) => {
                        found.push(link());
                        break;
                    }
                }
            }
            Some(Component::ParentDir) => {
                current.pop();
            }
            Some(Component::CurDir) | None => {}
            // A root or a drive begins the target of an absolute symbolic link.
            Some(Component::RootDir | Component::Prefix(_)) => current.push(&part),
        }
    }
    found
}

/// Returns the components of the path, each as a path of its own.
fn parts(path: &Path) -> impl Iterator<Item = PathBuf> {
    path.components().map(|component| PathBuf::from(component.as_os_str()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(path: &Path) -> Vec<String> {
        let root = fs::canonicalize(std::env::temp_dir()).expect("a temporary directory");
        let shown =
            |link: PathLink| link.dir.join(link.name).strip_prefix(&root).expect("below it").display().to_string();
        links(path).into_iter().map(shown).collect()
    }

    #[test]
    fn every_symbolic_link_and_the_file_are_listed() {
        let dir =
            tempfile::tempdir_in(fs::canonicalize(std::env::temp_dir()).expect("it exists")).expect("a directory");
        let base = dir.path();
        let top = base.file_name().expect("a name").to_string_lossy().into_owned();
        fs::create_dir(base.join("..v1")).expect("a directory");
        fs::write(base.join("..v1/f"), "").expect("a file");
        symlink("..v1", base.join("..data")).expect("a link");
        symlink("..data/f", base.join("f")).expect("a link");
        let expected = ["f", "..data", "..v1/f"].map(|name| format!("{top}/{name}"));
        assert_eq!(names(&base.join("f")), expected);
        symlink(base.join("f"), base.join("g")).expect("a link");
        assert_eq!(names(&base.join("./..v1/../g")).len(), 4);
    }

    #[test]
    fn a_missing_entry_ends_the_list_and_so_does_a_circle() {
        let dir =
            tempfile::tempdir_in(fs::canonicalize(std::env::temp_dir()).expect("it exists")).expect("a directory");
        let top = dir.path().file_name().expect("a name").to_string_lossy().into_owned();
        assert_eq!(names(&dir.path().join("no/such/file")), [format!("{top}/no")]);
        symlink("circle", dir.path().join("circle")).expect("a link");
        assert_eq!(names(&dir.path().join("circle")).len(), MAX_LINKS + 1);
    }
}
