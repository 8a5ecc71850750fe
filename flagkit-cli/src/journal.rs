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

use crate::outcome::{Failure, Result};
use crate::probe::Answer;
use crate::project::digest;
use crate::write::{Writer, state_folder};

/// What was done to a flag.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) flag: String,
    /// `go` or `revert`.
    pub(crate) verb: String,
    pub(crate) who: String,
    pub(crate) when: Timestamp,
    /// The state before, as `flagkit` says it: `off`, `on` or a percentage.
    pub(crate) from: String,
    /// The state after.
    pub(crate) to: String,
    /// The file that was written, as it was named, without its folder.
    pub(crate) file: String,
    /// The digest of the file after.
    pub(crate) digest: String,
    /// What the gate's checks answered before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<Answer>,
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

impl Entry {
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
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self::parse(path, &text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { path, ..Self::default() }),
            Err(error) => Err(Failure::io(format!("{}: {error}", path.display()))),
        }
    }

    /// Understands the text of a log.
    pub(crate) fn parse(path: PathBuf, text: &str) -> Self {
        let mut journal = Self { path, ..Self::default() };
        let mut known: HashMap<String, HashSet<String>> = HashMap::new();
        let mut wanted: Vec<(usize, String, String)> = Vec::new();
        for (line, content) in (1..).zip(text.split_inclusive('\n')) {
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

    /// The entries of a flag that none comes after: one, or one for each branch that was merged.
    pub(crate) fn heads<'j>(&'j self, flag: &str) -> Vec<&'j Entry> {
        let entries: Vec<&Entry> = self.entries.iter().filter(|entry| entry.flag == flag).collect();
        let followed: HashSet<&str> = entries.iter().map(|entry| entry.previous.as_str()).collect();
        entries.into_iter().filter(|entry| !followed.contains(entry.hash.as_str())).collect()
    }

    /// The latest entry of a flag.
    pub(crate) fn last(&self, flag: &str) -> Option<&Entry> {
        self.heads(flag).into_iter().max_by_key(|entry| entry.when)
    }

    /// Adds entries for what has just been done, in the order given. Their `previous` and `hash` are filled in.
    pub(crate) fn append(writer: &Writer, log_of: &Path, entries: impl IntoIterator<Item = Entry>) -> Result<()> {
        debug_assert!(state_folder(writer.path()) == state_folder(log_of));
        let path = Self::path(log_of);
        let failed = |error: io::Error| {
            Failure::io(format!("{}: the file was written, and the log was not: {error}", path.display()))
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(error)),
        };
        let mut journal = Self::parse(path.clone(), &text);
        // What broke off stays, on a line of its own.
        let mut lines = String::from(if text.is_empty() || text.ends_with('\n') { "" } else { "\n" });
        for mut entry in entries {
            entry.previous = journal.last(&entry.flag).map(|last| last.hash.clone()).unwrap_or_default();
            entry.hash = entry.hashed();
            lines += &serde_json::to_string(&entry).unwrap_or_default();
            lines.push('\n');
            journal.entries.push(entry);
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        file.write_all(lines.as_bytes()).map_err(failed)?;
        file.sync_data().map_err(failed)
    }
}

/// Who is at it, as far as the system tells.
pub(crate) fn who() -> String {
    let names = ["FLAGKIT_USER", "USER", "LOGNAME", "USERNAME"];
    let name = names.iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    name.unwrap_or_else(|| "unknown".to_owned())
}
