//! The difference between two snapshots.
//!
//! # The problem
//!
//! Most loads change nothing or one flag of thousands. A publish should then update few call sites, and an event should
//! name few keys. But a flag can answer differently although its own declaration is the same: one that it requires
//! changed.
//!
//! # How it works
//!
//! 1. Compare the entries of both snapshots, key by key. Keys keep their index, so most comparisons hash nothing.
//! 2. Add the keys that only the older snapshot has.
//! 3. Add the flags that depend on a changed prerequisite, by a search along the reversed references.
//!
//! If the result is empty, the store drops the new snapshot and keeps the current one. So a revision is never used for
//! a load without a change.

use std::collections::{BTreeMap, BTreeSet};

use crate::evaluate::compiled::Definition;
use crate::model::FlagKey;
use crate::publish::snapshot::{Entry, Snapshot};

/// The difference between two snapshots.
///
/// The store computes it at each publish. It turns the keys into an event, and passes them to its hook.
#[derive(Debug)]
pub(crate) struct Changes {
    /// The keys for which answers may differ, sorted: those with an added, changed or removed entry, and the flags that
    /// require one of them, directly or through others.
    pub(crate) keys: Vec<FlagKey>,
    /// Whether nothing else changed: all other keys keep their index, and the declarations by environment key are
    /// equal.
    pub(crate) is_complete: bool,
}

impl Changes {
    /// Returns what differs in `after`.
    ///
    /// Layers are only ever added on top, so a layer index means the same layer in both snapshots.
    pub(crate) fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let is_changed = |(index, (key, entry)): &(u32, (&FlagKey, &Entry))| {
            entry_near(before, *index, key) != Some(*entry)
                || before.origins(key.as_str()) != after.origins(key.as_str())
        };
        let differing = (0..).zip(after.entries().iter()).filter(is_changed);
        let mut keys: Vec<FlagKey> = differing.map(|(_, (key, _))| key.clone()).collect();
        let added_or_changed = keys.len();
        let is_removed = |(index, (key, _)): &(u32, (&FlagKey, &Entry))| entry_near(after, *index, key).is_none();
        let removed = (0..).zip(before.entries().iter()).filter(is_removed);
        keys.extend(removed.map(|(_, (key, _))| key.clone()));
        let is_complete = keys.len() == added_or_changed && before.env_keys() == after.env_keys();
        let mut changes = Self { keys, is_complete };
        if !changes.is_empty() {
            changes.keys.extend(dependents(before, after));
            changes.keys.sort_unstable();
            changes.keys.dedup();
        }
        changes
    }

    /// Returns whether the snapshots are equal. An empty list of keys is not enough: a declaration by environment key
    /// that changed lists no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.is_complete
    }
}

/// Returns the entry of a key that probably has this index. Most keys have the same index in both snapshots.
///
/// A key with another index is looked up by its hash, so the result does not depend on the index.
fn entry_near<'s>(snapshot: &'s Snapshot, index: u32, key: &FlagKey) -> Option<&'s Entry> {
    let entries = snapshot.entries();
    entries.at_index(index, key.as_str()).or_else(|| entries.get(key.as_str()))
}

