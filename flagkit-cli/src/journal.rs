//! The log: who changed the audience of a flag, and when. It is a file of JSON lines, to which `flagkit` only appends.
//!
//! Each entry holds its own hash and the hash of the flag's previous entry. A check therefore detects an entry that was
//! edited or deleted. Two branches that both added entries can be merged, and the order of the lines does not matter.

use std::collections::{HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::git;
use crate::probe::CheckResult;
use crate::project::digest;
use crate::report::{Failure, Result};
use crate::state::State;
use crate::write::state_folder;

/// A change of a flag from one state to another.
#[derive(Clone, Debug)]
pub(crate) struct Transition {
    pub(crate) flag: String,
    /// The state before, or `None` if it is unknown because the file could not be read.
    pub(crate) from: Option<State>,
    /// The state after.
    pub(crate) to: State,
}

/// An entry of the log, which records one change of a flag.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) flag: String,
    /// `go` or `revert`.
    pub(crate) verb: String,
    pub(crate) who: String,
    pub(crate) when: Timestamp,
    /// The state before, as `flagkit` prints it: `off`, `on`, a percentage, or `unknown`.
    pub(crate) from: String,
    /// The state after.
    pub(crate) to: String,
    /// The name of the written file as given, without its folder.
    pub(crate) file: String,
    /// The digest of the file after the change.
    pub(crate) digest: String,
    /// The digest of the flag's definition, which excludes its state. A `go` applies only to this definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) definition: Option<String>,
    /// The results of the gate's checks before the change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<CheckResult>,
    /// The release that the running system reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) release: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The hash of the flag's previous entry. It is empty for the first entry.
    pub(crate) previous: String,
    /// The SHA-256 of this entry as JSON, with an empty hash.
    pub(crate) hash: String,
}

/// The verb of an entry by `flagkit go`.
pub(crate) const GO: &str = "go";
/// The verb of an entry by `flagkit revert`, or by a `go` that was undone.
pub(crate) const REVERT: &str = "revert";

impl Entry {
    /// Creates the entry for a written file with this digest. [`Journal::append`] sets `previous` and `hash`.
    pub(crate) fn new(verb: &str, path: &Path, digest: &str, moved: &Transition, reason: Option<String>) -> Self {
        Self {
            flag: moved.flag.clone(),
            verb: verb.to_owned(),
            who: who(path),
            when: Timestamp::now(),
            from: moved.from.map_or_else(|| "unknown".to_owned(), |state| state.to_string()),
            to: moved.to.to_string(),
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            digest: digest.to_owned(),
            definition: None,
            checks: Vec::new(),
            release: None,
            reason,
            previous: String::new(),
            hash: String::new(),
        }
    }

    fn hashed(&self) -> String {
        let bare = Self { hash: String::new(), ..self.clone() };
        digest(&serde_json::to_vec(&bare).unwrap_or_default())
    }
}

/// The entries of the log, and its errors.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) path: PathBuf,
    /// The entries in the order of the file.
    pub(crate) entries: Vec<Entry>,
    /// The line of each entry, from 1.
    lines: Vec<usize>,
    /// The errors, each with its line from 1.
    pub(crate) faults: Vec<(usize, String)>,
}

impl Journal {
    /// The path of the log, relative to the folder of the flag file.
    pub(crate) const NAME: &str = ".flagkit/log.jsonl";

    /// Returns the path of the log of a flag file.
    pub(crate) fn path(file: &Path) -> PathBuf {
        state_folder(file).join("log.jsonl")
    }

    /// Reads the log. A missing log has no entries.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let path = Self::path(file);
        match fs::read(&path) {
            Ok(bytes) => Ok(Self::parse(path, &String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { path, ..Self::default() }),
            Err(error) => Err(Failure::io(format!("{}: {error}", path.display()))),
        }
    }

