//! The SQL files of migrations: destructive statements need a migration that has contracted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flagkit_core::source::{Location, Stage};
use flagkit_core::{Flag, FlagKey};

use super::nearest;
use crate::command_line::CommandLine;
use crate::findings::{Finding, Level};
use crate::git::{Repository, Revision};
use crate::journal::{ADVANCE, BACK, CONTRACT, Entry, Journal};
use crate::migrations::{MigrationFile, find};
use crate::progress::Progress;
use crate::project::{Document, Project};
use crate::report::Result;
use crate::roots::{Roots, Settings};
use crate::sql::{Block, ChangeKind, Marker, Verb};

/// A destructive statement without the marker of a migration.
const DESTRUCTIVE: &str = "destructive-sql";
/// A statement of a migration that has not contracted. `allow` has no effect on it, because the log decides.
pub(super) const EARLY: &str = "early-contract";
const MARKER: &str = "sql-marker";
const UNPARSED: &str = "unparsed-sql";
const EDITED: &str = "edited-migration";

/// Whether the log certifies that a migration has contracted, in one of these files.
///
/// A later step voids the certificate: the migration was declared again under the same name.
pub(crate) fn is_contracted(journal: &Journal, name: &str, files: &[String]) -> bool {
    let entries = journal.valid().filter(|entry| entry.flag == name && files.contains(&entry.file));
    entries.filter(|entry| is_step(entry)).max_by_key(|entry| entry.when).is_some_and(|entry| entry.verb == CONTRACT)
}

/// Returns a file in which a migration has taken steps, according to the log, and has not contracted.
fn uncontracted(journal: &Journal, name: &str) -> Option<String> {
    let files: BTreeSet<&String> =
        journal.valid().filter(|entry| entry.flag == name && is_step(entry)).map(|entry| &entry.file).collect();
    files.into_iter().find(|file| !is_contracted(journal, name, &[(*file).clone()])).cloned()
}

/// Whether an entry of the log changes the stage of a migration.
fn is_step(entry: &Entry) -> bool {
    [ADVANCE, BACK, CONTRACT].contains(&entry.verb.as_str())
}

/// Checks the SQL files of a project.
pub(super) struct SqlCheck<'c> {
    pub(super) roots: &'c Roots,
    pub(super) settings: &'c Settings,
    pub(super) document: &'c Document,
    /// The environments, each above the declaration.
    pub(super) projects: &'c [Project],
    pub(super) journal: &'c Journal,
}