/// Returns the flags of `after` with a prerequisite that is compiled to another definition than before, directly or
/// through other flags.
///
/// Compares definitions, not entries: metadata changes an entry, but no answer of another flag. Each dependent is
/// visited once, so the search takes time in proportion to the number of references.
fn dependents(before: &Snapshot, after: &Snapshot) -> BTreeSet<FlagKey> {
    let mut by_prerequisite: BTreeMap<&str, Vec<&FlagKey>> = BTreeMap::new();
    for (key, entry) in after.entries().iter() {
        if let Definition::Targeted(flag) = &entry.definition {
            for required in &flag.prerequisites {
                by_prerequisite.entry(required).or_default().push(key);
            }
        }
    }
    let is_changed = |key: &&str| before.find(key).1 != after.find(key).1;
    let mut changed: Vec<&str> = by_prerequisite.keys().copied().filter(is_changed).collect();
    let mut dependents = BTreeSet::new();
    while let Some(required) = changed.pop() {
        for key in by_prerequisite.get(required).into_iter().flatten() {
            if dependents.insert((*key).clone()) {
                changed.push(key.as_str());
            }
        }
    }
    dependents
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::provenance::Provenance;
    use crate::model::{EnvKey, Flag, FlagSet, Metadata, Reference};
    use crate::publish::indexed_map::NO_INDEX;
    use crate::publish::publisher::Publisher;
    use crate::publish::signal::Signal;
    use crate::publish::store::Store;

    /// A store with one empty layer, and a function that publishes to it and returns the snapshots before and after.
    fn publishing() -> impl Fn(FlagSet) -> (Arc<Snapshot>, Arc<Snapshot>) {
        let (store, signal) = (Arc::new(Store::default()), Signal::new());
        let layer = store.add_layer(Provenance::new("test:"), signal.clone());
        let publisher = Publisher::new(Arc::clone(&store), layer, signal);
        move |set| {
            let before = store.cell().latest();
            publisher.publish(set);
            (before, store.cell().latest())
        }
    }

    fn set<'k>(flags: impl IntoIterator<Item = (&'k str, Flag)>) -> FlagSet {
        flags.into_iter().map(|(key, flag)| (FlagKey::new(key).expect("a key"), flag)).collect()
    }

    fn changed(changes: &Changes) -> (Vec<&str>, bool) {
        (changes.keys.iter().map(FlagKey::as_str).collect(), changes.is_complete)
    }

    #[test]
    fn changes_list_what_differs_and_whether_the_list_is_complete() {
        let keys: Vec<String> = (0..100).map(|n| format!("k{n:02}")).collect();
        let all = || keys.iter().map(|key| (key.as_str(), Flag::on()));
        let after = publishing();
        let (none, first) = after(set(all()));
        assert_eq!(Changes::between(&none, &first).keys.len(), 100);
        assert!(Changes::between(&first, &first).is_empty());

        let (before, next) = after(set(all().chain([("k50", Flag::off()), ("new", Flag::on())])));
        assert_eq!(changed(&Changes::between(&before, &next)), (vec!["k50", "new"], true));
        for key in &keys {
            assert_eq!(next.find(key).0, before.find(key).0, "{key} keeps its index");
        }
        let (before, next) = after(set(all().skip(1)));
        assert_eq!(changed(&Changes::between(&before, &next)), (vec!["k00", "k50", "new"], false));

        let mut with_env_key = set(all().skip(1));
        with_env_key.insert_folded(EnvKey::new("K00").expect("a folded key"), Flag::on());
        let (before, next) = after(with_env_key);
        assert_eq!(changed(&Changes::between(&before, &next)), (vec![], false));
        assert!(!Changes::between(&before, &next).is_empty());
        assert_eq!((before.len(), next.len()), (99, 100));
        assert_eq!(next.find("k00").0, NO_INDEX);
        assert!(next.is_on("k00", &()) && !before.is_on("k00", &()));
    }

    #[test]
    fn changes_list_the_flags_that_require_a_changed_one() {
        let after = publishing();
        let requires = |key| Flag::on().with_prerequisites([Reference::new(key)]);
        let all = |base: Flag| {
            let flags = [("child", requires("base")), ("grandchild", requires("child")), ("other", requires("none"))];
            set([("base", base), ("off", Flag::off().with_prerequisites([Reference::new("base")]))]
                .into_iter()
                .chain(flags))
        };
        after(all(Flag::on()));
        let (before, next) = after(all(Flag::off()));
        assert_eq!(changed(&Changes::between(&before, &next)), (vec!["base", "child", "grandchild"], true));

        let described = Metadata { description: Some("the base".into()), ..Metadata::default() };
        let (before, next) = after(all(Flag::off().with_metadata(described)));
        assert_eq!(changed(&Changes::between(&before, &next)), (vec!["base"], true), "metadata changes no answer");

        let mut none_by_env_key = all(Flag::off());
        none_by_env_key.insert_folded(EnvKey::new("NONE").expect("a folded key"), Flag::on());
        after(all(Flag::off()));
        let (before, next) = after(none_by_env_key);
        assert_eq!(changed(&Changes::between(&before, &next)), (vec!["other"], false));
    }
}
