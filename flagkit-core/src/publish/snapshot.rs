//! One consistent view of all flags.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::condition::tracer::Witness;
use crate::evaluate::compiled::{Definition, Segments};
use crate::evaluate::effect::{Effect, narrows};
use crate::evaluate::evaluation::Evaluation;
use crate::evaluate::evaluator::{Definitions, Outcome, Question};
use crate::evaluate::explanation::{Explanation, Recorder};
use crate::evaluate::reason::Reason;
use crate::model::key::{EnvKey, FlagKey};
use crate::model::provenance::Provenance;
use crate::model::{Flag, Variant};
use crate::publish::indexed_map::{NOWHERE, Table};
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
    /// Lowest first. There are far fewer of them than of what refers to them.
    layers: Box<[Provenance]>,
    entries: Table<Entry>,
    /// Declared by folded key alone, in order, for keys that no layer declares in full. Compiled when somebody asks:
    /// the key, which is the default salt, is not known before.
    folded: Vec<(EnvKey, Declared)>,
}

/// What differs between two snapshots.
#[derive(Debug)]
pub(crate) struct Changes {
    /// The keys whose entry is new, another, or gone; in order.
    pub(crate) keys: Vec<FlagKey>,
    /// Whether all other keys are where they were and nothing else is another.
    pub(crate) are_in_place: bool,
}

impl Changes {
    pub(crate) fn are_none(&self) -> bool {
        self.keys.is_empty() && self.are_in_place
    }
}

/// One flag, after layering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    definition: Definition,
    declared: Declared,
}

impl Entry {
    pub(crate) fn flag(&self) -> Option<&Flag> {
        self.declared.flag.as_ref()
    }
}

/// What the layers say of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    /// `None` when the declaration was refused and there is no earlier one.
    pub(crate) flag: Option<Flag>,
    /// Which of the snapshot's layers says so.
    pub(crate) layer: u32,
}

impl Declared {
    pub(crate) fn into_entry(self, key: &str, segments: &Segments) -> Entry {
        Entry { definition: self.compile(key, segments), declared: self }
    }

    fn compile(&self, key: &str, segments: &Segments) -> Definition {
        self.flag.as_ref().map_or(Definition::Refused, |flag| Definition::compile(key, flag, segments))
    }
}

impl Snapshot {
    /// `folded` is in order.
    pub(crate) fn new(
        revision: u64,
        layers: Box<[Provenance]>,
        entries: Table<Entry>,
        folded: Vec<(EnvKey, Declared)>,
    ) -> Self {
        Self { revision, layers, entries, folded }
    }

    pub(crate) fn entries(&self) -> &Table<Entry> {
        &self.entries
    }

