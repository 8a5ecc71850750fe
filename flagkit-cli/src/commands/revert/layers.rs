//! The files that a revert reads, whatever they contain.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use flagkit_core::{Flag, FlagKey, Snapshot};

use crate::edit::{self, Recovered};
use crate::environment::{environment_file, lower_files};
use crate::file::{self, ReadError, parent_dir};
use crate::git::{Repository, Revision};
use crate::journal::Journal;
use crate::location::is_flag_document;
use crate::project::{Document, Project, format, missing, unreadable};
use crate::report::Result;
use crate::state::State;

/// A flag file: its bytes, and the document if programs accept it.
///
/// A program that rejects a document keeps the flags that it loaded before, so their states are unknown.
pub(super) struct Layer {
    pub(super) path: PathBuf,
    /// `None`: there is no such file.
    pub(super) bytes: Option<Vec<u8>>,
    /// The document, or the reason why programs reject it.
    pub(super) document: Result<Document>,
    recovered: OnceCell<Recovered>,
}

impl Layer {
    /// Reads a file. Fails if it cannot be read; a missing file has no flags.
    pub(super) fn read(path: &Path) -> std::result::Result<Self, ReadError> {
        let (bytes, document) = match file::read(path) {
            Ok(bytes) => (Some(bytes.clone()), Document::parse_or_fail(path, bytes)),
            Err(error) if error.is_missing() => (None, Document::missing(path)),
            Err(error) => return Err(error),
        };
        Ok(Self { path: path.to_owned(), bytes, document, recovered: OnceCell::new() })
    }

    /// Returns the text, or the text of a document without flags.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match &self.bytes {
            Some(bytes) => String::from_utf8_lossy(bytes),
            None => crate::project::empty(&self.path).into(),
        }
    }

    /// Returns every key that the file declares, or that can be recovered from it.
    pub(super) fn keys(&self) -> &BTreeSet<String> {
        &self.recovered().keys
    }

    /// Returns every name that the file declares, or that can be recovered from it.
    pub(super) fn recovered(&self) -> &Recovered {
        self.recovered.get_or_init(|| edit::recover(format(&self.path), self.bytes.as_deref().unwrap_or_default()))
    }

    /// Returns whether every program that reads the file turns the flag off.
    fn is_off(&self, name: &str) -> bool {
        let is_valid = |document: &Document| document.load.flags().get(name).is_some();
        self.bytes.is_some()
            && self.document.as_ref().is_ok_and(is_valid)
            && edit::is_off(format(&self.path), &self.text(), name)
    }

    /// Returns whether the file is a flag file, and not a well-formed file of another tool.
    fn is_ours(&self) -> bool {
        self.bytes.as_deref().is_some_and(|bytes| is_flag_document(format(&self.path), bytes))
    }

    fn declares(&self, name: &str) -> bool {
        self.document.as_ref().is_ok_and(|document| document.load.flags().contains(name))
    }
}

/// The file that a revert changes, and the files below it if it is the file of an environment.
pub(super) struct Layers {
    pub(super) target: Layer,
    /// The lowest first. The declaration is the first, and its document is an error if there is no such file.
    pub(super) below: Vec<Layer>,
}

impl Layers {
    /// Reads the files. The declaration may be missing or unreadable if the environment has a file.
    pub(super) fn read(file: &Path, env: Option<&str>) -> Result<Self> {
        let failed = |path: &Path, error: &ReadError| unreadable(path, error);
        let Some(env) = env else {
            let target = Layer::read(file).map_err(|error| failed(file, &error))?;
            return if target.bytes.is_some() { Ok(Self { target, below: Vec::new() }) } else { Err(missing(file)) };
        };
        let path = environment_file(file, env)?;
        let target = Layer::read(&path).map_err(|error| failed(&path, &error))?;
        let below = [file.to_owned()].into_iter().chain(lower_files(file, env)?).map(|path| match Layer::read(&path) {
            Ok(layer) if layer.bytes.is_some() => layer,
            Ok(layer) => Layer { document: Err(missing(&path)), ..layer },
            Err(error) => Layer { document: Err(failed(&path, &error)), path, bytes: None, recovered: OnceCell::new() },
        });
        let layers = Self { target, below: below.collect() };
        match layers.below.first() {
            Some(Layer { document: Err(_), .. }) if layers.all().all(|layer| layer.bytes.is_none()) => {
                Err(Layer::read(file).map_or_else(|error| failed(file, &error), |_| missing(file)))
            }
            _ => Ok(layers),
        }
    }