impl SqlCheck<'_> {
    /// Adds the findings, and returns how many more the SQL files allow.
    ///
    /// With a base, a file that the base has is history, and only a change of it is a finding.
    pub(super) fn run(&self, base: Option<&str>, findings: &mut Vec<Finding>) -> Result<usize> {
        let files = find(&self.document.path, self.roots, self.settings);
        let since = self.settings.migrations_since.as_ref();
        let is_checked =
            |file: &&MigrationFile| since.is_none_or(|since| file.version.as_ref().is_none_or(|it| it >= since));
        let files: Vec<&MigrationFile> = files.iter().filter(is_checked).collect();
        let states = match base {
            Some(base) if !files.is_empty() => states(base, &self.document.path, &files)?,
            _ => BTreeMap::new(),
        };
        let mut allowed = 0;
        for file in files {
            let state = states.get(&file.path).copied().unwrap_or(State::New);
            if state == State::Edited {
                findings.push(edited(file));
            }
            if state != State::Committed {
                allowed += self.check_file(file, findings);
            }
        }
        Ok(allowed)
    }

    /// Checks one file, and returns how many findings it allows.
    fn check_file(&self, file: &MigrationFile, findings: &mut Vec<Finding>) -> usize {
        let path = file.path.as_path();
        let content = match file.read(self.settings) {
            Ok(content) => content,
            Err(error) => {
                findings.push(Finding::new(UNPARSED, Level::Error, path, format!("cannot read the SQL file: {error}")));
                return 0;
            }
        };
        if content.is_damaged {
            let finding = Finding::new(UNPARSED, Level::Warning, path, "the SQL file has bytes that are not UTF-8");
            findings.push(finding.with_help("convert it to UTF-8, so that every statement can be found"));
        }
        for (location, error) in content.script.errors {
            let finding = Finding::new(MARKER, Level::Error, path, error.message);
            findings.push(at(finding, location).with_help(error.help));
        }
        content.script.blocks.iter().map(|block| self.check_statement(path, block, findings)).sum()
    }

    fn check_statement(&self, path: &Path, block: &Block, findings: &mut Vec<Finding>) -> usize {
        let of = |verb: Verb| block.markers.iter().filter(move |(_, marker)| marker.verb == verb);
        let mut names = of(Verb::Contract).chain(of(Verb::Expand)).peekable();
        let has_name = names.peek().is_some();
        for (location, marker) in names {
            findings.extend(self.check_marker(path, *location, marker));
        }
        let allows = of(Verb::Allow).next().is_some();
        let mut allowed = 0;
        if let Some((location, message)) = block.unparsed.as_ref() {
            if allows {
                allowed += 1;
            } else {
                let help = "destructive words in it are found; check the rest by hand, and state it: `-- flagkit: allow REASON`";
                let finding = Finding::new(UNPARSED, Level::Warning, path, message);
                findings.push(at(finding, *location).with_help(help));
            }
        }
        if of(Verb::Contract).next().is_some() {
            return allowed;
        }
        for (location, change) in &block.changes {
            if allows && !has_name {
                allowed += 1;
                continue;
            }
            let what = change.describe();
            let (level, message, help) = match change.kind {
                ChangeKind::ReplaceView => (
                    Level::Warning,
                    format!("the statement {what}, and running code may need columns of the old view"),
                    "keep all columns, and state it: `-- flagkit: allow REASON`",
                ),
                ChangeKind::DropFunctions => (
                    Level::Warning,
                    format!("the statement {what}, and running code may need a view or column among them"),
                    "name what it drops, and state it: `-- flagkit: allow REASON`",
                ),
                _ if of(Verb::Expand).next().is_some() => (
                    Level::Error,
                    format!("the statement {what}, which running code may use, but its marker is expand"),
                    "only add to the schema in an expand; remove in a later release, marked `-- flagkit: contract NAME`",
                ),
                _ => (
                    Level::Error,
                    format!("the statement {what}, which running code may use"),
                    "contract a migration first, and write `-- flagkit: contract NAME` above the statement; or, if no \
                     running code uses it, `-- flagkit: allow REASON`",
                ),
            };
            findings.push(at(Finding::new(DESTRUCTIVE, level, path, message), *location).with_help(help));
        }
        allowed
    }

    /// The finding about the name in a marker, or about a contract that comes too early.
    fn check_marker(&self, path: &Path, location: Location, marker: &Marker) -> Option<Finding> {
        let name = marker.argument.as_str();
        let error = |rule, message: String, help: String| {
            Some(at(Finding::new(rule, Level::Error, path, message), location).of(name).with_help(help))
        };
        let flags = self.document.load.flags();
        if !flags.contains(name) {
            // A migration that has contracted is removed from the flag file, and its SQL files stay.
            if self.journal.valid().any(|entry| entry.flag == name && entry.verb == CONTRACT) {
                let file = uncontracted(self.journal, name).filter(|_| marker.verb == Verb::Contract)?;
                let reason = format!("the log has no certificate of its contract for {file}");
                let help = format!("declare {name} again, and contract it in {file} too");
                return error(EARLY, format!("the statement contracts {name}, but {reason}"), help);
            }
            let keys = flags.keys().map(FlagKey::as_str);
            let migrations = keys.filter(|key| flags.get(key).is_some_and(Flag::is_migration));
            let help = match nearest(name, migrations) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "declare it with `kind = \"migration\"`".to_owned(),
            };
            return error(MARKER, format!("got {name:?}, expected the name of a migration"), help);
        }
        // The flag file has a finding of its own for an invalid flag.
        let flag = flags.get(name)?;
        if !flag.is_migration() {
            let message = format!("got {name:?}, expected the name of a migration, but it is a flag of another kind");
            return error(MARKER, message, format!("declare {name} with `kind = \"migration\"`"));
        }
        if marker.verb != Verb::Contract {
            return None;
        }
        let reason = self.early(name)?;
        let command = CommandLine::new(&self.document.path, None, &["migrate", name, "contract"]);
        let help = format!("run `{command}` when every instance has a build with `range = Contracted`");
        error(EARLY, format!("the statement contracts {name}, but {reason}"), help)
    }

    /// Returns why a migration has not contracted in an environment.
    fn early(&self, name: &str) -> Option<String> {
        let declared = Project::new(self.document.clone());
        // With environments, no program uses only the declaration.
        let projects: Vec<&Project> =
            if self.projects.is_empty() { vec![&declared] } else { self.projects.iter().collect() };
        projects.into_iter().find_map(|project| {
            let snapshot = project.flags().snapshot();
            let file = project.state_document().name();
            let Some(progress) = Progress::of(snapshot.flag(name)) else {
                return Some(format!("its stage in {file} is unknown"));
            };
            if progress < Progress::at(Stage::Complete) {
                return Some(format!("its stage in {file} is {progress}"));
            }
            let files: Vec<String> = project.documents().map(Document::name).collect();
            let is_contracted = is_contracted(self.journal, name, &files);
            (!is_contracted).then(|| format!("the log has no certificate of its contract for {file}"))
        })
    }
}

fn at(finding: Finding, location: Location) -> Finding {
    finding.at(location.line, location.column)
}

/// How a file differs from the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Edited,
    Committed,
}

fn edited(file: &MigrationFile) -> Finding {
    let (level, effect) = if file.is_of_diesel() {
        (Level::Warning, "databases that ran it keep the old schema")
    } else {
        (Level::Error, "databases that ran it reject it by its checksum, or keep the old schema")
    };
    let message = format!("the SQL file was changed since the base: {effect}");
    Finding::new(EDITED, level, &file.path, message).with_help("restore it, and write a new file")
}

/// Compares the files with a base, or with the newest commit that the base and the checked-out one both contain.
fn states(base: &str, file: &Path, files: &[&MigrationFile]) -> Result<BTreeMap<PathBuf, State>> {
    let repository = Repository::of(file)?;
    let base = Revision::resolve(repository.clone(), base)?.merge_base();
    let committed = base.files_below(Path::new(""))?;
    let known: Vec<(&MigrationFile, PathBuf, &String)> = files
        .iter()
        .filter_map(|file| {
            let path = repository.path_of(&file.path).ok()?;
            // git reads one path from each line.
            let path = Some(path).filter(|path| !path.to_string_lossy().contains('\n'))?;
            let hash = committed.get(&path)?;
            Some((*file, path, hash))
        })
        .collect();
    let hashes = base.hashes_of(known.iter().map(|(_, path, _)| path.as_path()))?;
    let state = |((file, _, old), new): (&(&MigrationFile, PathBuf, &String), String)| {
        (file.path.clone(), if **old == new { State::Committed } else { State::Edited })
    };
    Ok(known.iter().zip(hashes).map(state).collect())
}