    /// Returns the entry of a key whose declaration was understood.
    pub(crate) fn good_entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| entry.declared.flag.is_some())
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
        self.answer(key, subject, &mut (), |_, _, outcome| outcome.on)
    }

    /// Tells the same, of the flag that may be found at this place.
    #[inline]
    pub(crate) fn is_on_at<S: Subject + ?Sized>(&self, place: u32, key: &str, subject: &S) -> bool {
        match self.entries.at(place, key) {
            Some(entry) => self.ask(&entry.definition, subject, &mut ()).on,
            None => self.is_on(key, subject),
        }
    }

    /// Returns the subject's variant. `None` when the flag has no variants, is off for the subject (and has no
    /// [variant for that](Flag::with_off_variant)), or the subject has nothing to be dealt one by.
    #[inline]
    pub fn variant<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Option<Variant> {
        self.answer(key, subject, &mut (), |_, _, outcome| outcome.variant.cloned())
    }

    /// Answers with the grounds.
    pub fn evaluate<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Evaluation {
        self.evaluate_before(key, subject, &mut ())
    }

    /// Answers with every step on the way.
    ///
    /// Runs the same code as [`evaluate`](Snapshot::evaluate) and records each step: the two cannot disagree. It allocates, and it
    /// holds the values of the subject's attributes that were looked at.
    ///
    /// # Examples
    ///
    /// ```
    /// let flags = flagkit_core::Flags::new();
    /// let explanation = flags.snapshot().explain("new-checkout", "user-1");
    /// assert_eq!(explanation.to_string(), "new-checkout is off: no layer declares it (revision 0)\n");
    /// ```
    pub fn explain<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Explanation {
        let mut recorder = Recorder::default();
        let evaluation = self.evaluate_before(key, subject, &mut recorder);
        recorder.explain(key, evaluation)
    }

    /// Returns the revision: 0 before the first load, one more with every swap.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many flags there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() + self.folded.len()
    }

    /// Returns the keys that are declared, in no particular order.
    pub fn keys(&self) -> impl Iterator<Item = &FlagKey> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// Returns the flag in force under this key: the highest layer's, with the metadata of whoever declared it.
    /// `None` when no layer declares it or its declaration was refused.
    pub fn flag(&self, key: &str) -> Option<&Flag> {
        let declared = self.entries.get(key).map(|entry| &entry.declared).or_else(|| self.folded(key));
        declared.and_then(|declared| declared.flag.as_ref())
    }

    /// Returns what differs in the next one. Layers only ever come on top, so that a number means the same one in both.
    pub(crate) fn changes(&self, next: &Self) -> Changes {
        // Most keys have the same place in both.
        let changed =
            (0..).zip(next.entries.iter()).filter(|(place, (key, entry))| self.near(*place, key) != Some(*entry));
        let mut keys: Vec<FlagKey> = changed.map(|(_, (key, _))| key.clone()).collect();
        let gone = (0..).zip(self.entries.iter()).filter(|(place, (key, _))| next.near(*place, key).is_none());
        let kept = keys.len();
        keys.extend(gone.map(|(_, (key, _))| key.clone()));
        let are_in_place = keys.len() == kept && self.folded == next.folded;
        keys.sort_unstable();
        Changes { keys, are_in_place }
    }

    /// The entry of a key that is likely at this place.
    fn near(&self, place: u32, key: &FlagKey) -> Option<&Entry> {
        self.entries.at(place, key.as_str()).or_else(|| self.entries.get(key.as_str()))
    }

    /// Returns what it would do to who sees a feature if the next one took the place of this one, for all flags whose
    /// declaration differs, and for those that require one that lets in others than before.
    ///
    /// What cannot be proven to narrow widens; see [`Effect`]. Keys that no layer spells out (see
    /// [`EnvKey`](crate::source::EnvKey)) are not looked at.
    pub fn effects(&self, next: &Self) -> BTreeMap<FlagKey, Effect> {
        let mut proofs =
            [(self, next), (next, self)].map(|(before, after)| Proof { before, after, known: HashMap::new() });
        let mut effects = BTreeMap::new();
        for key in self.keys().chain(next.keys()) {
            let [narrows, widens_back] = proofs.each_mut().map(|proof| proof.narrows(key.as_str()));
            let effect = match (narrows, widens_back) {
                (true, true) => Effect::Neutral,
                (true, false) => Effect::Narrows,
                (false, _) => Effect::Widens,
            };
            let is_declared_so = self.entries.get(key.as_str()) == next.entries.get(key.as_str());
            if effect != Effect::Neutral || !is_declared_so {
                effects.insert(key.clone(), effect);
            }
        }
        effects
    }

    fn evaluate_before<S: Subject + ?Sized, W: Witness>(&self, key: &str, subject: &S, witness: &mut W) -> Evaluation {
        self.answer(key, subject, witness, |declared, definition, outcome| Evaluation {
            on: outcome.on,
            reason: outcome.reason,
            rule: outcome.rule,
            variant: outcome.variant.cloned(),
            prerequisite: prerequisite(definition, outcome),
            layer: declared.and_then(|declared| self.layers.get(declared.layer as usize).cloned()),
            revision: self.revision,
        })
    }

    #[inline]
    fn answer<S: Subject + ?Sized, W: Witness, T>(
        &self,
        key: &str,
        subject: &S,
        witness: &mut W,
        make: impl FnOnce(Option<&Declared>, Option<&Definition>, Outcome<'_>) -> T,
    ) -> T {
        if let Some(Entry { definition, declared }) = self.entries.get(key) {
            return make(Some(declared), Some(definition), self.ask(definition, subject, witness));
        }
        let Some(declared) = self.folded(key) else { return make(None, None, Outcome::UNDECLARED) };
        let definition = declared.compile(key, &Segments::new());
        make(Some(declared), Some(&definition), self.ask(&definition, subject, witness))
    }

    #[inline]
    fn ask<'d, S: Subject + ?Sized, W: Witness>(
        &self,
        definition: &'d Definition,
        subject: &S,
        witness: &mut W,
    ) -> Outcome<'d> {
        Question { definitions: self, subject, witness }.evaluate(definition)
    }

    /// Returns a key's definition, and the place to find it again, if it has one.
    pub(crate) fn found(&self, key: &str) -> (u32, Option<Cow<'_, Definition>>) {
        match self.entries.find(key) {
            Some((place, entry)) => (place, Some(Cow::Borrowed(&entry.definition))),
            None => (NOWHERE, self.folded(key).map(|declared| Cow::Owned(declared.compile(key, &Segments::new())))),
        }
    }

    /// The key as it is kept here, if it is declared.
    fn spelled(&self, key: &str) -> Option<&str> {
        self.entries.key(key).map(FlagKey::as_str)
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

/// Proves for flag after flag that nobody is newly let in.
struct Proof<'a> {
    before: &'a Snapshot,
    after: &'a Snapshot,
    known: HashMap<&'a str, bool>,
}