    /// Parses the text of a log.
    pub(crate) fn parse(path: PathBuf, text: &str) -> Self {
        let mut journal = Self { path, ..Self::default() };
        let mut known: HashMap<String, HashSet<String>> = HashMap::new();
        let mut wanted: Vec<(usize, String, String)> = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (line, content) in (1..).zip(text.split_inclusive('\n')) {
            if content.trim().is_empty() {
                continue;
            }
            let entry: Entry = match serde_json::from_str(content.trim_end()) {
                Ok(entry) => entry,
                // The process was stopped while it wrote this line, so the line claims nothing.
                Err(_) if !content.ends_with('\n') => {
                    journal.faults.push((line, "it breaks off; the next entry goes on from the one before".to_owned()));
                    continue;
                }
                Err(error) => {
                    journal.faults.push((line, format!("no entry of a log: {error}")));
                    continue;
                }
            };
            if entry.hash != entry.hashed() {
                journal.faults.push((line, format!("{}: its content is not what was hashed", entry.flag)));
            }
            known.entry(entry.flag.clone()).or_default().insert(entry.hash.clone());
            wanted.push((line, entry.flag.clone(), entry.previous.clone()));
            journal.lines.push(line);
            journal.entries.push(entry);
        }
        for (line, flag, previous) in wanted {
            if !previous.is_empty() && !known.get(&flag).is_some_and(|hashes| hashes.contains(&previous)) {
                journal.faults.push((line, format!("{flag}: the entry before it is gone")));
            }
        }
        journal.faults.sort();
        journal
    }

    /// Returns the latest entry of each flag.
    ///
    /// A merge of branches leaves one last entry for each branch. The one with the latest time counts.
    pub(crate) fn latest(&self) -> impl Iterator<Item = &Entry> {
        let followed: HashSet<&str> = self.entries.iter().map(|entry| entry.previous.as_str()).collect();
        let mut latest: HashMap<&str, &Entry> = HashMap::new();
        for entry in self.entries.iter().filter(|entry| !followed.contains(entry.hash.as_str())) {
            let best = latest.entry(&entry.flag).or_insert(entry);
            if entry.when > best.when {
                *best = entry;
            }
        }
        latest.into_values()
    }

    /// Returns whether the log has an entry for a flag.
    pub(crate) fn knows(&self, flag: &str) -> bool {
        self.entries.iter().any(|entry| entry.flag == flag)
    }

    /// Returns the last `go` of a flag in one of these files. A `go` makes the flag visible to more people.
    pub(crate) fn last_go(&self, flag: &str, files: &[String]) -> Option<&Entry> {
        let goes = self.entries.iter().filter(|entry| entry.flag == flag && entry.verb == GO);
        goes.filter(|entry| files.contains(&entry.file)).max_by_key(|entry| entry.when)
    }

    /// Returns all entries in the order of their times, which may differ from the order of the lines.
    pub(crate) fn chronological(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.when);
        entries
    }

    /// Returns the entries without errors.
    pub(crate) fn valid(&self) -> impl Iterator<Item = &Entry> {
        let faulty: HashSet<usize> = self.faults.iter().map(|(line, _)| *line).collect();
        self.entries.iter().zip(&self.lines).filter(move |(_, line)| !faulty.contains(*line)).map(|(entry, _)| entry)
    }

    /// Checks that entries can be appended, before there is an entry to append.
    pub(crate) fn can_be_added_to(file: &Path) -> Result<()> {
        let path = Self::path(file);
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        opened.map(drop).map_err(|error| {
            Failure::io(format!("{}: cannot be written: {error}; nothing else was written", path.display()))
        })
    }

    /// Appends entries for completed changes, in the given order. Sets their `previous` and `hash`.
    pub(crate) fn append(file: &Path, entries: impl IntoIterator<Item = Entry>) -> io::Result<()> {
        let path = Self::path(file);
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let journal = Self::parse(path.clone(), &text);
        let mut latest: HashMap<String, String> =
            journal.latest().map(|entry| (entry.flag.clone(), entry.hash.clone())).collect();
        // An incomplete last line stays, and the new entries begin on the next line.
        let mut lines = String::from(if text.is_empty() || text.ends_with('\n') { "" } else { "\n" });
        for mut entry in entries {
            entry.previous = latest.remove(&entry.flag).unwrap_or_default();
            entry.hash = entry.hashed();
            lines += &serde_json::to_string(&entry).unwrap_or_default();
            lines.push('\n');
            latest.insert(entry.flag, entry.hash);
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.write_all(lines.as_bytes())?;
        file.sync_data()
    }
}

/// Returns the name of the user from the environment or the settings of git, or `unknown`.
fn who(path: &Path) -> String {
    let names = ["FLAGKIT_USER", "USER", "LOGNAME", "USERNAME", "GIT_AUTHOR_NAME"];
    let name = names.iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.trim().is_empty()));
    name.or_else(|| git::user_name(path)).unwrap_or_else(|| "unknown".to_owned())
}
