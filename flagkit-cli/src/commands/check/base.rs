//! The flags, the gates and the log at the base, as programs could read them there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flagkit_core::{FlagKey, Snapshot};
use serde_json::Value;

use super::approvers::BaseList;
use crate::approvals::ApproverList;
use crate::edit;
use crate::environment::{environment_of, is_layer_above};
use crate::findings::{Finding, Level};
use crate::gate::Gates;
use crate::git::{Content, Repository, Revision};
use crate::journal::{Entry, Journal};
use crate::progress::Progress;
use crate::project::{Definitions, Document, Layered, Project, format};
use crate::report::{Failure, Result};
use crate::state::State;
use crate::tree::document_to_json;

/// The state before a change, by which the change is evaluated.
///
/// If the flags of the base cannot be read, programs keep the ones that they could read last. The newest readable
/// commit before the base stands for them.
pub(super) struct Base {
    revision: Revision,
    /// The commit of the flags. This is an older one if those of the base cannot be read.
    commit: Revision,
    /// The flag file from the root of the repository. It may have had another path at the base.
    path: PathBuf,
    flags: Option<Flags>,
    /// The log at the base.
    pub(super) log: Journal,
    /// The hashes of the entries that the log had when the flags could be read.
    known: BTreeSet<String>,
}

/// The last valid definition of a flag that is invalid at the base.
///
/// Programs that run keep this definition, so a repair may return to its state and needs no further `go`.
pub(super) struct LastValid {
    pub(super) state: State,
    /// The progress, if the flag is a migration.
    pub(super) progress: Option<Progress>,
    /// The digest of the definition.
    pub(super) definition: String,
    /// The hashes of the entries that the log had then.
    known: BTreeSet<String>,
}

impl LastValid {
    /// Whether an entry is newer than the definition.
    pub(super) fn is_new(&self, entry: &Entry) -> bool {
        !self.known.contains(&entry.hash)
    }
}

/// The documents of one commit.
struct Flags {
    declared: Document,
    gates: Gates,
    /// The documents of the environments, by name.
    environments: BTreeMap<String, Document>,
}

impl Base {
    /// Reads the base. Adds findings for a base that cannot be read, and for a file that had another path there.
    pub(super) fn read(file: &Path, name: &str, findings: &mut Vec<Finding>) -> Result<Self> {
        let repository = Repository::of(file)?;
        let mut path = repository.path_of(file)?;
        let revision = Revision::resolve(repository, name)?;
        if matches!(revision.read(&path)?, Content::Absent) {
            match moved_from(&revision, &path)?.as_slice() {
                [] => {}
                [old] => {
                    let message = format!("compared with {} at {name}, which was moved here", old.display());
                    findings.push(Finding::new("base", Level::Warning, file, message));
                    path.clone_from(old);
                }
                several => {
                    let several: Vec<String> = several.iter().map(|path| path.display().to_string()).collect();
                    let message = format!("did not exist at {name}, and may be one of {}", several.join(", "));
                    let finding = Finding::new("base", Level::Error, file, message);
                    findings.push(finding.with_help("move one flag file in one change"));
                }
            }
        }
        let log = log_at(&revision, &path)?;
        let (flags, ground) = match Flags::at(&revision, &path)? {
            Ok(flags) => (flags, None),
            Err(reason) => {
                let ground = newest_readable(&revision, &path)?;
                let instead = ground.as_ref().map_or_else(
                    || "every flag that is on counts as new".to_owned(),
                    |(_, commit)| format!("compared with {} instead", commit.name()),
                );
                let message = format!("cannot read the flags at {name}: {reason}; {instead}");
                findings.push(Finding::new("base", Level::Warning, file, message));
                ground.map_or((None, None), |(flags, commit)| (Some(flags), Some(commit)))
            }
        };
        let commit = ground.unwrap_or_else(|| revision.clone());
        let known = hashes(log_at(&commit, &path)?);
        Ok(Self { revision, commit, path, flags, log, known })
    }

    /// Returns the gates, or `None` for a file that has none at the base.
    pub(super) fn gates(&self) -> Option<&Gates> {
        self.flags.as_ref().map(|flags| &flags.gates)
    }

    /// Returns the list of approvers of the base, beside the flag file there.
    pub(super) fn approvers(&self) -> Result<BaseList> {
        let path = self.path.parent().unwrap_or(Path::new("")).join(ApproverList::NAME);
        let approvers = match self.revision.read(&path)? {
            Content::Absent => Ok(None),
            Content::Unreadable(reason) => Err(reason.to_string()),
            Content::File(bytes) => ApproverList::parse(&bytes).map(Some),
        };
        Ok(BaseList { path, approvers })
    }

    /// Returns the flags as they were effective in an environment, or without one.
    pub(super) fn snapshot(&self, env: Option<&str>) -> Arc<Snapshot> {
        Layered::of(self.layers(env).into_iter().map(|(_, document)| document)).snapshot()
    }

