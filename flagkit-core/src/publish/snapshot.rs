//! The snapshot: all flags of all layers at one revision.
//!
//! # The idea
//!
//! A snapshot is the finished product of a publish: the merge has compiled all that can be computed before a subject is
//! known. It never changes, so any number of threads evaluate in it without a lock, and their reads agree.
//!
//! # Two forms of each flag
//!
//! An entry holds the compiled definition, which evaluation runs, and the merged declaration, which it was compiled
//! from. Evaluation never reads the declaration. The merge does, to keep the previous form of a flag that fails a
//! check. Tools do too, to show or compare flags.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::evaluate::compiled::{Definition, Segments};
use crate::evaluate::effect::{Effect, is_narrowing};
use crate::evaluate::evaluation::Evaluation;
use crate::evaluate::evaluator::{Decision, Definitions, Evaluator};
use crate::evaluate::explanation::{Explanation, Recorder};
use crate::evaluate::flag_tracer::FlagTracer;
use crate::evaluate::reason::Reason;
use crate::model::provenance::Provenance;
use crate::model::{EnvKey, Flag, FlagKey, Part, Stage, Variant};
use crate::publish::indexed_map::{IndexedMap, NO_INDEX};
use crate::publish::origins::Origins;
use crate::subject::Subject;

/// All flags of all layers at one revision, compiled and immutable.
///
/// [`Flags::snapshot`](crate::Flags::snapshot) returns the current one. Hold it for the length of a request, so that
/// all reads of the request use the same revision: two flags that change together never differ. Do not hold a
/// snapshot for the life of the process, because it never changes.
///
/// # Snapshot versus `Flags`
///
/// A [`Flags`](crate::Flags) follows every change, so two reads may use two revisions. All reads of a snapshot use one.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// 0 for the empty snapshot that each store begins with.
    revision: u64,
    /// Lowest first. Entries refer to a layer by its index in this list.
    layers: Box<[Provenance]>,
    /// The keys that a layer spells out, valid or not.
    entries: IndexedMap<Entry>,
    /// Declarations by environment key, sorted, for keys that no layer spells out. They are compiled at each read,
    /// because the full key is the default salt, and only the read provides it.
    env_keys: Vec<(EnvKey, Declared)>,
    /// The layers of the parts of flags that inherit. Apart from the entries, because few flags inherit.
    origins: BTreeMap<FlagKey, Origins>,
}

/// One key of a snapshot: its compiled definition, and the declaration that it was compiled from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) definition: Definition,
    declared: Declared,
}

impl Entry {
    /// Returns the merged declaration. `None` if it is invalid.
    pub(crate) fn flag(&self) -> Option<&Flag> {
        self.declared.flag.as_ref()
    }

    /// Returns the index of the highest layer that declares the key.
    pub(crate) fn layer(&self) -> usize {
        self.declared.layer as usize
    }
}

/// The merged declaration of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    /// `None` if the declaration is invalid and there is no previous one.
    pub(crate) flag: Option<Flag>,
    /// The index of the highest layer that declares the key.
    pub(crate) layer: u32,
    /// Whether the flag is dark because no approval covers it.
    pub(crate) is_unapproved: bool,
}

impl Declared {
    /// Compiles the declaration, and keeps it beside the result.
    ///
    /// `refusal` is the reason why the flag is not approved.
    pub(crate) fn into_entry(self, key: &str, refusal: Option<Arc<str>>, segments: &Segments) -> Entry {
        let definition = match refusal {
            Some(_) => Definition::Unapproved(refusal),
            None => self.compile(key, segments),
        };
        Entry { definition, declared: self }
    }

    /// Compiles the declaration. For an environment key there are no segments, because the merge rejects its targeting.
    fn compile(&self, key: &str, segments: &Segments) -> Definition {
        match &self.flag {
            Some(flag) => Definition::compile(key, flag, segments),
            None if self.is_unapproved => Definition::Unapproved(None),
            None => Definition::Invalid,
        }
    }
}

/// The stage of a migration for a subject, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageLookup {
    At(Stage),
    /// No layer that has loaded declares the key.
    NotFound,
    /// The declaration is invalid, and there is no earlier valid one.
    Invalid,
    /// The subject lacks the attribute that partitions the data.
    NoPartition,
    /// The key is declared as another kind of flag.
    NotAMigration,
}