    /// Returns all layers, the highest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Layer> {
        [&self.target].into_iter().chain(self.below.iter().rev())
    }

    /// Returns whether programs may have flags of the target that its text does not have: it was emptied, cut or
    /// deleted.
    pub(super) fn may_have_lost_names(&self, file: &Path) -> bool {
        let target = &self.target;
        let existed = || {
            let name = target.path.file_name().unwrap_or_default().to_string_lossy();
            Journal::read(file).is_ok_and(|journal| journal.entries.iter().any(|entry| entry.file == name))
                || is_committed(&target.path)
        };
        target.document.is_err() || target.bytes.is_none() && existed()
    }

    /// Returns each name that a file may have had, also if no text has it any more.
    ///
    /// They are the names in the layers, in the flag files in the same folder, which may be layers too, and the keys
    /// of the log. A name that a new text omits would get the definition of a lower layer.
    pub(super) fn lost_names(&self, file: &Path) -> Recovered {
        let mut names = Recovered::default();
        let path = &self.target.path;
        let siblings = fs::read_dir(parent_dir(path)).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_candidate = |sibling: &PathBuf| {
            let is_format = sibling.extension().is_some_and(|extension| extension == "toml" || extension == "json");
            (is_format || sibling.extension() == path.extension()) && sibling.file_name() != path.file_name()
        };
        let siblings: Vec<Layer> =
            siblings.filter(is_candidate).filter_map(|path| Layer::read(&path).ok()).filter(Layer::is_ours).collect();
        for layer in self.all().chain(&siblings) {
            let Recovered { keys, migrations, segments } = layer.recovered();
            names.keys.extend(keys.iter().cloned());
            names.migrations.extend(migrations.iter().cloned());
            names.segments.extend(segments.iter().cloned());
        }
        names.keys.extend(Journal::read(file).unwrap_or_default().entries.into_iter().map(|entry| entry.flag));
        names.keys.retain(|key| FlagKey::new(key).is_ok());
        names
    }

    /// Returns whether every program that reads these files turns the flag off, also one that now has it on.
    pub(super) fn are_off(&self, name: &str) -> bool {
        // Below a missing or invalid file, programs may have a flag on that they read from that file before.
        let mut readable = self.all().take_while(|layer| layer.bytes.is_some() && layer.document.is_ok());
        readable.find(|layer| layer.declares(name)).is_some_and(|layer| layer.is_off(name))
    }

    /// Returns the project with the target as its state document, if programs accept the target.
    ///
    /// If programs reject a file below, the files below are omitted: they do not affect an explicit state in the
    /// target.
    pub(super) fn project(&self) -> Option<Project> {
        let target = self.target.document.as_ref().ok()?.clone();
        let below: Option<Vec<Document>> =
            self.below.iter().map(|layer| layer.document.as_ref().ok().cloned()).collect();
        let mut below = below.unwrap_or_default().into_iter();
        Some(match below.next() {
            Some(declared) => Project { declared, between: below.collect(), environment: Some(target) },
            None => Project::new(target),
        })
    }

    /// Returns the state of a flag in running programs, or `None` if it does not follow from the files.
    ///
    /// `merged` has the flags of the project. A flag is invalid there if it refers to a segment that no file has.
    pub(super) fn state(&self, merged: &Snapshot, name: &str) -> Option<State> {
        let target = self.target.document.as_ref().ok()?;
        if self.below.iter().any(|layer| layer.document.is_err()) {
            // Only a flag that inherits nothing is independent of the files below.
            target.load.flags().get(name).filter(|flag| !flag.inherits())?;
        }
        if self.all().any(|layer| layer.declares(name)) {
            merged.flag(name).map(|flag| State::of(Some(flag)))
        } else {
            Some(State::Off)
        }
    }
}

/// Returns the migrations that the last commit of a file has.
pub(super) fn committed_migrations(path: &Path) -> BTreeSet<String> {
    let head = Repository::find(path).ok().flatten().and_then(|found| Revision::resolve(found, "HEAD").ok());
    let document = head.and_then(|head| head.document(path).ok().flatten());
    document.iter().flat_map(migrations_of).collect()
}

/// Returns the migrations of a document that programs accept.
pub(super) fn migrations_of(document: &Document) -> impl Iterator<Item = String> {
    let flags = document.load.flags();
    let is_migration = |key: &&FlagKey| flags.get(key.as_str()).is_some_and(Flag::is_migration);
    flags.keys().filter(is_migration).map(ToString::to_string)
}

/// Returns whether the last commit has a file.
fn is_committed(path: &Path) -> bool {
    let head = Repository::find(path).ok().flatten().and_then(|found| Revision::resolve(found, "HEAD").ok());
    head.is_some_and(|head| matches!(head.document(path), Err(_) | Ok(Some(_))))
}
