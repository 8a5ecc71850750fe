//! The log: who changed the audience of a flag, and when. It is a file of JSON lines, to which `flagkit` only appends.
//!
//! Each entry holds its own hash and the hash of the flag's previous entry. The first entry of a log also records the
//! states of all flags at that time, and the first entry of each other flag continues it. A check therefore detects an
//! entry that was edited or deleted, and a flag that is on without an entry. Two branches that both added entries can be
//! merged, and the order of the lines does not matter.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flagkit_core::FlagKey;

pub(crate) use crate::entry::{
    ADVANCE, Approved, BACK, BACKFILL, Baseline, CONTRACT, EXPAND, Entry, GO, NO, OBSERVE, REVERT, Transition, who,
};
use crate::environment::environments;
use crate::file::{self, ReadError};
use crate::git::{Repository, Revision};
use crate::progress::Progress;
use crate::project::{Layered, Project};
use crate::report::{Failure, Result};
use crate::serial;
use crate::state::State;
use crate::write::state_folder;

/// Returns the states of all flags before the changes that these entries record.
///
/// In a git repository, a state that is wider than the committed one counts as the committed one: it was edited by hand,
/// and no one has released it.
pub(crate) fn baseline(file: &Path, entries: &[Entry]) -> Baseline {
    let mut baseline = Baseline::new();
    let mut before: HashMap<(&str, &str), State> = HashMap::new();
    let mut before_steps: HashMap<(&str, &str), Progress> = HashMap::new();
    for entry in entries.iter().filter(|entry| !entry.is_note()) {
        if entry.is_of_migration() {
            let from = entry.from.parse().unwrap_or(Progress::OFF);
            before_steps.entry((&entry.file, &entry.flag)).or_insert(from);
        } else {
            let from = entry.from.parse().unwrap_or(State::Off);
            before.entry((&entry.file, &entry.flag)).or_insert(from);
        }
    }
    let head = Repository::find(file).ok().flatten().and_then(|repository| Revision::resolve(repository, "HEAD").ok());
    let committed = |path: &Path| head.as_ref().and_then(|head| head.document(path).ok().flatten());
    for env in [None].into_iter().chain(environments(file).into_iter().map(Some)) {
        let Ok(project) = Project::read(file, env.as_deref()) else { continue };
        let (document, snapshot) = (project.state_document(), project.flags().snapshot());
        let layers: Vec<_> = project.documents().filter_map(|document| committed(&document.path)).collect();
        let committed = (!layers.is_empty()).then(|| Layered::of(&layers).snapshot());
        let cap = |key: &str| committed.as_ref().map_or(State::ON, |committed| State::of(committed.flag(key)));
        let state = |key: &str| {
            let before = before.get(&(document.name().as_str(), key)).copied();
            before.unwrap_or_else(|| State::of(snapshot.flag(key))).min(cap(key))
        };
        let progress = |key: &str| {
            let now = Progress::of(snapshot.flag(key))?;
            let before = before_steps.get(&(document.name().as_str(), key)).copied().unwrap_or(now);
            let committed = committed.as_ref().map(|committed| Progress::of(committed.flag(key)));
            Some(committed.map_or(before, |committed| before.min(committed.unwrap_or(Progress::OFF))))
        };
        let keys = document.load.flags().keys().map(FlagKey::as_str);
        let states = keys.filter_map(|key| match progress(key) {
            Some(progress) => (progress != Progress::OFF).then(|| (key.to_owned(), progress.to_string())),
            // A flag of an environment that is off there may be on below.
            None => Some(state(key))
                .filter(|state| env.is_some() || *state != State::Off)
                .map(|state| (key.to_owned(), state.to_string())),
        });
        baseline.insert(document.name(), states.collect());
    }
    baseline
}

/// Returns the effective state of a flag in a baseline. The names of the files are in the order of their layers.
pub(crate) fn effective_state(baseline: &Baseline, flag: &str, files: &[String]) -> State {
    files.iter().rev().find_map(|file| state_in(baseline, flag, file)).unwrap_or(State::Off)
}