impl StageLookup {
    /// Finds the stage of a definition for a subject.
    #[inline]
    fn of<S: Subject + ?Sized>(definition: Option<&Definition>, subject: &S) -> Self {
        match definition {
            Some(Definition::Migration(stage)) => stage.stage_for(subject).map_or(Self::NoPartition, Self::At),
            None => Self::NotFound,
            Some(Definition::Invalid | Definition::Unapproved(_)) => Self::Invalid,
            Some(_) => Self::NotAMigration,
        }
    }
}

impl Snapshot {
    /// Creates a snapshot. `env_keys` must be sorted.
    pub(crate) fn new(
        revision: u64,
        layers: Box<[Provenance]>,
        entries: IndexedMap<Entry>,
        env_keys: Vec<(EnvKey, Declared)>,
        origins: BTreeMap<FlagKey, Origins>,
    ) -> Self {
        Self { revision, layers, entries, env_keys, origins }
    }

    /// Returns the layers of the parts of a flag that inherits. `None` for other flags.
    pub(crate) fn origins(&self, key: &str) -> Option<Origins> {
        self.origins.get(key).copied()
    }

    pub(crate) fn entries(&self) -> &IndexedMap<Entry> {
        &self.entries
    }

    pub(crate) fn env_keys(&self) -> &[(EnvKey, Declared)] {
        &self.env_keys
    }