    /// Returns the documents of an environment with the names of their layers, the declaration first.
    pub(super) fn layers<'e>(&'e self, env: Option<&'e str>) -> Vec<(Option<&'e str>, &'e Document)> {
        self.flags.iter().flat_map(|flags| flags.layers(env)).collect()
    }

    /// Returns the documents of an environment as a project. `None`: the flags could never be read.
    pub(super) fn project(&self, env: Option<&str>) -> Option<Project> {
        self.flags.as_ref().map(|flags| flags.project(env))
    }

    /// Returns the greatest serial that the log has for a flag in an environment. `name`: its file in the head.
    pub(super) fn last_serial(&self, env: Option<&str>, flag: &str, name: &str) -> Option<u64> {
        let declared = self.path.file_name().unwrap_or_default().to_string_lossy();
        // The file may have had another name, in TOML or in JSON.
        let is_own = |file: &str| match env {
            Some(_) => environment_of(&self.path, file).as_deref() == env,
            None => file == declared,
        };
        let files: BTreeSet<&str> = self.log.entries.iter().map(|entry| entry.file.as_str()).collect();
        let files = files.into_iter().filter(|file| *file == name || is_own(file));
        files.filter_map(|file| self.log.last_serial(flag, file)).max()
    }

    /// Returns the last valid definitions of the flags that are invalid in an environment of the base.
    ///
    /// A flag without one counts as off.
    pub(super) fn last_valid(&self, env: Option<&str>) -> Result<BTreeMap<String, LastValid>> {
        let snapshot = self.snapshot(env);
        let mut invalid: BTreeSet<&str> =
            snapshot.keys().map(FlagKey::as_str).filter(|key| snapshot.flag(key).is_none()).collect();
        let mut found = BTreeMap::new();
        if invalid.is_empty() {
            return Ok(found);
        }
        for commit in self.commit.ancestors()? {
            let flags = match Flags::at(&commit, &self.path)? {
                Ok(Some(flags)) => flags,
                Ok(None) => break,
                Err(_) => continue,
            };
            let project = flags.project(env);
            let before = project.flags().snapshot();
            let (definitions, known) = (Definitions::of(&project), hashes(log_at(&commit, &self.path)?));
            let keys: BTreeSet<&str> = before.keys().map(FlagKey::as_str).collect();
            invalid.retain(|key| {
                let flag = before.flag(key);
                // A flag that did not exist yet was off.
                if flag.is_some() || !keys.contains(key) {
                    let (state, progress) = (State::of(flag), Progress::of(flag));
                    let (definition, known) = (definitions.digest(key), known.clone());
                    found.insert((*key).to_owned(), LastValid { state, progress, definition, known });
                }
                !found.contains_key(*key)
            });
            if invalid.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    /// Whether the base declares a flag.
    pub(super) fn declares(&self, flag: &str) -> bool {
        self.flags.as_ref().is_some_and(|flags| flags.declared.load.flags().contains(flag))
    }

    /// Returns the names of the environments.
    pub(super) fn environments(&self) -> impl Iterator<Item = &str> {
        self.flags.iter().flat_map(|flags| flags.environments.keys().map(String::as_str))
    }

    /// Whether an entry is newer than the flags of the base.
    pub(super) fn is_new(&self, entry: &Entry) -> bool {
        !self.known.contains(&entry.hash)
    }

    /// Returns the entries that the head has removed from the log. A branch need not have the newest ones of the base.
    pub(super) fn removed_entries(&self, head: &Journal) -> Result<Vec<Entry>> {
        let log = log_at(&self.revision.merge_base(), &self.path)?;
        let valid: Vec<Entry> = log.valid().cloned().collect();
        Ok(head.missing_entries(valid))
    }

    /// Returns the entries that a commit since the base has added, and that the head has removed again.
    pub(super) fn removed_since(&self, head: &Journal) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for path in BTreeSet::from([self.revision.path_of(&head.path)?, log_path(&self.path)]) {
            for bytes in self.revision.versions_since(&path)? {
                let log = Journal::parse(path.clone(), &String::from_utf8_lossy(&bytes));
                entries.extend(log.valid().cloned());
            }
        }
        Ok(head.missing_entries(entries))
    }

    /// Returns what a path of the working tree leads to, if that is outside of the repository.
    pub(super) fn outside(&self, path: &Path) -> Option<PathBuf> {
        let target = path.canonicalize().ok()?;
        (!target.starts_with(self.revision.root())).then_some(target)
    }
}

