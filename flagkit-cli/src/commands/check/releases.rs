//! The widenings that the log covers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flagkit_core::source::Load;
use flagkit_core::{Flag, FlagKey, FlagSet, Snapshot};

use super::base::{Base, LastValid};
use crate::gate::Gates;
use crate::journal::{Entry, GO};
use crate::project::{Definitions, Document, Layered, Project};
use crate::state::State;
use crate::tree::document_to_json;

/// The valid `go` entries of one file that are newer than the base and were not reverted.
#[derive(Default)]
pub(super) struct Releases<'e> {
    /// The widest released state of each flag.
    to: BTreeMap<&'e str, State>,
    /// The requirements of the gate that an entry does not meet.
    pub(super) missing: BTreeMap<&'e str, Vec<String>>,
}

impl<'e> Releases<'e> {
    /// Collects the releases among the entries of one file, which are in the order of time.
    ///
    /// `before` has the states from which the steps start. A step from a wider state, which no step released, counts
    /// for nothing. A flag that is invalid there starts from its last valid definition.
    pub(super) fn of(
        entries: impl Iterator<Item = &'e Entry>,
        base: &Base,
        gates: &Gates,
        (before, last_valid): (&Snapshot, &'e BTreeMap<String, LastValid>),
        head: &Project,
    ) -> Self {
        let mut found = Self::default();
        let mut last: BTreeMap<&str, &Entry> = BTreeMap::new();
        let mut released: BTreeMap<&str, State> = BTreeMap::new();
        let definitions = Definitions::of(head);
        for (flag, valid) in last_valid {
            released.insert(flag, valid.state);
            if valid.definition == definitions.digest(flag) {
                found.to.insert(flag, valid.state);
            }
        }
        for entry in entries {
            let flag = entry.flag.as_str();
            let start = last_valid.get(flag).map_or_else(|| State::of(before.flag(flag)), |valid| valid.state);
            let is_new = last_valid.get(flag).map_or_else(|| base.is_new(entry), |valid| valid.is_new(entry));
            let released = released.entry(flag).or_insert(start);
            if entry.verb != GO {
                *released = entry.releases(Some(*released));
                // A revert withdraws the release of everything above its state.
                if let Some(widest) = found.to.get_mut(flag).filter(|_| is_new || !last_valid.contains_key(flag)) {
                    *widest = (*widest).min(*released);
                }
                continue;
            }
            let last_go = last.insert(flag, entry);
            // The base accepted its own entries, and its states show what is left of them.
            if !is_new {
                *released = entry.releases(Some(*released)).min(start);
                continue;
            }
            let mut missing = gates.missing_requirements(entry, last_go);
            let from = entry.from.parse().unwrap_or(State::Off);
            if gates.of(flag).is_some_and(|(_, gate)| gate.has_steps()) && from > *released {
                missing.push(format!("a step that released {from}"));
            }
            if entry.definition.as_deref() != Some(&definitions.digest(flag)) {
                missing.push("the current definition of the flag".to_owned());
            }
            if missing.is_empty() {
                *released = entry.releases(Some(*released));
                found.to.insert(flag, *released);
            } else {
                found.missing.entry(flag).or_default().extend(missing);
            }
        }
        found
    }

    /// Whether the releases cover the step of a flag from one state to another.
    fn cover(&self, flag: &str, [was, is]: [State; 2]) -> bool {
        was < is && self.reach(flag, is)
    }

    /// Whether a release has reached the state of a flag, with its present definition.
    fn reach(&self, flag: &str, is: State) -> bool {
        self.to.get(flag).is_some_and(|widest| is <= *widest)
    }
}

/// A layer of a project: an environment, or `None` for the declaration.
pub(super) type Layer = Option<String>;

/// The releases of all files, and the layers of one project to which they apply.
pub(super) struct Scope<'a, 'e> {
    pub(super) releases: &'a BTreeMap<Layer, Releases<'e>>,
    /// The documents of the head with their layers, the declaration first.
    pub(super) head: Vec<(Layer, &'a Document)>,
    /// The documents of the base.
    pub(super) base: Vec<(Option<&'a str>, &'a Document)>,
    /// The flags that need approvals of people and lack them, with the reasons. A `go` in the log is not enough there.
    pub(super) refusals: BTreeMap<String, String>,
    /// The flags with the approvals that their gates require, for their present definitions.
    pub(super) approved: BTreeSet<String>,
}

impl<'a, 'e> Scope<'a, 'e> {
    /// Returns the highest layer that has the state of a flag, or had it at the base.
    ///
    /// Only the releases of this layer count: a `go` for a lower layer said nothing about an environment that has a
    /// state of its own.
    pub(super) fn layer_of(&self, flag: &str) -> Option<&str> {
        let head = self.head.iter().rev().find(|(_, document)| has_state(document, flag));
        let base = self.base.iter().rev().find(|(_, document)| has_state(document, flag));
        // `None` is the lowest layer, and a name is less than the names of the layers above it.
        head.and_then(|(layer, _)| layer.as_deref()).max(base.and_then(|(layer, _)| *layer))
    }

