//! The folders of a project: those with the code that reads the flags of a file, and those with files that start it.

use std::env;
use std::path::{Path, PathBuf};

use flagkit_core::source::Location;
use flagkit_sources::document::tree::{Lines, parse};
use serde::Deserialize;

use crate::file::parent_dir;
use crate::location::{FLAG_FILE, absolute, is_flag_file, repository, shown};
use crate::project::Document;
use crate::sql::{Dialect, Version};
use crate::tree::{self, BYTE_ORDER_MARK};

/// The table `[project]` of a flag file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The folders with the code, relative to the folder of the file.
    sources: Option<Vec<PathBuf>>,
    /// The folders with SQL files of migrations, relative to the folder of the file.
    pub(crate) migrations: Option<Vec<PathBuf>>,
    /// The dialect of the SQL files.
    pub(crate) dialect: Option<Dialect>,
    /// The version of the first SQL file that is checked.
    pub(crate) migrations_since: Option<Version>,
}

/// An error in the table, with its location.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct SettingsError {
    pub(crate) location: Location,
    message: String,
}

impl Settings {
    /// Parses the table of a document. A document without the table has the default settings.
    pub(crate) fn parse(document: &Document) -> Result<Self, SettingsError> {
        let text = document.text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&document.text);
        let at = |offset, message| SettingsError { location: Lines::new(text).location(offset), message };
        let root = parse(document.format(), text).map_err(|error| at(0, error.to_string()))?;
        let Some(entry) = root.as_table().and_then(|root| root.entry("project")) else { return Ok(Self::default()) };
        let settings: Self =
            tree::deserialize(&entry.node).map_err(|error| at(error.offset(), format!("project: {error}")))?;
        let folder = parent_dir(&document.path);
        let named = [("sources", &settings.sources), ("migrations", &settings.migrations)];
        let named = named.into_iter().flat_map(|(name, paths)| paths.iter().flatten().map(move |path| (name, path)));
        let missing = named.into_iter().find(|(_, path)| !folder.join(path).is_dir());
        match missing {
            None => Ok(settings),
            Some((name, missing)) => {
                let message = format!(
                    "project.{name}: got {}, expected a folder, from the folder of this file",
                    missing.display()
                );
                Err(at(entry.offset, message))
            }
        }
    }
}

/// The folders with the code that reads the flags of one file.
#[derive(Clone, Debug)]
pub(crate) struct Roots {
    /// The folders, as messages show them.
    pub(crate) folders: Vec<PathBuf>,
    /// The repository of the file, with the files that start programs.
    pub(crate) project: PathBuf,
    /// Whether the file names the folders. The code of such a folder reads the flags of this file and of no other.
    pub(crate) are_named: bool,
    /// The flag file, as it was given.
    file: PathBuf,
    /// The flag file, without links in its path.
    resolved: PathBuf,
}

impl Roots {
    /// Returns the folders that the file names. Without them, returns the repository of the file.
    ///
    /// Outside a repository, returns the working folder if the file is below it, or else the folder of the file. A
    /// folder above the file that has a flag file of its own is never included, because its code reads that one.
    pub(crate) fn new(file: &Path, settings: &Settings) -> Self {
        let folder = parent_dir(file);
        let resolved = file.canonicalize().unwrap_or_else(|_| absolute(file));
        let named = settings.sources.as_ref();
        let named: Option<Vec<PathBuf>> =
            named.map(|sources| sources.iter().map(|source| shown(&folder.join(source), file)).collect());
        let are_named = named.is_some();
        let project = folder.clone();
        let mut roots = Self { folders: Vec::new(), project, are_named, file: file.to_owned(), resolved };
        let folder = absolute(&folder);
        // An absolute path says nothing about the working folder, which may be any.
        let is_below =
            |working: &PathBuf| file.is_relative() && working.parent().is_some() && folder.starts_with(working);
        let working = env::current_dir().ok().filter(is_below);
        let top = repository(&folder).or(working).unwrap_or_else(|| folder.clone());
        let above = folder.ancestors().take_while(|above| above.starts_with(&top));
        let root = above.take_while(|above| **above == *folder || !roots.is_foreign(above)).last().unwrap_or(&folder);
        roots.project = shown(root, file);
        roots.folders = named.unwrap_or_else(|| vec![roots.project.clone()]);
        roots
    }

    /// Returns whether a folder has another flag file, which declares the flags of the code below the folder.
    pub(crate) fn is_foreign(&self, folder: &Path) -> bool {
        let path = folder.join(FLAG_FILE);
        path.is_file() && path.canonicalize().is_ok_and(|path| path != self.resolved) && is_flag_file(&path)
    }

    /// Returns whether a path is in the folder of the flag file or below it.
    pub(crate) fn is_beside_file(&self, path: &Path) -> bool {
        let folder = self.resolved.parent().unwrap_or(&self.resolved);
        path.canonicalize().is_ok_and(|path| path.starts_with(folder))
    }

    /// Returns the path of a found file for messages.
    pub(crate) fn shown(&self, path: &Path) -> PathBuf {
        shown(path, &self.file)
    }

    /// Names the folders for a message.
    pub(crate) fn describe(&self) -> String {
        let names = self.folders.iter().map(|folder| match folder.to_str() {
            Some(".") => "this folder".to_owned(),
            _ => folder.display().to_string(),
        });
        names.collect::<Vec<_>>().join(" or ")
    }
}
