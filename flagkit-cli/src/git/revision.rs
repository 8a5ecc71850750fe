//! One commit, by a name that has only one meaning.

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::Repository;
use super::repository::GitError;
use crate::report::{Exit, Failure, Result};

/// The number of first parents that [`Revision::ancestors`] returns.
const MAX_ANCESTORS: &str = "--max-count=1000";

/// A commit of a repository.
///
/// Created from the name that a user gives. All reads use its hash, so a branch that moves meanwhile has no effect.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    pub(super) repository: Repository,
    /// The name as given, for messages.
    name: String,
    hash: String,
}

impl Revision {
    /// Resolves a name to one commit. Rejects a name that has two meanings, or that is no single commit.
    pub(crate) fn resolve(repository: Repository, name: &str) -> Result<Self> {
        let failure = |exit: Exit, reason: &str| {
            Failure::new(exit, format!("cannot resolve revision {name:?}: {reason}"))
                .with_help("name one commit, such as refs/remotes/origin/main or HEAD~1")
        };
        let refuse = |reason: &str| failure(Exit::Usage, reason);
        // Another person may have added the second meaning, so the command line is not invalid.
        let ambiguous = |reason: &str| failure(Exit::Findings, reason);
        if name.trim().is_empty() {
            return Err(refuse("got an empty name, expected a commit"));
        }
        if name.starts_with(['-', '^']) || name.starts_with(":/") || name.contains("..") {
            return Err(refuse("expected one commit, and no option, range or search"));
        }
        let peeled = format!("{name}^{{commit}}");
        let output = match repository.git(&["rev-parse", "--verify", "--end-of-options", &peeled]) {
            Ok(output) => output,
            Err(error) => {
                let failure = refuse(&error.to_string());
                let is_shallow = repository.git(&["rev-parse", "--is-shallow-repository"]);
                let is_shallow = is_shallow.is_ok_and(|output| output.out.starts_with(b"true"));
                let help = "the clone is shallow: run `git fetch --unshallow`, or fetch the revision";
                return Err(if is_shallow { failure.with_help(help) } else { failure });
            }
        };
        // git resolves a name with two meanings, and only warns.
        let is_doubtful = |line: &&String| line.contains(" is ambiguous") || line.starts_with("warning: log for ");
        if let Some(warning) = output.warnings.iter().find(is_doubtful) {
            return Err(ambiguous(warning.trim_start_matches("warning: ").trim_end_matches('.')));
        }
        let hash = String::from_utf8_lossy(&output.out).trim().to_owned();
        if !matches!(hash.len(), 40 | 64) || !hash.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(refuse("expected one commit"));
        }
        let revision = Self { repository, name: name.to_owned(), hash };
        match revision.other_meaning() {
            Some(other) => Err(ambiguous(&other)),
            None => Ok(revision),
        }
    }

    /// Returns the second meaning of a name that git resolves without a warning.
    fn other_meaning(&self) -> Option<String> {
        let text = |arguments: &[&str]| {
            let output = self.repository.git(arguments).ok()?;
            Some(String::from_utf8_lossy(&output.out).trim().to_owned())
        };
        let name = self.name.split(['~', '^', '@', ':']).next().unwrap_or_default();
        let full = text(&["rev-parse", "--verify", "--symbolic-full-name", "--end-of-options", name])?;
        if !full.starts_with("refs/") || name == full {
            return None;
        }
        let remotes = text(&["remote"]).unwrap_or_default();
        let remote = remotes.lines().find(|remote| name.strip_prefix(remote).is_some_and(|rest| rest.starts_with('/')));
        let remote = remote.filter(|_| !full.starts_with("refs/remotes/"))?;
        Some(format!("it is {full}, and not a branch of the remote {remote}"))
    }

    /// Returns the name as given.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the top folder of the working tree.
    pub(crate) fn root(&self) -> &Path {
        self.repository.root()
    }

    /// Returns the path of a file from that folder.
    pub(crate) fn path_of(&self, file: &Path) -> Result<PathBuf> {
        self.repository.path_of(file)
    }

    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }

    /// Returns the commits before this one along first parents, the newest first.
    pub(crate) fn ancestors(&self) -> Result<Vec<Self>> {
        let arguments = ["rev-list", "--first-parent", "--skip=1", MAX_ANCESTORS, &self.hash];
        let out = self.git(&arguments)?;
        let hashes = String::from_utf8_lossy(&out).into_owned();
        let revision = |hash: &str| Self {
            repository: self.repository.clone(),
            name: hash.chars().take(12).collect(),
            hash: hash.to_owned(),
        };
        Ok(hashes.lines().map(revision).collect())
    }

    /// Returns the newest commit that this one and the checked-out one both contain, or this one if there is none.
    pub(crate) fn merge_base(&self) -> Self {
        let found = self.repository.git(&["merge-base", &self.hash, "HEAD"]);
        let hash = found.ok().map(|output| String::from_utf8_lossy(&output.out).trim().to_owned());
        Self { hash: hash.filter(|hash| !hash.is_empty()).unwrap_or_else(|| self.hash.clone()), ..self.clone() }
    }

    /// Returns the paths that this revision has, and the working tree no longer has.
    pub(crate) fn removed_paths(&self) -> Result<Vec<String>> {
        let out = self.git(&["diff", "--name-only", "--no-renames", "--diff-filter=D", "-z", &self.hash, "--"])?;
        let names = String::from_utf8_lossy(&out).into_owned();
        Ok(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// Returns the paths that the index has, and that a sparse checkout leaves out of the working tree.
    pub(crate) fn skipped_paths(&self) -> Result<Vec<PathBuf>> {
        let out = self.git(&["ls-files", "-t", "-z"])?;
        let names = String::from_utf8_lossy(&out).into_owned();
        let skipped = names.split('\0').filter_map(|line| line.strip_prefix("S ")).map(PathBuf::from);
        Ok(skipped.filter(|path| self.root().join(path).symlink_metadata().is_err()).collect())
    }

    /// Returns the hashes that git would give files of the working tree, in the order of their paths from the root.
    pub(crate) fn hashes_of<'p>(&self, paths: impl IntoIterator<Item = &'p Path>) -> Result<Vec<String>> {
        let failed = |error: std::io::Error| Failure::io(format!("cannot write a temporary file: {error}"));
        let mut input = tempfile::tempfile().map_err(failed)?;
        for path in paths {
            writeln!(input, "{}", path.display()).map_err(failed)?;
        }
        input.rewind().map_err(failed)?;
        let output = self.repository.git_with(&["hash-object", "--stdin-paths"], input);
        let output = output.map_err(|error| self.failure(error))?;
        Ok(String::from_utf8_lossy(&output.out).lines().map(str::to_owned).collect())
    }

    /// Returns every version of a file in the history of this revision.
    pub(crate) fn versions(&self, path: &Path) -> Result<Vec<Vec<u8>>> {
        self.versions_in(&[&self.hash], path)
    }

    /// Returns every version of a file in the history of the checked-out commit that is not in this revision's.
    pub(crate) fn versions_since(&self, path: &Path) -> Result<Vec<Vec<u8>>> {
        self.versions_in(&["HEAD", &format!("^{}", self.hash)], path)
    }

    fn versions_in(&self, commits: &[&str], path: &Path) -> Result<Vec<Vec<u8>>> {
        let path = path.to_string_lossy();
        let listed = self.git(&[&["rev-list", "--full-history", "--objects"], commits, &["--", &path]].concat())?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let blobs = listed.lines().filter_map(|line| line.split_once(' ')).filter(|(_, name)| *name == path);
        let failed = |error: std::io::Error| Failure::io(format!("cannot write a temporary file: {error}"));
        let mut input = tempfile::tempfile().map_err(failed)?;
        for (hash, _) in blobs {
            writeln!(input, "{hash}").map_err(failed)?;
        }
        input.rewind().map_err(failed)?;
        let output = self.repository.git_with(&["cat-file", "--batch"], input).map_err(|error| self.failure(error))?;
        parse_batch(&output.out).ok_or_else(|| self.failure(GitError::Failed(output.warnings)))
    }

    pub(super) fn git(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        self.repository.git(arguments).map(|output| output.out).map_err(|error| self.failure(error))
    }

    fn failure(&self, error: GitError) -> Failure {
        error.into_failure(Exit::Io, &format!("read revision {:?}", self.name))
    }
}

/// Splits the output of `git cat-file --batch`. Returns `None` if an object is missing.
fn parse_batch(mut out: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut contents = Vec::new();
    while !out.is_empty() {
        let end = out.iter().position(|byte| *byte == b'\n')?;
        let (header, rest) = out.split_at_checked(end)?;
        let len = std::str::from_utf8(header).ok()?.split(' ').nth(2)?.parse().ok()?;
        let (content, rest) = rest.get(1..)?.split_at_checked(len)?;
        contents.push(content.to_owned());
        out = rest.get(1..)?;
    }
    Some(contents)
}
