//! The SQL files of a project's migrations, in the layouts of sqlx, diesel and refinery.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use flagkit_core::source::Location;
use ignore::{DirEntry, WalkBuilder};

use crate::file::{self, ReadError, parent_dir};
use crate::git::Repository;
use crate::project::{Document, digest};
use crate::report::{Failure, Result};
use crate::roots::{Roots, Settings};
use crate::sql::{Script, Verb, Version};
use crate::tree::BYTE_ORDER_MARK;
use crate::usage::is_third_party;

/// The name of the folders that are searched, unless the flag file names others.
const FOLDER: &str = "migrations";

/// A SQL file that runs forward.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MigrationFile {
    /// The path, as messages show it.
    pub(crate) path: PathBuf,
    /// The version of the migration. `None`: the name begins with no version.
    pub(crate) version: Option<Version>,
}

/// The content of a migration file.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) script: Script,
    /// Whether the file has bytes that are not UTF-8, so that words may be unreadable.
    pub(crate) is_damaged: bool,
    /// The SHA-256 of the file.
    pub(crate) digest: String,
}

impl MigrationFile {
    /// Whether the file is one of diesel, which runs a changed file no second time and does not detect the change.
    pub(crate) fn is_of_diesel(&self) -> bool {
        self.path.file_name().is_some_and(|name| name == "up.sql")
    }

    /// Reads the file.
    pub(crate) fn read(&self, settings: &Settings) -> std::result::Result<Content, ReadError> {
        let bytes = file::read(&self.path)?;
        let is_damaged = std::str::from_utf8(&bytes).is_err();
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
        let script = Script::read(&self.path, text, settings.dialect);
        Ok(Content { script, is_damaged, digest: digest(&bytes) })
    }
}

/// Returns the SQL files that run forward, in the order of their paths.
///
/// Without folders in the flag file, these are all files below folders named `migrations`. A file that git ignores and
/// does not track is left out, and so is a folder with a flag file of its own.
pub(crate) fn find(file: &Path, roots: &Roots, settings: &Settings) -> Vec<MigrationFile> {
    let folder = parent_dir(file);
    let (folders, is_named) = match &settings.migrations {
        Some(named) => (named.iter().map(|path| roots.shown(&folder.join(path))).collect(), true),
        None if roots.are_named => ([&[folder], roots.folders.as_slice()].concat(), false),
        None => (roots.folders.clone(), false),
    };
    let mut found = Vec::new();
    let mut pending: Vec<Folder> = folders.into_iter().map(|path| Folder { path, is_named }).collect();
    let mut visited = BTreeSet::new();
    while let Some(folder) = pending.pop() {
        if folder.path.canonicalize().is_ok_and(|path| visited.insert((path, folder.is_named))) {
            folder.search(roots, &mut found, &mut pending);
        }
    }
    found.sort();
    // A link may lead to a file that was found already.
    let mut known = BTreeSet::new();
    found.retain(|file| file.path.canonicalize().is_ok_and(|path| known.insert(path)));
    found
}

/// A folder to search.
struct Folder {
    path: PathBuf,
    /// Whether all SQL files below are migrations, and not only those in folders named `migrations`.
    is_named: bool,
}

impl Folder {
    /// Adds the SQL files below, and the linked folders that may have more.
    fn search(&self, roots: &Roots, found: &mut Vec<MigrationFile>, links: &mut Vec<Self>) {
        let owner = roots.clone();
        let is_ours = move |entry: &DirEntry| {
            let is_below = entry.depth() > 0 && entry.file_type().is_some_and(|kind| kind.is_dir());
            !(is_below && (owner.is_foreign(entry.path()) || is_third_party(entry.path())))
        };
        // `.ignore` is about searches, and says nothing about what belongs to the project.
        let walk = WalkBuilder::new(&self.path).hidden(!self.is_named).ignore(false).filter_entry(is_ours).build();
        for entry in walk.flatten() {
            let path = entry.path();
            // Other links may lead to all files of the system.
            let is_link = entry.depth() > 0 && entry.path_is_symlink() && path.is_dir();
            if is_link && self.has(&path.join("file")) {
                links.push(Self { path: path.to_owned(), is_named: true });
            } else {
                self.add(path, roots, found);
            }
        }
        for path in self.tracked() {
            let below = path.ancestors().skip(1).take_while(|folder| **folder != *self.path);
            if !below.into_iter().any(|folder| roots.is_foreign(folder) || is_third_party(folder)) {
                self.add(&path, roots, found);
            }
        }
    }

