//! One consistent view of all flags.

use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::definition::{Definition, Flag};
use crate::evaluate::{Outcome, evaluate};
use crate::evaluation::Evaluation;
use crate::key::{FlagKey, FoldedKey};
use crate::provenance::Provenance;
use crate::subject::Subject;

/// All flags of all layers at one revision, compiled and immutable.
///
/// [`Flags::snapshot`](crate::Flags::snapshot) pins one, so that every question of a request is answered by the same
/// revision: two flags that are flipped together are never seen half-flipped through it. It stays as it is for as
/// long as it is held; hold it for a request, not for the life of the process.
///
/// # Snapshot versus `Flags`
///
/// A [`Flags`](crate::Flags) follows every change and may answer two questions from two revisions. A snapshot answers
/// all from one.
#[derive(Debug, Default)]
pub struct Snapshot {
    revision: u64,
    entries: HashMap<FlagKey, Entry, RandomState>,
    /// Declared by folded key alone, in order, for keys that no layer declares in full. Compiled when somebody asks:
    /// the key, which is the default salt, is not known before.
    folded: Vec<(FoldedKey, Declared)>,
}

/// One flag, after layering.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    definition: Definition,
    declared: Declared,
}

/// What the layers say of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    /// `None` when the declaration was refused and there is no earlier one.
    pub(crate) flag: Option<Flag>,
    pub(crate) layer: Provenance,
}

impl Declared {
    fn compile(&self, key: &str) -> Definition {
        self.flag.as_ref().map_or(Definition::Refused, |flag| Definition::compile(key, flag))
    }
}

impl Snapshot {
    /// Compiles what the layers say. `folded` is in order.
    pub(crate) fn new(
        revision: u64,
        declared: impl Iterator<Item = (FlagKey, Declared)>,
        folded: impl Iterator<Item = (FoldedKey, Declared)>,
    ) -> Self {
        let entries = declared
            .map(|(key, declared)| {
                let definition = declared.compile(key.as_str());
                (key, Entry { definition, declared })
            })
            .collect();
        Self { revision, entries, folded: folded.collect() }
    }

    /// Tells whether the flag is on for the subject.
    ///
    /// # Examples
    ///
    /// ```
    /// let flags = flagkit_core::Flags::new();
    /// let snapshot = flags.snapshot();
    /// assert!(!snapshot.is_on("new-checkout", "user-1"));
    /// ```
    #[inline]
    pub fn is_on<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> bool {
        self.outcome(key, subject).1.on
    }

    /// Answers with the grounds.
    pub fn evaluate<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Evaluation {
        let (declared, Outcome { on, reason }) = self.outcome(key, subject);
        Evaluation { on, reason, layer: declared.map(|declared| declared.layer.clone()), revision: self.revision }
    }

    /// Returns the revision: 0 before the first load, one more with every swap.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns the keys that are declared, in no particular order.
    pub fn keys(&self) -> impl Iterator<Item = &FlagKey> {
        self.entries.keys()
    }

    /// Returns the flag in force under this key: the highest layer's, with the metadata of whoever declared it.
    /// `None` when no layer declares it or its declaration was refused.
    pub fn flag(&self, key: &str) -> Option<&Flag> {
        let declared = self.entries.get(key).map(|entry| &entry.declared).or_else(|| self.folded(key));
        declared.and_then(|declared| declared.flag.as_ref())
    }

    /// Returns what evaluation reads for this key.
    pub(crate) fn definition(&self, key: &str) -> Option<Cow<'_, Definition>> {
        match self.entries.get(key) {
            Some(entry) => Some(Cow::Borrowed(&entry.definition)),
            None => self.folded(key).map(|declared| Cow::Owned(declared.compile(key))),
        }
    }

    /// Returns the keys whose entry differs between the two, in order.
    pub(crate) fn changed_keys(&self, next: &Self) -> Vec<FlagKey> {
        let changed = next.entries.iter().filter(|(key, entry)| self.entries.get(*key) != Some(*entry));
        let gone = self.entries.iter().filter(|(key, _)| !next.entries.contains_key(*key));
        let mut keys: Vec<FlagKey> = changed.chain(gone).map(|(key, _)| key.clone()).collect();
        keys.sort_unstable();
        keys
    }

    pub(crate) fn has_same_folded(&self, other: &Self) -> bool {
        self.folded == other.folded
    }

    #[inline]
    fn outcome<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> (Option<&Declared>, Outcome) {
        if let Some(entry) = self.entries.get(key) {
            return (Some(&entry.declared), evaluate(Some(&entry.definition), subject));
        }
        let declared = self.folded(key);
        let definition = declared.map(|declared| declared.compile(key));
        (declared, evaluate(definition.as_ref(), subject))
    }

    #[inline]
    fn folded(&self, key: &str) -> Option<&Declared> {
        if self.folded.is_empty() {
            return None;
        }
        let index = self.folded.binary_search_by(|(folded, _)| folded.cmp_key(key)).ok()?;
        self.folded.get(index).map(|(_, declared)| declared)
    }
}
