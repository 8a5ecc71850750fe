//! The directory entries that a path leads through, by way of which its file can change.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// An entry of a directory that decides what the path leads to: a symbolic link on the way, the file at the end, or
/// the first thing that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) dir: PathBuf,
    pub(super) name: OsString,
}

/// As many as Linux follows.
const MAX_LINKS: usize = 40;

/// Follows an absolute path as the system does, and lists its hops.
///
/// A Kubernetes `ConfigMap` is mounted as `flags.toml -> ..data/flags.toml` and `..data -> ..2026_11_20`, and changes
/// by renaming another link over `..data`: three hops, all of which are of interest.
pub(super) fn hops(path: &Path) -> Vec<Hop> {
    let mut hops = Vec::new();
    let mut links = 0;
    let mut current = PathBuf::new();
    let mut pending: VecDeque<PathBuf> = parts(path).collect();
    while let Some(part) = pending.pop_front() {
        match part.components().next() {
            Some(Component::Normal(name)) => {
                let candidate = current.join(name);
                let hop = || Hop { dir: current.clone(), name: name.to_owned() };
                match fs::symlink_metadata(&candidate) {
                    Ok(metadata) if metadata.is_symlink() => {
                        hops.push(hop());
                        links += 1;
                        let Ok(target) = fs::read_link(&candidate) else { break };
                        if links > MAX_LINKS {
                            break;
                        }
                        for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                            pending.push_front(part);
                        }
                    }
                    Ok(_) if pending.is_empty() => hops.push(hop()),
                    Ok(_) => current = candidate,
                    Err(_) => {
                        hops.push(hop());
                        break;
                    }
                }
            }
            Some(Component::ParentDir) => {
                current.pop();
            }
            Some(Component::CurDir) | None => {}
            // A root or a drive: an absolute link starts over.
            Some(Component::RootDir | Component::Prefix(_)) => current.push(&part),
        }
    }
    hops
}

fn parts(path: &Path) -> impl Iterator<Item = PathBuf> {
    path.components().map(|component| PathBuf::from(component.as_os_str()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(path: &Path) -> Vec<String> {
        let root = fs::canonicalize(std::env::temp_dir()).expect("a temporary directory");
        let shown = |hop: Hop| hop.dir.join(hop.name).strip_prefix(&root).expect("below it").display().to_string();
        hops(path).into_iter().map(shown).collect()
    }

    #[test]
    fn every_link_and_the_file_are_hops() {
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
    fn what_is_missing_ends_the_way_and_a_circle_ends_too() {
        let dir =
            tempfile::tempdir_in(fs::canonicalize(std::env::temp_dir()).expect("it exists")).expect("a directory");
        let top = dir.path().file_name().expect("a name").to_string_lossy().into_owned();
        assert_eq!(names(&dir.path().join("no/such/file")), [format!("{top}/no")]);
        symlink("circle", dir.path().join("circle")).expect("a link");
        assert_eq!(names(&dir.path().join("circle")).len(), MAX_LINKS + 1);
    }
}