    /// Adds a SQL file of a migration that runs forward.
    fn add(&self, path: &Path, roots: &Roots, found: &mut Vec<MigrationFile>) {
        if is_sql(path) && self.has(path) && path.is_file() && !is_down(path) {
            found.push(MigrationFile { path: roots.shown(path), version: version(path) });
        }
    }

    /// Returns the SQL files below that git tracks. A pattern in `.gitignore` has no effect on them.
    fn tracked(&self) -> Vec<PathBuf> {
        let Ok(Some(repository)) = Repository::find(&self.path.join("file")) else { return Vec::new() };
        let (Ok(root), Ok(output)) = (self.path.canonicalize(), repository.git(&["ls-files", "-z"])) else {
            return Vec::new();
        };
        let text = String::from_utf8_lossy(&output.out);
        let paths = text.split('\0').map(|path| repository.root().join(path)).filter(|path| is_sql(path));
        paths.filter_map(|path| Some(self.path.join(path.strip_prefix(&root).ok()?))).collect()
    }

    /// Whether a SQL file of this path is one of a migration.
    fn has(&self, path: &Path) -> bool {
        let below = path.strip_prefix(&self.path).unwrap_or(path);
        let resolved = self.path.canonicalize().ok();
        let is_root = resolved.as_deref().and_then(Path::file_name).is_some_and(|name| name == FOLDER);
        let is_folder = |part: Component<'_>| part.as_os_str() == FOLDER;
        self.is_named || is_root || below.parent().is_some_and(|folder| folder.components().any(is_folder))
    }
}

/// A SQL file with statements that expand the schema for a migration.
///
/// They must have run before the migration leaves its first stage.
#[derive(Debug)]
pub(crate) struct Expansion {
    /// The path, as messages show it.
    pub(crate) path: PathBuf,
    /// The location of the first marker.
    pub(crate) location: Location,
    /// The SHA-256 of the content.
    pub(crate) digest: String,
}

impl fmt::Display for Expansion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.location.line, self.location.column)
    }
}

/// Returns the SQL files that expand the schema for a migration, in the order of their paths.
pub(crate) fn expansions(file: &Path, name: &str) -> Result<Vec<Expansion>> {
    let settings = Settings::parse(&Document::read(file)?).unwrap_or_default();
    let roots = Roots::new(file, &settings);
    let mut found = Vec::new();
    for file in find(file, &roots, &settings) {
        let cannot_read = |error: ReadError| Failure::io(format!("cannot read {}: {error}", file.path.display()));
        let content = file.read(&settings).map_err(cannot_read)?;
        let markers = content.script.blocks.iter().flat_map(|block| &block.markers);
        let expand = markers.filter(|(_, marker)| marker.verb == Verb::Expand && marker.argument == name);
        if let Some(location) = expand.map(|(location, _)| *location).min() {
            found.push(Expansion { path: file.path, location, digest: content.digest });
        }
    }
    Ok(found)
}

fn is_sql(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql"))
}

/// Whether a file only undoes the one beside it: `down.sql` of diesel, and `x.down.sql` of sqlx.
///
/// Without the other file, it may run forward.
fn is_down(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(stem) = name.strip_suffix("down.sql").filter(|stem| stem.is_empty() || stem.ends_with('.')) else {
        return false;
    };
    path.with_file_name(format!("{stem}up.sql")).is_file()
}

/// Returns the version that the name of a file begins with, or in diesel the name of its folder.
fn version(path: &Path) -> Option<Version> {
    let named = if path.file_name()? == "up.sql" { path.parent()? } else { path };
    Version::of(&named.file_name()?.to_string_lossy())
}