    /// Returns the releases of a layer.
    pub(super) fn releases_of(&self, layer: Option<&str>) -> Option<&'a Releases<'e>> {
        self.releases.get(&layer.map(str::to_owned))
    }

    /// Returns the flags of the head, with each released state replaced by the one of the base.
    ///
    /// A flag with a signed definition is replaced as a whole.
    pub(super) fn without_released(&self, before: &Snapshot) -> Arc<Snapshot> {
        let after = Layered::of(self.head.iter().map(|(_, document)| *document)).snapshot();
        let mut documents: Vec<Document> = self.head.iter().map(|(_, document)| (*document).clone()).collect();
        for key in after.keys() {
            let name = key.as_str();
            let states @ [was, is] = [before, &*after].map(|snapshot| State::of(snapshot.flag(name)));
            let releases = self.releases_of(self.layer_of(name));
            // People have signed exactly this definition, so a change of it is released with the state.
            if self.approved.contains(name) && releases.is_some_and(|releases| releases.reach(name, is)) {
                let flag = before.flag(name).cloned().unwrap_or_else(Flag::off);
                let holders = documents.iter_mut().filter(|document| document.load.flags().contains(name));
                holders.for_each(|document| set_flag(document, key, flag.clone()));
                continue;
            }
            let is_released = releases.is_some_and(|releases| releases.cover(name, states));
            if is_released && !self.refusals.contains_key(name) {
                let mut holders = documents.iter_mut().rev();
                if let Some(document) = holders.find(|document| document.load.flags().contains(name)) {
                    set_state(document, key, was);
                }
            }
        }
        Layered::of(&documents).snapshot()
    }
}

/// Whether a document states the switch, the rollout or the stage of a flag. One that inherits may state only other
/// parts, and so may a migration.
fn has_state(document: &Document, flag: &str) -> bool {
    let has_parts = |flag: &Flag| flag.inherits() || flag.is_migration();
    if !document.load.flags().get(flag).is_some_and(has_parts) {
        return document.load.flags().contains(flag);
    }
    let values = document_to_json(document.format(), &document.text);
    let values = values.get("flags").and_then(|flags| flags.get(flag));
    values.is_some_and(|values| ["on", "rollout", "stage"].into_iter().any(|name| values.get(name).is_some()))
}

/// Sets the state of a flag that a document has.
fn set_state(document: &mut Document, key: &FlagKey, state: State) {
    let flag = match (state, document.load.flags().get(key.as_str())) {
        (State::At(percent), Some(flag)) => flag.clone().enabled().with_rollout(percent),
        _ => Flag::off(),
    };
    set_flag(document, key, flag);
}

/// Replaces the declaration of a flag that a document has.
fn set_flag(document: &mut Document, key: &FlagKey, flag: Flag) {
    let mut flags: FlagSet = document.load.flags().clone();
    flags.insert(key.clone(), flag);
    let problems = document.load.problems().to_vec();
    document.load = Load::new(flags).with_problems(problems);
}
