//! Files beside the flag file that programs could load as flags, and that no check reads.

use std::fs;
use std::path::Path;

use super::base::{has_usual_extension, is_flag_file};
use crate::environment::{environment_of, sample_word};
use crate::file::parent_dir;
use crate::findings::{Finding, Level};
use crate::project::Document;

/// Reports such files. One with a longer name than the flag file, such as `flags.prod+eu.toml`, is an error.
///
/// Another one is a warning, and only if it has a state of a declared flag: other tools use the name `flags` too.
pub(super) fn check_unchecked(declared: &Document, findings: &mut Vec<Finding>) {
    let file = &declared.path;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let entries = fs::read_dir(parent_dir(file)).into_iter().flatten().flatten();
    for name in entries.map(|entry| entry.file_name().to_string_lossy().into_owned()) {
        let path = file.with_file_name(&name);
        let is_usual = has_usual_extension(&path) || path.extension() == file.extension();
        let is_checked = name == declared.name() || environment_of(file, &name).is_some();
        if !is_usual || is_checked || sample_word(&name).is_some() || is_same(&path, file) {
            continue;
        }
        let Ok(bytes) = crate::file::read(&path) else { continue };
        if !is_flag_file(&path, &bytes) {
            continue;
        }
        let other = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        // `flags.json` beside `flags.toml` is a flag file of its own.
        let rest = other.strip_prefix(&stem).filter(|rest| rest.starts_with(|c: char| !c.is_alphanumeric()));
        let level = if rest.is_some() { Level::Error } else { Level::Warning };
        if level == Level::Error || has_declared_key(&path, bytes, declared) {
            let message = "a program could load this file as flags, and no check reads it";
            let help = "rename it to the file of an environment, such as flags.prod.toml, or remove it";
            findings.push(Finding::new("unchecked", level, &path, message).with_help(help));
        }
    }
}

/// Whether both paths lead to one file, as links and file systems that ignore case make them.
fn is_same(path: &Path, file: &Path) -> bool {
    path.canonicalize().ok().is_some_and(|path| file.canonicalize().is_ok_and(|file| path == file))
}

fn has_declared_key(path: &Path, bytes: Vec<u8>, declared: &Document) -> bool {
    let Ok(other) = Document::parse(path, bytes) else { return false };
    other.keys().any(|key| declared.load.flags().contains(key.as_str()))
}
