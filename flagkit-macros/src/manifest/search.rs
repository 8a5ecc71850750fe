//! The search for the manifest: from the folder of the crate upwards, to the root of the project.

use std::fs;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::cache::FileCache;

const NAME: &str = "flags.toml";

/// For each `Cargo.toml`, the folder of the workspace that it names: itself, or another one. `None` if it names none.
static WORKSPACES: FileCache<Option<PathBuf>> = FileCache::new();

/// Returns the files named `flags.toml` that may declare the flags of a crate, nearest first.
///
/// The search does not leave the project: a file further up belongs to another one, or to a tool of the user.
pub(super) fn candidates(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let mut project = None;
    folder
        .ancestors()
        .take_while(move |place| {
            // Most crates have the file beside Cargo.toml, so that the root of the project is not needed.
            *place == folder || place.starts_with(project.get_or_insert_with(|| project_root(folder)))
        })
        .map(|place| place.join(NAME))
        .filter(|path| match fs::metadata(path) {
            Ok(metadata) => metadata.is_file(),
            // A link to a file that does not exist is there, and an error. A missing file is neither.
            Err(_) => fs::symlink_metadata(path).is_ok(),
        })
}

/// Returns whether the crate comes from a registry, a git dependency or a vendored folder. Cargo leaves a marker there.
pub(super) fn is_third_party(folder: &Path) -> bool {
    // A crate of a git dependency may be in any folder of the checkout.
    folder.ancestors().any(|place| place.join(".cargo-ok").exists())
        || [".cargo-checksum.json", ".cargo_vcs_info.json"].iter().any(|mark| folder.join(mark).exists())
}

/// Returns the root of the repository or of the workspace, whichever is further up; without both, the crate's folder.
fn project_root(folder: &Path) -> PathBuf {
    let repository = folder.ancestors().find(|place| place.join(".git").exists());
    let workspace = workspace_root(folder);
    let roots = [repository, workspace].into_iter().flatten();
    roots.min_by_key(|root| root.components().count()).unwrap_or(folder).to_owned()
}

/// Returns the root of the crate's workspace, found as cargo does.
fn workspace_root(folder: &Path) -> Option<&Path> {
    let named_by = |place: &Path| {
        let named = WORKSPACES.get(&place.join("Cargo.toml"), named_workspace).ok()?;
        named.map(|named| place.join(named))
    };
    if let Some(root) = named_by(folder).and_then(|root| root.canonicalize().ok()) {
        return folder.ancestors().find(|place| place.canonicalize().is_ok_and(|place| place == root));
    }
    folder.ancestors().skip(1).find(|place| named_by(place).is_some_and(|root| root == place.join(".")))
}

/// Returns the workspace that a `Cargo.toml` names, relative to its folder: `.` for a root.
fn named_workspace(bytes: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(bytes).ok()?;
    let root = DeTable::parse(text).ok()?;
    if root.get_ref().contains_key("workspace") {
        return Some(PathBuf::from("."));
    }
    match root.get_ref().get("package")?.get_ref().get("workspace")?.get_ref() {
        DeValue::String(path) => Some(PathBuf::from(path.as_ref())),
        _ => None,
    }
}