    /// Returns the entry of a key, if its declaration is valid. The merge copies it for a flag that fails a check.
    pub(crate) fn valid_entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| entry.declared.flag.is_some())
    }

    /// Returns whether the flag is on for the subject.
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
        self.resolve(key, subject, &mut (), |_, _, decision| decision.on)
    }

    /// Returns the same as [`is_on`](Self::is_on), without hashing the key if `index` is the index of its entry.
    #[inline]
    pub(crate) fn is_on_at<S: Subject + ?Sized>(&self, index: u32, key: &str, subject: &S) -> bool {
        match self.entries.at_index(index, key) {
            Some(entry) => self.run(&entry.definition, subject, &mut ()).on,
            None => self.is_on(key, subject),
        }
    }

    /// Returns the variant assigned to the subject.
    ///
    /// `None` if the flag has no variants, if it is off for the subject (and has no
    /// [off variant](Flag::with_off_variant)), or if the subject lacks the attribute the flag is bucketed by.
    #[inline]
    pub fn variant<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Option<Variant> {
        self.resolve(key, subject, &mut (), |_, _, decision| decision.variant.cloned())
    }

    /// Returns the stage of a migration for the subject.
    ///
    /// `None` if the key is not declared as a migration, or if the subject lacks the attribute that
    /// [partitions](Flag::partition) its data. Applications read a stage by [`migration!`](crate::migration), which keeps
    /// these cases apart.
    pub fn stage<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Option<Stage> {
        match self.look_up_stage(key, subject) {
            StageLookup::At(stage) => Some(stage),
            _ => None,
        }
    }

    /// Returns the stage of a migration for the subject, or why there is none.
    pub(crate) fn look_up_stage<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> StageLookup {
        StageLookup::of(self.find(key).1.as_deref(), subject)
    }

    /// Evaluates the flag for the subject, and returns the result with its reason.
    pub fn evaluate<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Evaluation {
        self.evaluate_with(key, subject, &mut ())
    }

    /// Evaluates the flag for the subject, and returns the result with every step of the evaluation.
    ///
    /// Runs the same code as [`evaluate`](Snapshot::evaluate) with each step recorded, so the two never disagree. It
    /// allocates, and the explanation holds the attribute values that the evaluation read.
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
        let evaluation = self.evaluate_with(key, subject, &mut recorder);
        let refusal = match self.entries.get(key).map(|entry| &entry.definition) {
            Some(Definition::Unapproved(refusal)) => refusal.clone(),
            _ => None,
        };
        recorder.explain(key, evaluation, refusal, self.parts(key))
    }

    /// Returns the parts of a flag that inherits, each with the layer it comes from. Empty for other flags.
    fn parts(&self, key: &str) -> Vec<(Part, Provenance)> {
        let Some((flag, origins)) = self.flag(key).zip(self.origins(key)) else { return Vec::new() };
        let is_used = |part: &Part| match part {
            Part::Switch | Part::Rollout => true,
            Part::Prerequisites => !flag.prerequisites().is_empty(),
            Part::Rules => !flag.rules().is_empty(),
            Part::Variants => flag.variants().is_some(),
        };
        let provenance = |(part, layer)| Some((part, self.layers.get(layer as usize)?.clone()));
        origins.iter().filter(|(part, _)| is_used(part)).filter_map(provenance).collect()
    }

    /// Returns the revision: 0 before the first load, and one more with every new snapshot.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns the number of flags.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() + self.env_keys.len()
    }

    /// Returns the declared keys, in no particular order.
    pub fn keys(&self) -> impl Iterator<Item = &FlagKey> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// Returns the environment keys that match no declared key, sorted, each with the highest layer that has it.
    ///
    /// If there are declared keys, such an environment key is probably misspelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagkit_core::source::{EnvKey, Provenance};
    /// use flagkit_core::{Flag, FlagSet, Flags};
    ///
    /// let flags = Flags::new();
    /// let mut set = FlagSet::new();
    /// set.insert_folded(EnvKey::new("NEW_CHEKOUT")?, Flag::off());
    /// flags.add_layer(Provenance::new("env:FLAG_")).publish(set);
    /// let snapshot = flags.snapshot();
    /// let (key, layer) = snapshot.undeclared_env_keys().next().expect("it is undeclared");
    /// assert_eq!((key.as_str(), layer.as_str()), ("NEW_CHEKOUT", "env:FLAG_"));
    /// # Ok::<(), flagkit_core::Error>(())
    /// ```
    pub fn undeclared_env_keys(&self) -> impl Iterator<Item = (&EnvKey, &Provenance)> {
        let layer = |declared: &Declared| self.layers.get(declared.layer as usize);
        self.env_keys.iter().filter_map(move |(key, declared)| Some((key, layer(declared)?)))
    }

    /// Returns the merged flag of a key: the flag of the highest layer, with the metadata of the layer that first
    /// declares it. `None` if no layer declares the key, or if its declaration is invalid.
    pub fn flag(&self, key: &str) -> Option<&Flag> {
        let declared = self.entries.get(key).map(|entry| &entry.declared).or_else(|| self.by_env_key(key));
        declared.and_then(|declared| declared.flag.as_ref())
    }

    /// Returns how the audience of each flag would change if `next` replaced this snapshot.
    ///
    /// The map has an entry for every flag with another declaration, and for every flag with another audience because
    /// of a prerequisite. A change that cannot be proven to narrow counts as widening; see [`Effect`]. Keys that are
    /// declared only by an [`EnvKey`](crate::source::EnvKey) are not compared.
    pub fn effects(&self, next: &Self) -> BTreeMap<FlagKey, Effect> {
        let mut proofs =
            [(self, next), (next, self)].map(|(before, after)| NarrowingProof { before, after, known: HashMap::new() });
        let mut effects = BTreeMap::new();
        for key in self.keys().chain(next.keys()) {
            let [narrows, widens_back] = proofs.each_mut().map(|proof| proof.narrows(key.as_str()));
            let effect = match (narrows, widens_back) {
                (true, true) => Effect::Neutral,
                (true, false) => Effect::Narrows,
                (false, _) => Effect::Widens,
            };
            let is_unchanged = self.entries.get(key.as_str()) == next.entries.get(key.as_str());
            if effect != Effect::Neutral || !is_unchanged {
                effects.insert(key.clone(), effect);
            }
        }
        effects
    }

    fn evaluate_with<S: Subject + ?Sized, T: FlagTracer>(&self, key: &str, subject: &S, tracer: &mut T) -> Evaluation {
        self.resolve(key, subject, tracer, |declared, definition, decision| Evaluation {
            on: decision.on,
            reason: decision.reason,
            rule: decision.rule,
            variant: decision.variant.cloned(),
            prerequisite: prerequisite(definition, decision),
            layer: declared.and_then(|declared| self.layers.get(declared.layer as usize).cloned()),
            revision: self.revision,
        })
    }

    /// Finds the declaration of the key, evaluates it, and passes both to `make`, which borrows from them.
    ///
    /// All reads by key come through here, whatever they return, so they cannot disagree. A definition by environment
    /// key lives only for this call; that is why the result is made by a closure.
    #[inline]
    fn resolve<S: Subject + ?Sized, T: FlagTracer, R>(
        &self,
        key: &str,
        subject: &S,
        tracer: &mut T,
        make: impl FnOnce(Option<&Declared>, Option<&Definition>, Decision<'_>) -> R,
    ) -> R {
        if let Some(Entry { definition, declared }) = self.entries.get(key) {
            return make(Some(declared), Some(definition), self.run(definition, subject, tracer));
        }
        let Some(declared) = self.by_env_key(key) else { return make(None, None, Decision::NOT_FOUND) };
        let definition = declared.compile(key, &Segments::new());
        make(Some(declared), Some(&definition), self.run(&definition, subject, tracer))
    }

    /// Evaluates a definition. Its prerequisites are looked up in this snapshot.
    #[inline]
    fn run<'d, S: Subject + ?Sized, T: FlagTracer>(
        &self,
        definition: &'d Definition,
        subject: &S,
        tracer: &mut T,
    ) -> Decision<'d> {
        Evaluator { definitions: self, subject, tracer }.evaluate(definition)
    }

    /// Returns the definition of a key, and the index of its entry (or [`NO_INDEX`]).
    pub(crate) fn find(&self, key: &str) -> (u32, Option<Cow<'_, Definition>>) {
        match self.entries.find(key) {
            Some((index, entry)) => (index, Some(Cow::Borrowed(&entry.definition))),
            None => {
                (NO_INDEX, self.by_env_key(key).map(|declared| Cow::Owned(declared.compile(key, &Segments::new()))))
            }
        }
    }

    /// Returns the snapshot's own copy of a key, if it is declared.
    fn own_key(&self, key: &str) -> Option<&str> {
        self.entries.key(key).map(FlagKey::as_str)
    }

    /// Returns the declaration by the environment key that matches this key.
    #[inline]
    fn by_env_key(&self, key: &str) -> Option<&Declared> {
        if self.env_keys.is_empty() {
            return None;
        }
        let index = self.env_keys.binary_search_by(|(env_key, _)| env_key.cmp_key(key)).ok()?;
        self.env_keys.get(index).map(|(_, declared)| declared)
    }
}

