//! Files at a revision of the git repository.

use std::path::Path;
use std::process::{Command, Output};

use crate::file::parent_dir;
use crate::project::{Document, empty};
use crate::report::{Failure, Result};

fn run(file: &Path, arguments: &[&str]) -> Result<Output> {
    let output = Command::new("git").arg("-C").arg(parent_dir(file)).args(arguments).output();
    output.map_err(|error| Failure::io(format!("cannot run git: {error}")))
}

fn check(revision: &str, file: &Path) -> Result<()> {
    if revision.starts_with('-') {
        return Err(Failure::usage(format!("{revision:?} is no revision")));
    }
    let known = run(file, &["rev-parse", "--quiet", "--verify", &format!("{revision}^{{commit}}")])?;
    if known.status.success() {
        return Ok(());
    }
    Err(Failure::usage(format!("{revision:?} is no revision that git knows here"))
        .with_help("such as origin/main, or HEAD~1"))
}

/// Returns the name of the user in the settings of git, if there is one.
pub(crate) fn user_name(path: &Path) -> Option<String> {
    let output = run(path, &["config", "user.name"]).ok()?;
    let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

/// Returns the bytes of a file at a revision, or `None` if the file did not exist.
///
/// The name is relative to the folder of the flag file.
pub(crate) fn bytes_at(revision: &str, file: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    check(revision, file)?;
    let shown = run(file, &["show", &format!("{revision}:./{name}")])?;
    Ok(shown.status.success().then_some(shown.stdout))
}

/// Returns the names of the files next to the flag file at a revision.
pub(crate) fn names_at(revision: &str, file: &Path) -> Result<Vec<String>> {
    check(revision, file)?;
    let listed = run(file, &["ls-tree", "-z", "--name-only", revision, "./"])?;
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Returns a document at a revision, or an empty document if the file did not exist.
pub(crate) fn document_at(revision: &str, path: &Path) -> Result<Document> {
    // For a symbolic link, git keeps the content under the name of the target.
    let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    let target = path.canonicalize().ok().filter(|_| is_link).unwrap_or_else(|| path.to_owned());
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let bytes = bytes_at(revision, &target, &name)?.unwrap_or_else(|| empty(path).into());
    Document::parse_or_fail(path, bytes)
}
