//! The path of a file in the tree of a commit, through symbolic links.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Component, Path, PathBuf};

use super::Revision;
use crate::project::Document;
use crate::report::{Exit, Failure, Result};

/// The number of links that one path may have, as on Linux.
const MAX_LINKS: usize = 40;

/// A file that a program cannot read after a checkout of the revision.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is a link that leads to no file")]
    Dangling,
    #[error("it is a folder")]
    Folder,
    #[error("it is a link to {0}, outside of the repository")]
    Outside(String),
    #[error("it leads into a submodule")]
    Submodule,
    #[error("it leads through more than {MAX_LINKS} links")]
    Loop,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Content {
    File(Vec<u8>),
    /// The tree has no entry of that name.
    Absent,
    Unreadable(Unreadable),
}

/// An entry of a tree.
struct Entry {
    mode: String,
    hash: String,
    name: String,
}

/// The end of a path.
enum Node {
    File(String),
    Folder(String),
    Absent,
}

type Resolved<T> = std::result::Result<T, Unreadable>;

impl Revision {
    /// Returns what a program reads at a path from the root, after a checkout of this revision.
    pub(crate) fn read(&self, path: &Path) -> Result<Content> {
        Ok(match self.follow(path)? {
            Ok(Node::File(hash)) => Content::File(self.blob(&hash)?),
            Ok(Node::Folder(_)) => Content::Unreadable(Unreadable::Folder),
            Ok(Node::Absent) if self.has_entry(path)? => Content::Unreadable(Unreadable::Dangling),
            Ok(Node::Absent) => Content::Absent,
            Err(unreadable) => Content::Unreadable(unreadable),
        })
    }

    /// Returns a document at this revision, or `None` if there was no such file.
    pub(crate) fn document(&self, file: &Path) -> Result<Option<Document>> {
        match self.read(&self.repository.path_of(file)?)? {
            Content::File(bytes) => Document::parse_or_fail(file, bytes).map(Some),
            Content::Absent => Ok(None),
            Content::Unreadable(reason) => {
                let message = format!("cannot read {} at {}: {reason}", file.display(), self.name());
                Err(Failure::new(Exit::Findings, message))
            }
        }
    }

    /// Returns the files below a folder, each with the hash of its content. Links are not followed.
    pub(crate) fn files_below(&self, folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
        let folder = folder.to_string_lossy();
        let path: &[&str] = if folder.is_empty() { &[] } else { &["--", &folder] };
        let out = self.git(&[&["ls-tree", "-r", "-z", "--full-tree", self.hash()], path].concat())?;
        let text = String::from_utf8_lossy(&out).into_owned();
        let file = |line: &str| {
            let (described, name) = line.split_once('\t')?;
            Some((PathBuf::from(name), described.split(' ').nth(2)?.to_owned()))
        };
        Ok(text.split('\0').filter_map(file).collect())
    }

    /// Returns the names beside a file of the working tree.
    pub(crate) fn names_beside(&self, file: &Path) -> Result<Vec<String>> {
        let path = self.repository.path_of(file)?;
        self.names(path.parent().unwrap_or(Path::new("")))
    }

    /// Returns the names in a folder. A folder that a program cannot read has none.
    pub(crate) fn names(&self, folder: &Path) -> Result<Vec<String>> {
        match self.follow(folder)? {
            Ok(Node::Folder(tree)) => Ok(self.entries(&tree)?.into_iter().map(|entry| entry.name).collect()),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether the folder of a path has an entry of its name, such as a link.
    fn has_entry(&self, path: &Path) -> Result<bool> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let names = self.names(path.parent().unwrap_or(Path::new("")))?;
        Ok(names.iter().any(|entry| *entry == name))
    }

    /// Follows a path as a file system does. The outer result is a failure of git.
    fn follow(&self, path: &Path) -> Result<Resolved<Node>> {
        let mut folders = vec![format!("{}^{{tree}}", self.hash())];
        let mut pending = parts(path);
        let mut links = 0;
        while let Some(part) = pending.pop_front() {
            if part == ".." {
                folders.pop();
                if folders.is_empty() {
                    return Ok(Err(Unreadable::Outside(part)));
                }
                continue;
            }
            let Some(folder) = folders.last() else { return Ok(Ok(Node::Absent)) };
            let entry = self.entries(folder)?.into_iter().find(|entry| entry.name == part);
            let Some(Entry { mode, hash, .. }) = entry else { return Ok(Ok(Node::Absent)) };
            match mode.as_str() {
                "040000" => folders.push(hash),
                "120000" => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Ok(Err(Unreadable::Loop));
                    }
                    let target = String::from_utf8_lossy(&self.blob(&hash)?).into_owned();
                    let mut inside = Path::new(&target);
                    if inside.is_absolute() {
                        folders.truncate(1);
                        match inside.strip_prefix(self.repository.root()) {
                            Ok(stripped) => inside = stripped,
                            Err(_) => return Ok(Err(Unreadable::Outside(target))),
                        }
                    }
                    let mut next = parts(inside);
                    next.append(&mut pending);
                    pending = next;
                }
                "160000" => return Ok(Err(Unreadable::Submodule)),
                // A program cannot go through a file to another one.
                _ => return Ok(Ok(if pending.is_empty() { Node::File(hash) } else { Node::Absent })),
            }
        }
        Ok(Ok(folders.pop().map_or(Node::Absent, Node::Folder)))
    }

    fn entries(&self, tree: &str) -> Result<Vec<Entry>> {
        let out = self.git(&["ls-tree", "-z", "--full-tree", tree])?;
        let text = String::from_utf8_lossy(&out).into_owned();
        let entry = |line: &str| {
            let (described, name) = line.split_once('\t')?;
            let mut words = described.split(' ');
            let (mode, hash) = (words.next()?.to_owned(), words.nth(1)?.to_owned());
            Some(Entry { mode, hash, name: name.to_owned() })
        };
        Ok(text.split('\0').filter_map(entry).collect())
    }

    fn blob(&self, hash: &str) -> Result<Vec<u8>> {
        self.git(&["cat-file", "blob", hash])
    }
}

/// Returns the names on a path, and `..`.
fn parts(path: &Path) -> VecDeque<String> {
    let is_part = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::ParentDir);
    path.components().filter(is_part).map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
}