/// Proves, flag by flag, that a change turns no flag on for a subject that had it off before.
///
/// A flag depends on its prerequisites, so each result is kept for the flags that require it.
struct NarrowingProof<'a> {
    /// The snapshot that `after` would replace.
    before: &'a Snapshot,
    after: &'a Snapshot,
    /// The results so far. Without them, a shared prerequisite would be compared once per path to it.
    known: HashMap<&'a str, bool>,
}

impl<'a> NarrowingProof<'a> {
    /// Returns whether the flag is narrowed, or the same.
    ///
    /// Terminates, because the merge rejects circles of prerequisites and bounds their depth.
    fn narrows(&mut self, key: &str) -> bool {
        // A flag that neither snapshot declares is off in both.
        let Some(key) = self.before.own_key(key).or_else(|| self.after.own_key(key)) else { return true };
        if let Some(known) = self.known.get(key) {
            return *known;
        }
        let definition = |snapshot: &'a Snapshot| snapshot.entries.get(key).map(|entry| &entry.definition);
        let (before, after) = (definition(self.before), definition(self.after));
        let narrows = is_narrowing(before, after, |required| self.narrows(required));
        self.known.insert(key, narrows);
        narrows
    }
}

impl Definitions for Snapshot {
    fn definition(&self, key: &str) -> Option<Cow<'_, Definition>> {
        self.find(key).1
    }
}

/// Returns the name of the prerequisite that decided the decision, if one did.
fn prerequisite(definition: Option<&Definition>, decision: Decision<'_>) -> Option<Arc<str>> {
    match (definition, decision.reason) {
        (Some(Definition::Targeted(plan)), Reason::Prerequisite { index }) => plan.prerequisites.get(index).cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FlagSet, Rule};
    use crate::publish::publisher::Publisher;
    use crate::publish::signal::Signal;
    use crate::publish::store::Store;

    /// A store with one empty layer, and the publisher of that layer.
    fn one_layer() -> (Arc<Store>, Publisher) {
        let (store, signal) = (Arc::new(Store::default()), Signal::new());
        let layer = store.add_layer(Provenance::new("test:"), signal.clone());
        let publisher = Publisher::new(Arc::clone(&store), layer, signal);
        (store, publisher)
    }

    fn set<'k>(flags: impl IntoIterator<Item = (&'k str, Flag)>) -> FlagSet {
        flags.into_iter().map(|(key, flag)| (FlagKey::new(key).expect("a key"), flag)).collect()
    }

    #[test]
    fn an_index_is_a_hint() {
        let (store, publisher) = one_layer();
        let for_one = Flag::on().with_rollout("0".parse().expect("it")).with_rules([Rule::new().with_subjects(["u1"])]);
        publisher.publish(set([("a", Flag::off()), ("b", for_one)]));
        let snapshot = store.cell().latest();
        for index in [snapshot.find("a").0, snapshot.find("b").0, 7, NO_INDEX] {
            assert!(snapshot.is_on_at(index, "b", "u1") && !snapshot.is_on_at(index, "b", "u2"), "{index}");
            assert!(!snapshot.is_on_at(index, "a", "u1") && !snapshot.is_on_at(index, "c", "u1"), "{index}");
        }
    }
}
