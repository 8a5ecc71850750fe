//! The flag files that programs used at the base instead of the checked one.

use std::env;
use std::path::{Path, PathBuf};

use super::base::is_flag_file;
use crate::environment::environment_of;
use crate::findings::{Finding, Level};
use crate::git::{Content, Repository, Revision};
use crate::location::{FLAG_FILE, shown};
use crate::report::Result;

/// Returns the file that was the nearest one at the base, if the checked file is new and that one still exists.
///
/// Adds findings for files that the base has, and that the working tree lacks although no change removed them.
pub(super) fn nearest_at_base(file: &Path, name: &str, findings: &mut Vec<Finding>) -> Result<Option<PathBuf>> {
    let repository = Repository::of(file)?;
    let path = repository.path_of(file)?;
    let base = Revision::resolve(repository, name)?;
    check_skipped(&base, &path, file, findings)?;
    if path.file_name().is_none_or(|name| name != FLAG_FILE) {
        return Ok(None);
    }
    check_nearer(&base, &path, file, findings)?;
    if !matches!(base.read(&path)?, Content::Absent) {
        return Ok(None);
    }
    for folder in path.ancestors().skip(2) {
        let above = folder.join(FLAG_FILE);
        let found = base.root().join(&above);
        if has_flags(&base, &above)? {
            return Ok(found.is_file().then(|| shown(&found, file)));
        }
    }
    Ok(None)
}

/// Reports a flag file that a sparse checkout leaves out. It is committed, so programs elsewhere read it.
fn check_skipped(base: &Revision, path: &Path, file: &Path, findings: &mut Vec<Finding>) -> Result<()> {
    for skipped in base.skipped_paths()? {
        let name = skipped.file_name().unwrap_or_default().to_string_lossy();
        let is_beside = skipped.parent() == path.parent() && environment_of(path, &name).is_some();
        if is_beside || skipped == path {
            let skipped = file.with_file_name(&*name);
            let message = "cannot compare: the file is committed, and a sparse checkout leaves it out";
            let finding = Finding::new("base", Level::Error, &skipped, message);
            findings.push(finding.with_help("check out all flag files: `git sparse-checkout disable`"));
        }
    }
    Ok(())
}

/// Reports a flag file of the base between the working folder and the checked file. Programs there used that one.
fn check_nearer(base: &Revision, path: &Path, file: &Path, findings: &mut Vec<Finding>) -> Result<()> {
    let Ok(working) = env::current_dir() else { return Ok(()) };
    let Ok(working) = base.path_of(&working) else { return Ok(()) };
    let Some(top) = path.parent().filter(|top| working.starts_with(top)) else { return Ok(()) };
    for folder in working.ancestors().take_while(|folder| *folder != top) {
        let nearer = folder.join(FLAG_FILE);
        let found = base.root().join(&nearer);
        if found.symlink_metadata().is_err() && has_flags(base, &nearer)? {
            let message = format!("the flag file of this folder at {} is gone: {}", base.name(), nearer.display());
            let finding = Finding::new("base", Level::Error, file, message);
            findings.push(finding.with_help("restore it, or run the command in the folder of the flag file"));
        }
    }
    Ok(())
}

fn has_flags(base: &Revision, path: &Path) -> Result<bool> {
    Ok(match base.read(path)? {
        Content::File(bytes) => is_flag_file(path, &bytes),
        Content::Absent => false,
        Content::Unreadable(_) => true,
    })
}
