//! Files as they were at a revision.

use std::path::Path;
use std::process::Command;

use crate::outcome::{Failure, Result};
use crate::project::{Document, empty};

/// The bytes of a file at a revision; `None` when it was not there. It is named from the folder of the flag file.
pub(crate) fn bytes_at(revision: &str, file: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder).args(arguments).output();
        output.map_err(|error| Failure::io(format!("git cannot be run: {error}")))
    };
    if revision.starts_with('-') {
        return Err(Failure::usage(format!("{revision:?} is no revision")));
    }
    let known = git(&["rev-parse", "--quiet", "--verify", &format!("{revision}^{{commit}}")])?;
    if !known.status.success() {
        return Err(Failure::usage(format!("{revision:?} is no revision that git knows here"))
            .with_help("such as origin/main, or HEAD~1"));
    }
    let shown = git(&["show", &format!("{revision}:./{name}")])?;
    Ok(shown.status.success().then_some(shown.stdout))
}

/// A document at a revision; an empty one when it was not there.
pub(crate) fn document_at(revision: &str, path: &Path) -> Result<Document> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = bytes_at(revision, path, &name)?.unwrap_or_else(|| empty(path).into());
    Document::understand(path, bytes)
}
