//! An entry of the log: one change of a flag, or one piece of evidence for a migration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::git::user_name;
use crate::history::{AppliedSql, Backfill, Observation};
use crate::probe::CheckResult;
use crate::progress::Progress;
use crate::project::digest;
use crate::state::State;

/// The states of flags other than off: by the name of the file, and by key.
pub(crate) type Baseline = BTreeMap<String, BTreeMap<String, String>>;

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
    /// `go` or `revert`. For a migration: `advance`, `back`, `expand`, `observe`, `backfill` or
    /// `contract`.
    pub(crate) verb: String,
    pub(crate) who: String,
    pub(crate) when: Timestamp,
    /// The state before, as `flagkit` prints it: `off`, `on`, a percentage, a stage, or `unknown`.
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
    /// The digest of the gate that was in force for a `go`. Entries of older versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gate: Option<String>,
    /// The serial of the approvals of a release, or of the request that was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) serial: Option<u64>,
    /// The people who approved a release by signatures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) approved: Vec<Approved>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The instances of a migration at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) observed: Option<Observation>,
    /// The SQL files of a migration that were applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) applied: Vec<AppliedSql>,
    /// The finished backfill of a migration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backfill: Option<Backfill>,
    /// The states of all flags when the log began. Only the first entry of a log has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) baseline: Option<Baseline>,
    /// The hash of the flag's previous entry, or of the entry with the baseline. It is empty for the first entry.
    pub(crate) previous: String,
    /// The SHA-256 of this entry as JSON, with an empty hash.
    pub(crate) hash: String,
}

/// A person who approved a release, by a signature that was valid then.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approved {
    pub(crate) by: String,
    pub(crate) at: String,
    /// The fingerprint of the key.
    pub(crate) key: String,
}

/// The verb of an entry that a request was cancelled. It changes no state.
pub(crate) const NO: &str = "no";
/// The verb of an entry by `flagkit go`.
pub(crate) const GO: &str = "go";
/// The verb of an entry by `flagkit revert`, or by a `go` that was undone.
pub(crate) const REVERT: &str = "revert";
/// The verb of a migration's step forward.
pub(crate) const ADVANCE: &str = "advance";
/// The verb of a migration's step back.
pub(crate) const BACK: &str = "back";
/// The verb of an entry that all instances were seen at the stage of a migration.
pub(crate) const OBSERVE: &str = "observe";
/// The verb of the certificate that the SQL that adds the new side was applied.
pub(crate) const EXPAND: &str = "expand";
/// The verb of the certificate of a finished backfill.
pub(crate) const BACKFILL: &str = "backfill";
/// The verb of a migration's last step, and of the certificate that no running build uses the old side.
pub(crate) const CONTRACT: &str = "contract";
/// The verbs of a migration's steps.
const STEPS: [&str; 3] = [ADVANCE, BACK, CONTRACT];
/// The verbs of a migration's entries.
const OF_MIGRATIONS: [&str; 6] = [ADVANCE, BACK, CONTRACT, EXPAND, OBSERVE, BACKFILL];

impl Entry {
    /// Creates the entry for a written file with this digest. [`Journal::append`] sets `previous` and `hash`.
    pub(crate) fn new(verb: &str, path: &Path, digest: &str, transition: &Transition, reason: Option<String>) -> Self {
        let from = transition.from.map_or_else(|| "unknown".to_owned(), |state| state.to_string());
        Self::from_to(verb, path, digest, &transition.flag, [from, transition.to.to_string()]).because(reason)
    }

    /// Creates an entry of a migration. `from` is `None` if it is unknown because the file could not be read.
    pub(crate) fn of_migration(
        verb: &str,
        path: &Path,
        digest: &str,
        flag: &str,
        from: Option<Progress>,
        to: Progress,
    ) -> Self {
        let from = from.map_or_else(|| "unknown".to_owned(), |from| from.to_string());
        Self::from_to(verb, path, digest, flag, [from, to.to_string()])
    }

    /// Creates an entry with states as text.
    pub(crate) fn from_to(verb: &str, path: &Path, digest: &str, flag: &str, [from, to]: [String; 2]) -> Self {
        Self {
            flag: flag.to_owned(),
            verb: verb.to_owned(),
            who: who(path),
            when: Timestamp::now(),
            from,
            to,
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            digest: digest.to_owned(),
            definition: None,
            checks: Vec::new(),
            release: None,
            gate: None,
            serial: None,
            approved: Vec::new(),
            reason: None,
            observed: None,
            applied: Vec::new(),
            backfill: None,
            baseline: None,
            previous: String::new(),
            hash: String::new(),
        }
    }

    pub(crate) fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }

    /// Returns whether the entry changed no state.
    pub(crate) fn is_note(&self) -> bool {
        self.verb == NO
    }

    /// Returns whether the entry is about a migration. Such an entry has stages, and no state of a flag.
    pub(crate) fn is_of_migration(&self) -> bool {
        OF_MIGRATIONS.contains(&self.verb.as_str())
    }

    /// Returns whether the entry changed the stage of a migration.
    pub(crate) fn is_step(&self) -> bool {
        STEPS.contains(&self.verb.as_str())
    }

    /// Returns the progress of the migration after this entry.
    pub(crate) fn progress(&self) -> Option<Progress> {
        self.to.parse().ok().filter(|_| self.is_of_migration())
    }

    /// Returns the progress that the steps up to this entry have led to. `before` is the one before this entry.
    ///
    /// A step back starts wherever the file is, also after an edit by hand, so it never leads further than that.
    pub(crate) fn progress_after(&self, before: Option<Progress>) -> Option<Progress> {
        let to = self.progress()?;
        Some(if self.verb == BACK { before.map_or(to, |before| before.min(to)) } else { to })
    }

    /// Returns the widest released state after this entry, with the one before it.
    pub(crate) fn releases(&self, before: Option<State>) -> State {
        if self.is_note() {
            return before.unwrap_or(State::Off);
        }
        let to = self.to.parse().unwrap_or(State::Off);
        if self.verb == GO { to } else { before.map_or(to, |before| before.min(to)) }
    }

    pub(crate) fn hashed(&self) -> String {
        let bare = Self { hash: String::new(), ..self.clone() };
        digest(&serde_json::to_vec(&bare).unwrap_or_default())
    }
}

/// Returns the name of the user from the environment or the settings of git, or `unknown`.
pub(crate) fn who(path: &Path) -> String {
    // `git` runs once, because a revert of all flags adds thousands of entries.
    static OF_GIT: OnceLock<Option<String>> = OnceLock::new();
    let names = ["FLAGKIT_USER", "USER", "LOGNAME", "USERNAME", "GIT_AUTHOR_NAME"];
    let name = names.iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.trim().is_empty()));
    name.or_else(|| OF_GIT.get_or_init(|| user_name(path)).clone()).unwrap_or_else(|| "unknown".to_owned())
}