fn state_in(baseline: &Baseline, flag: &str, file: &str) -> Option<State> {
    baseline.get(file)?.get(flag)?.parse().ok()
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
    pub(crate) errors: Vec<(usize, String)>,
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
        match file::read(&path) {
            Ok(bytes) => Ok(Self::parse(path, &String::from_utf8_lossy(&bytes))),
            Err(error) if error.is_missing() => Ok(Self { path, ..Self::default() }),
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
                    journal
                        .errors
                        .push((line, "the line is incomplete; the next entry continues the one before it".to_owned()));
                    continue;
                }
                Err(error) => {
                    journal.errors.push((line, format!("cannot read the entry: {error}")));
                    continue;
                }
            };
            if entry.hash != entry.hashed() {
                journal.errors.push((line, format!("{}: the entry was edited: its hash does not match", entry.flag)));
            }
            known.entry(entry.flag.clone()).or_default().insert(entry.hash.clone());
            wanted.push((line, entry.flag.clone(), entry.previous.clone()));
            journal.lines.push(line);
            journal.entries.push(entry);
        }
        let begins =
            |hash: &String| journal.entries.iter().any(|entry| entry.baseline.is_some() && entry.hash == *hash);
        let mut missing = Vec::new();
        for (line, flag, previous) in wanted {
            let is_known = known.get(&flag).is_some_and(|hashes| hashes.contains(&previous));
            if !previous.is_empty() && !is_known && !begins(&previous) {
                missing.push((line, format!("{flag}: the previous entry is missing")));
            }
        }
        journal.errors.append(&mut missing);
        journal.errors.sort();
        journal
    }

    /// Returns the latest entry of each flag.
    ///
    /// A merge of branches leaves one last entry for each branch. The one with the latest time counts.
    pub(crate) fn latest(&self) -> impl Iterator<Item = &Entry> {
        let followed: HashSet<(&str, &str)> =
            self.entries.iter().map(|entry| (entry.flag.as_str(), entry.previous.as_str())).collect();
        let mut latest: HashMap<&str, &Entry> = HashMap::new();
        let is_last = |entry: &&Entry| !followed.contains(&(entry.flag.as_str(), entry.hash.as_str()));
        for entry in self.entries.iter().filter(is_last) {
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

    /// Returns the greatest serial of a flag's valid entries for a file.
    ///
    /// A serial that cannot be valid yet was written by hand, and counts as none.
    pub(crate) fn last_serial(&self, flag: &str, file: &str) -> Option<u64> {
        let own = self.valid().filter(|entry| entry.flag == flag && entry.file == file);
        let greatest = serial::greatest();
        own.filter_map(|entry| entry.serial).filter(|serial| *serial <= greatest).max()
    }

    /// Returns whether a request with this serial was cancelled.
    pub(crate) fn is_cancelled(&self, flag: &str, file: &str, serial: u64) -> bool {
        let own = self.valid().filter(|entry| entry.flag == flag && entry.file == file && entry.is_note());
        own.filter_map(|entry| entry.serial).any(|cancelled| cancelled == serial)
    }

    /// Returns the entries of a flag in the last of these files, each with the widest state released before it, and the
    /// widest state released now. `None`: the log does not say.
    ///
    /// The names of the files are in the order of their layers. A file without a state of its own has the one below. A
    /// `go` releases its state. A `revert` withdraws everything wider, and releases nothing.
    pub(crate) fn steps(&self, flag: &str, files: &[String]) -> (Vec<(&Entry, Option<State>)>, Option<State>) {
        let baselines = || self.entries.iter().filter_map(|entry| entry.baseline.as_ref());
        let begin = |file: &String| baselines().filter_map(|baseline| state_in(baseline, flag, file)).max();
        let mut released: Vec<Option<State>> = files.iter().map(begin).collect();
        // A baseline lists the declared flags that are not off.
        if let Some(declared) = released.first_mut() {
            *declared = declared.or_else(|| baselines().next().map(|_| State::Off));
        }
        let effective =
            |released: &[Option<State>], layer: usize| released.iter().take(layer + 1).rev().copied().flatten().next();
        let mut steps = Vec::new();
        let states = self.chronological().into_iter().filter(|entry| entry.flag == flag && !entry.is_of_migration());
        for entry in states.filter(|entry| !entry.is_note()) {
            let Some(layer) = files.iter().position(|file| *file == entry.file) else { continue };
            let before = effective(&released, layer);
            if layer + 1 == files.len() {
                steps.push((entry, before));
            }
            if let Some(released) = released.get_mut(layer) {
                *released = Some(entry.releases(before));
            }
        }
        (steps, effective(&released, files.len()))
    }

    /// Returns the entries that the history of the repository has, and this log has not.
    ///
    /// Entries are only added, so each of them was removed by hand. Outside of a repository, there is no history.
    pub(crate) fn removed_entries(&self, file: &Path) -> Result<Vec<Entry>> {
        let Some(repository) = Repository::find(file)? else { return Ok(Vec::new()) };
        let path = repository.path_of(&self.path)?;
        // A repository without a commit has no history.
        let Ok(head) = Revision::resolve(repository, "HEAD") else { return Ok(Vec::new()) };
        let versions = head.versions(&path)?.into_iter();
        let texts = versions.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(self.missing_entries(texts.flat_map(|text| Self::parse(PathBuf::new(), &text).entries)))
    }

    /// Returns those of the entries that this log lacks, each once.
    pub(crate) fn missing_entries(&self, entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
        let mut known: HashSet<String> = self.valid().map(|entry| entry.hash.clone()).collect();
        entries.into_iter().filter(|entry| known.insert(entry.hash.clone())).collect()
    }

    /// Returns all entries in the order of their times, which may differ from the order of the lines.
    pub(crate) fn chronological(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.when);
        entries
    }

    /// Returns the entries without errors.
    pub(crate) fn valid(&self) -> impl Iterator<Item = &Entry> {
        let invalid: HashSet<usize> = self.errors.iter().map(|(line, _)| *line).collect();
        self.entries.iter().zip(&self.lines).filter(move |(_, line)| !invalid.contains(*line)).map(|(entry, _)| entry)
    }

    /// Checks that entries can be appended, before there is an entry to append.
    pub(crate) fn can_be_added_to(file: &Path) -> Result<()> {
        let path = Self::path(file);
        let opened = file::open_to_append(&path);
        opened
            .map(drop)
            .map_err(|error| Failure::io(format!("cannot write {}: {error}; nothing was written", path.display())))
    }

    /// Appends entries for completed changes, in the given order. Sets their `previous` and `hash`.
    pub(crate) fn append(file: &Path, entries: impl IntoIterator<Item = Entry>) -> io::Result<()> {
        let path = Self::path(file);
        let text = match file::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.is_missing() => String::new(),
            Err(ReadError::Io(error)) => return Err(error),
            Err(error) => return Err(io::Error::other(error)),
        };
        let journal = Self::parse(path.clone(), &text);
        let mut latest: HashMap<String, String> =
            journal.latest().map(|entry| (entry.flag.clone(), entry.hash.clone())).collect();
        let mut entries: Vec<Entry> = entries.into_iter().collect();
        let begin = journal.chronological().into_iter().find(|entry| entry.baseline.is_some());
        let mut begin = begin.map(|entry| entry.hash.clone());
        if begin.is_none() {
            let states = baseline(file, &entries);
            if let Some(first) = entries.first_mut() {
                first.baseline = Some(states);
            }
        }
        // An incomplete last line stays, and the new entries begin on the next line.
        let mut lines = String::from(if text.is_empty() || text.ends_with('\n') { "" } else { "\n" });
        for mut entry in entries {
            let previous = latest.remove(&entry.flag).or_else(|| begin.clone());
            entry.previous = previous.unwrap_or_default();
            entry.hash = entry.hashed();
            begin.get_or_insert_with(|| entry.hash.clone());
            lines += &serde_json::to_string(&entry).unwrap_or_default();
            lines.push('\n');
            latest.insert(entry.flag, entry.hash);
        }
        let mut file = file::open_to_append(&path)?;
        file.write_all(lines.as_bytes())?;
        file.sync_data()
    }
}