impl Flags {
    /// Returns the documents of an environment with the names of their layers, the declaration first.
    fn layers<'e>(&'e self, env: Option<&'e str>) -> impl Iterator<Item = (Option<&'e str>, &'e Document)> {
        let is_layer = move |layer: &str| env.is_some_and(|env| env == layer || is_layer_above(env, layer));
        let layers = self.environments.iter().filter(move |(layer, _)| is_layer(layer));
        let layers = layers.map(|(layer, document)| (Some(layer.as_str()), document));
        [(None, &self.declared)].into_iter().chain(layers)
    }

    /// Returns the documents of an environment as a project.
    fn project(&self, env: Option<&str>) -> Project {
        let between = self.layers(env).filter(|(layer, _)| layer.is_some() && *layer != env);
        Project {
            declared: self.declared.clone(),
            between: between.map(|(_, document)| document.clone()).collect(),
            environment: env.and_then(|env| self.environments.get(env)).cloned(),
        }
    }

    /// Reads the documents of a commit. `None`: there is no such file. The inner error is why they cannot be read.
    fn at(revision: &Revision, path: &Path) -> Result<std::result::Result<Option<Self>, String>> {
        let declared = match document(revision, path)? {
            Ok(Some(document)) => document,
            Ok(None) => return Ok(Ok(None)),
            Err(reason) => return Ok(Err(reason)),
        };
        let gates = match Gates::parse(&declared) {
            Ok(gates) => gates,
            Err(errors) => {
                let first = errors.into_iter().next().map(|error| error.message).unwrap_or_default();
                return Ok(Err(format!("invalid gates: {first}")));
            }
        };
        let mut environments = BTreeMap::new();
        for name in revision.names(path.parent().unwrap_or(Path::new("")))? {
            let Some(env) = environment_of(path, &name) else { continue };
            let document = match document(revision, &path.with_file_name(&name))? {
                Ok(document) => document,
                Err(reason) => return Ok(Err(reason)),
            };
            if let Some(other) = document.and_then(|document| environments.insert(env, document)) {
                return Ok(Err(format!("{} and {name} are files of the same environment", other.name())));
            }
        }
        Ok(Ok(Some(Self { declared, gates, environments })))
    }
}

/// Reads one document of a commit. The inner error is why a program could not read it.
fn document(revision: &Revision, path: &Path) -> Result<std::result::Result<Option<Document>, String>> {
    let at = |reason: String| format!("{}: {reason}", path.display());
    Ok(match revision.read(path)? {
        Content::Absent => Ok(None),
        Content::Unreadable(reason) => Err(at(reason.to_string())),
        Content::File(bytes) => Document::parse(path, bytes).map(Some).map_err(|error| {
            let problem = error.problems().first();
            let got = problem.map(|problem| format!("got {}, expected {}", problem.got(), problem.expected()));
            at(got.unwrap_or_else(|| error.to_string().lines().next().unwrap_or_default().to_owned()))
        }),
    })
}

/// Returns the flags of the newest commit before a base at which they could be read.
fn newest_readable(base: &Revision, path: &Path) -> Result<Option<(Flags, Revision)>> {
    for commit in base.ancestors()? {
        match Flags::at(&commit, path)? {
            Ok(Some(flags)) => return Ok(Some((flags, commit))),
            Ok(None) => return Ok(None),
            Err(_) => {}
        }
    }
    Ok(None)
}

fn hashes(log: Journal) -> BTreeSet<String> {
    log.entries.into_iter().map(|entry| entry.hash).collect()
}

/// Returns the path of the log of a flag file in a repository.
fn log_path(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(Journal::NAME)
}

fn log_at(revision: &Revision, file: &Path) -> Result<Journal> {
    let path = log_path(file);
    match revision.read(&path)? {
        Content::File(bytes) => Ok(Journal::parse(path, &String::from_utf8_lossy(&bytes))),
        Content::Absent => Ok(Journal::default()),
        Content::Unreadable(reason) => {
            Err(Failure::io(format!("cannot read {} at {}: {reason}", path.display(), revision.name())))
        }
    }
}

/// Returns the flag files of the base that are gone, and may have been moved to this path.
fn moved_from(base: &Revision, path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for name in base.removed_paths()? {
        let old = PathBuf::from(&name);
        if let Content::File(bytes) = base.read(&old)? {
            if is_flag_file(&old, &bytes) {
                found.push(old);
            }
        }
    }
    let is_environment = |old: &PathBuf| {
        let name = old.file_name().unwrap_or_default().to_string_lossy();
        found.iter().any(|file| file.parent() == old.parent() && environment_of(file, &name).is_some())
    };
    let declared: Vec<PathBuf> = found.iter().filter(|old| !is_environment(old)).cloned().collect();
    let of_same_name: Vec<PathBuf> =
        declared.iter().filter(|old| old.file_name() == path.file_name()).cloned().collect();
    Ok(if of_same_name.is_empty() { declared } else { of_same_name })
}

/// Whether the content of a file declares flags. A document that is not well-formed may have any keys.
///
/// A program reads a file of any name, but text that is not well-formed proves nothing without the usual extension.
pub(super) fn is_flag_file(path: &Path, bytes: &[u8]) -> bool {
    match document_to_json(format(path), &String::from_utf8_lossy(bytes)) {
        Value::Null => has_usual_extension(path) && !edit::recover(format(path), bytes).keys.is_empty(),
        document => document.get("flags").is_some_and(Value::is_object),
    }
}

/// Whether a path ends with `.toml` or `.json`, in any case.
pub(super) fn has_usual_extension(path: &Path) -> bool {
    let is = |usual: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(usual));
    is("toml") || is("json")
}
