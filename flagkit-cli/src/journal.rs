//! The log: who let more people or fewer see a flag, and when. JSON lines that are only ever added to.
//!
//! Each entry holds the hash of the one before it of the same flag, and its own. So an entry that is edited or taken out is
//! found, and two branches that both added entries can be merged, in whatever order the lines come to stand.

use std::collections::{HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::probe::CheckResult;
use crate::project::digest;
use crate::report::{Failure, Result};
use crate::state::State;
use crate::write::state_folder;

/// From which state to which a flag is brought.
#[derive(Clone, Debug)]
pub(crate) struct Transition {
    pub(crate) flag: String,
    /// `None` where nobody knows: the file could not be read.
    pub(crate) from: Option<State>,
    pub(crate) to: State,
}

/// What was done to a flag.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) flag: String,
    /// `go` or `revert`.
    pub(crate) verb: String,
    pub(crate) who: String,
    pub(crate) when: Timestamp,
    /// The state before, as `flagkit` says it: `off`, `on`, a percentage, or `unknown`.
    pub(crate) from: String,
    /// The state after.
    pub(crate) to: String,
    /// The file that was written, as it was named, without its folder.
    pub(crate) file: String,
    /// The digest of the file after.
    pub(crate) digest: String,
    /// What the flag was besides its state, by a digest: a `go` is for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) definition: Option<String>,
    /// What the gate's checks answered before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<CheckResult>,
    /// The release that the build answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) release: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The hash of the flag's entry before, empty for its first.
    pub(crate) previous: String,
    /// The SHA-256 of this entry as JSON, with an empty hash.
    pub(crate) hash: String,
}

/// The verbs of entries.
pub(crate) const GO: &str = "go";
pub(crate) const REVERT: &str = "revert";

impl Entry {
    /// What is known of it when a file has been written, by the digest of its text. What comes before is filled in as it is added.
    pub(crate) fn new(verb: &str, path: &Path, digest: &str, moved: &Transition, reason: Option<String>) -> Self {
        Self {
            flag: moved.flag.clone(),
            verb: verb.to_owned(),
            who: who(),
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

/// What the log holds, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) path: PathBuf,
    /// In the order of the file.
    pub(crate) entries: Vec<Entry>,
    /// The line of each entry, from 1.
    lines: Vec<usize>,
    /// With the line, from 1.
    pub(crate) faults: Vec<(usize, String)>,
}

impl Journal {
    /// Where it is, from the folder of the flag file.
    pub(crate) const NAME: &str = ".flagkit/log.jsonl";

    /// Where the log of a flag file is.
    pub(crate) fn path(file: &Path) -> PathBuf {
        state_folder(file).join("log.jsonl")
    }

    /// Reads the log; without one there are no entries.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let path = Self::path(file);
        match fs::read(&path) {
            Ok(bytes) => Ok(Self::parse(path, &String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { path, ..Self::default() }),
            Err(error) => Err(Failure::io(format!("{}: {error}", path.display()))),
        }
    }

    /// Understands the text of a log.
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
                // Whoever wrote it was stopped: what it says was not claimed.
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

    /// The latest entry of each flag: of those that none comes after, one for each branch that was merged, the latest.
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

    /// Whether anything was done to a flag.
    pub(crate) fn knows(&self, flag: &str) -> bool {
        self.entries.iter().any(|entry| entry.flag == flag)
    }

    /// The last time that more people were let see a flag, as one of these files says.
    pub(crate) fn last_go(&self, flag: &str, files: &[String]) -> Option<&Entry> {
        let goes = self.entries.iter().filter(|entry| entry.flag == flag && entry.verb == GO);
        goes.filter(|entry| files.contains(&entry.file)).max_by_key(|entry| entry.when)
    }

    /// All entries as they were made, in whatever order the lines stand.
    pub(crate) fn chronological(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.when);
        entries
    }

    /// The entries that nothing is wrong with.
    pub(crate) fn valid(&self) -> impl Iterator<Item = &Entry> {
        let faulty: HashSet<usize> = self.faults.iter().map(|(line, _)| *line).collect();
        self.entries.iter().zip(&self.lines).filter(move |(_, line)| !faulty.contains(*line)).map(|(entry, _)| entry)
    }

    /// Finds out whether entries can be added, before there is something to add.
    pub(crate) fn can_be_added_to(file: &Path) -> Result<()> {
        let path = Self::path(file);
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        opened.map(drop).map_err(|error| {
            Failure::io(format!("{}: cannot be written: {error}; nothing else was written", path.display()))
        })
    }

    /// Adds entries for what has just been done, in the order given. Their `previous` and `hash` are filled in.
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
        // What broke off stays, on a line of its own.
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

/// Who is at it, as far as the system tells.
pub(crate) fn who() -> String {
    let names = ["FLAGKIT_USER", "USER", "LOGNAME", "USERNAME"];
    let name = names.iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    name.unwrap_or_else(|| "unknown".to_owned())
}