impl<'a> Proof<'a> {
    /// Requirements go round in no circle and are bounded in depth, so that this ends.
    fn narrows(&mut self, key: &str) -> bool {
        // Where it is not declared at all, whatever requires it is off.
        let Some(key) = self.before.spelled(key).or_else(|| self.after.spelled(key)) else { return true };
        if let Some(known) = self.known.get(key) {
            return *known;
        }
        let definition = |snapshot: &'a Snapshot| snapshot.entries.get(key).map(|entry| &entry.definition);
        let (before, after) = (definition(self.before), definition(self.after));
        let narrows = narrows(before, after, |required| self.narrows(required));
        self.known.insert(key, narrows);
        narrows
    }
}

impl Definitions for Snapshot {
    fn definition(&self, key: &str) -> Option<Cow<'_, Definition>> {
        self.found(key).1
    }
}

fn prerequisite(definition: Option<&Definition>, outcome: Outcome<'_>) -> Option<Arc<str>> {
    match (definition, outcome.reason) {
        (Some(Definition::Plan(plan)), Reason::Prerequisite { index }) => plan.requires.get(index).cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FlagSet, Rule};
    use crate::read::flags::Flags;

    fn set<'k>(flags: impl IntoIterator<Item = (&'k str, Flag)>) -> FlagSet {
        flags.into_iter().map(|(key, flag)| (FlagKey::new(key).expect("a key"), flag)).collect()
    }

    fn changed(changes: &Changes) -> (Vec<&str>, bool) {
        (changes.keys.iter().map(FlagKey::as_str).collect(), changes.are_in_place)
    }

    #[test]
    fn what_differs_is_told_and_whether_all_else_is_where_it_was() {
        let keys: Vec<String> = (0..100).map(|n| format!("k{n:02}")).collect();
        let all = || keys.iter().map(|key| (key.as_str(), Flag::on()));
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("test:"));
        let after = |set: FlagSet| {
            let before = flags.snapshot();
            publisher.publish(set);
            (before, flags.snapshot())
        };
        let (none, first) = after(set(all()));
        assert_eq!(none.changes(&first).keys.len(), 100);
        assert!(first.changes(&first).are_none());

        let (before, next) = after(set(all().chain([("k50", Flag::off()), ("new", Flag::on())])));
        assert_eq!(changed(&before.changes(&next)), (vec!["k50", "new"], true));
        for key in &keys {
            assert_eq!(next.found(key).0, before.found(key).0, "{key} is where it was");
        }
        let (before, next) = after(set(all().skip(1)));
        assert_eq!(changed(&before.changes(&next)), (vec!["k00", "k50", "new"], false));

        let mut with_folded = set(all().skip(1));
        with_folded.insert_folded(EnvKey::new("K00").expect("a folded key"), Flag::on());
        let (before, next) = after(with_folded);
        assert_eq!(changed(&before.changes(&next)), (vec![], false));
        assert!(!before.changes(&next).are_none());
        assert_eq!((before.len(), next.len()), (99, 100));
        assert_eq!(next.found("k00").0, NOWHERE);
        assert!(next.is_on("k00", &()) && !before.is_on("k00", &()));
    }

    #[test]
    fn a_place_is_a_hint() {
        let flags = Flags::new();
        let for_one = Flag::on().with_rollout("0".parse().expect("it")).with_rules([Rule::new().with_subjects(["u1"])]);
        flags.add_layer(Provenance::new("test:")).publish(set([("a", Flag::off()), ("b", for_one)]));
        let snapshot = flags.snapshot();
        for place in [snapshot.found("a").0, snapshot.found("b").0, 7, NOWHERE] {
            assert!(snapshot.is_on_at(place, "b", "u1") && !snapshot.is_on_at(place, "b", "u2"), "{place}");
            assert!(!snapshot.is_on_at(place, "a", "u1") && !snapshot.is_on_at(place, "c", "u1"), "{place}");
        }
    }
}
