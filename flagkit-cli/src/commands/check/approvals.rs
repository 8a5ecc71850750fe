//! The widenings that the log covers.

use std::collections::BTreeMap;

use flagkit_core::Snapshot;

use crate::edit;
use crate::gate::Gates;
use crate::journal::{Entry, GO};
use crate::project::{Definitions, Document, Project};
use crate::report::Result;
use crate::state::State;

/// The valid `go` entries of one file that are newer than the base and were not reverted.
pub(super) struct Approvals<'e> {
    /// The widest approved state of each flag.
    to: BTreeMap<&'e str, State>,
    /// The requirements of the gate that an entry does not meet.
    pub(super) missing: BTreeMap<&'e str, Vec<String>>,
}

impl<'e> Approvals<'e> {
    /// Collects the approvals among the entries of one file, which are in the order of time.
    pub(super) fn of(
        entries: impl Iterator<Item = &'e Entry>,
        is_new: impl Fn(&Entry) -> bool,
        gates: &Gates,
        head: &Project,
    ) -> Self {
        let mut approvals = Self { to: BTreeMap::new(), missing: BTreeMap::new() };
        let mut last: BTreeMap<&str, &Entry> = BTreeMap::new();
        let definitions = Definitions::of(head);
        for entry in entries {
            let flag = entry.flag.as_str();
            let to = entry.to.parse::<State>().unwrap_or(State::Off);
            if entry.verb == GO {
                let last_go = last.insert(flag, entry);
                let mut missing =
                    gates.of(flag).map(|(_, gate)| gate.missing_requirements(entry, last_go)).unwrap_or_default();
                if entry.definition.as_deref() != Some(&definitions.digest(flag)) {
                    missing.push("the current definition of the flag".to_owned());
                }
                if !is_new(entry) {
                    continue;
                }
                if missing.is_empty() {
                    approvals.to.insert(flag, to);
                } else {
                    approvals.missing.entry(flag).or_default().extend(missing);
                }
            } else if let Some(approved) = approvals.to.get_mut(flag) {
                // A revert withdraws the approval of everything above its state.
                *approved = to.min(*approved);
            }
        }
        approvals
    }

    /// Returns the document with each approved state replaced by the one of the base.
    pub(super) fn undo(&self, document: &Document, [before, after]: [&Snapshot; 2]) -> Result<Document> {
        let mut states = BTreeMap::new();
        for (flag, approved) in &self.to {
            let [was, is] = [before, after].map(|snapshot| State::of(snapshot.flag(flag)));
            if was < is && is <= *approved {
                states.insert(*flag, was);
            }
        }
        let text = edit::set_all(document.format(), &document.text, &states)?;
        Document::parse_or_fail(&document.path, text.into_bytes())
    }
}
