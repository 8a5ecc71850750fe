//! The merge: from one set of flags per layer to one snapshot.
//!
//! Layers are merged lowest first, and a higher layer replaces a flag or a segment as a whole. Two things stay with
//! the lower declaration: what decides the bucket of a subject (the salt, and the attribute to bucket by), and the
//! metadata; see [`Flag::inherit_from`]. A flag with [`Flag::inherit`] also keeps all other parts that it does not
//! state. It fails closed: without a valid flag below, it is dark.
//!
//! # An example
//!
//! ```text
//! layer                 search-v2                 theme
//! env:FLAG_             off                       (nothing)
//! file:flags.prod.toml  inherits; on              invalid
//! file:flags.toml       off; rules, description   on; salt, variants
//!                       ────────────────────────  ──────────────────
//! merged                off; description          dark
//! ```
//!
//! Without the top layer, `search-v2` would be on with the rules of the lowest. The top layer states a whole flag, so
//! the rules are gone, and only the metadata of the lowest layer remains. `theme` is dark, unless an earlier load of
//! the second layer was valid: that layer then still has its last good declaration.
//!
//! # How it works
//!
//! The merge applies one layer after another to a map of keys. It then checks what only the merged flags show, and
//! compiles the result:
//!
//! | step | rejects |
//! |---|---|
//! | apply a layer | an environment key that matches several keys; a flag that inherits from nothing; two stages apart |
//! | check the migrations | percentages without a partition; a migration that became another flag, or is gone |
//! | check the rules | unknown segments, unknown variants |
//! | check the environment keys | targeting for a key that no layer declares |
//! | check the prerequisites | circles, long chains, too many paths |
//! | check the approvals, where they are required | flags that no approval covers |
//! | compile | nothing: each entry is compiled, or copied from the current snapshot |
//!
//! The order of the checks matters. A rejected flag keeps its previous definition, which may have other prerequisites.
//! So the prerequisites come last, and they are checked for the definitions that will be in effect.
//!
//! # Why all layers each time
//!
//! A merge starts from nothing, although a load changes one layer. A merge that only adjusts the last result would have
//! to undo what the old load caused in other layers. That would be another path to test. Call sites are still updated
//! only where [`Changes`](super::changes::Changes) finds a difference.
//!
//! # Migrations
//!
//! A migration that silently became `off` could read stale data. So a declaration that breaks a rule of migrations keeps
//! the definition of the current snapshot, and so does a migration that no layer declares any more.
//!
//! # References
//!
//! A flag may refer to other flags, to segments and to variants. Those references can only be checked once all layers
//! are merged, so they are checked here. A flag that fails a check is invalid, and keeps its previous definition.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::evaluate::compiled::Segments;
use crate::evaluate::evaluator::{MAX_PREREQUISITE_DEPTH, MAX_PREREQUISITE_PATHS};
use crate::model::problem::Problem;
use crate::model::provenance::Provenance;
use crate::model::{Declaration, EnvKey, Flag, FlagKey, FlagSet, Reference, Variants};
use crate::publish::approvals::{
    Approvable, ApprovalVerifier, ONLY_NARROWS, narrows_simply, unapproved_flag, unapproved_override,
};
use crate::publish::merged_flag::{MergedFlag, Overridden, Validity, layer_index};
use crate::publish::migrations::{
    not_a_migration, override_problem, percentage_without_partition, running_stage, undeclared_migration,
};
use crate::publish::snapshot::{Declared, Entry, Snapshot};

/// One layer as the input of a merge. The store borrows it from its [`Layer`](super::layer::Layer).
///
/// The merge needs no more than this: no health, no warnings. It never changes a layer; the store does, with the
/// problems that the merge returns.
pub(crate) struct LayerInput<'a> {
    pub(crate) provenance: &'a Provenance,
    /// `None` before the first good load.
    pub(crate) flags: Option<&'a FlagSet>,
    /// Whether every flag of the layers below is dark, because this layer has no flags yet and may turn some off.
    pub(crate) hides_lower_layers: bool,
    /// Whether the layer has neither loaded nor failed yet. Until then, no stage of a migration is in effect, because two
    /// layers with different stages would count in the order in which they load.
    pub(crate) is_pending: bool,
}

/// The number of problems that are kept per layer. More would not help an operator, and could take much memory.
const MAX_PROBLEMS: usize = 1_000;

/// Merges the layers, lowest first, into the snapshot that follows `current`.
///
/// Also returns, per layer, the problems of its flags in combination with other layers. The store calls this for each
/// publish, under its lock. It compares the result with `current` and drops it if nothing differs. `is_settled` is what
/// [`Approvable::is_settled`] returns.
pub(crate) fn merge(
    current: &Snapshot,
    layers: &[LayerInput<'_>],
    verifier: Option<&dyn ApprovalVerifier>,
    is_settled: bool,
) -> (Snapshot, Vec<Vec<Problem>>) {
    let problems = vec![Vec::new(); layers.len()];
    let (entries, env_keys, segments) = (HashMap::default(), BTreeMap::new(), Segments::new());
    let requires_approvals = verifier.is_some();
    let mut merger = Merger { current, layers, entries, env_keys, segments, problems, requires_approvals };
    for (index, layer) in layers.iter().enumerate() {
        if layer.hides_lower_layers {
            merger.shadow_below(index);
        }
        if let Some(flags) = layer.flags {
            merger.apply(index, flags);
        }
    }
    if layers.iter().any(|layer| layer.is_pending) {
        merger.hide_migrations();
    }
    merger.check_migrations();
    merger.check_rules();
    merger.check_env_keys();
    merger.check_prerequisites();
    if let Some(verifier) = verifier {
        merger.check_approvals(verifier, is_settled);
    }
    merger.compile()
}

/// The state of one merge: what the layers applied so far declare.
///
/// [`merge`] creates it, applies each layer, runs the checks and compiles the result. It lives only as long as that
/// call.
struct Merger<'a> {
    /// The snapshot in effect. Invalid flags keep their definition from it, and keys keep their index.
    current: &'a Snapshot,
    /// The layers, lowest first. Problems name them.
    layers: &'a [LayerInput<'a>],
    /// The keys that a layer declares, with what the layers applied so far say of each.
    entries: HashMap<FlagKey, MergedFlag, RandomState>,
    /// Declarations by environment key, for keys that no layer spells out.
    env_keys: BTreeMap<EnvKey, MergedFlag>,
    /// The segments of all layers applied so far. The highest declaration of a name is in effect.
    segments: Segments,
    /// The problems found so far, per layer.
    problems: Vec<Vec<Problem>>,
    /// Whether environment variables may only narrow.
    requires_approvals: bool,
}

/// The progress of checking the prerequisites of one flag.
#[derive(Clone, Copy, Debug, Default)]
struct PrerequisiteState {
    /// The number of prerequisites that are not checked yet.
    unchecked: usize,
    /// The longest chain of prerequisites found so far.
    depth: usize,
    /// The number of paths to direct and indirect prerequisites found so far.
    paths: usize,
}

impl Merger<'_> {
    /// Makes every flag of the layers applied so far dark.
    ///
    /// The layer that hides them becomes their layer, so an explanation names the source that has not loaded. Layers
    /// above it can still declare these keys.
    fn shadow_below(&mut self, layer: usize) {
        for merged in self.entries.values_mut().chain(self.env_keys.values_mut()) {
            (merged.layer, merged.validity) = (layer, Validity::Hidden);
        }
    }

    /// Puts no stage into effect before every source has loaded or failed.
    ///
    /// A migration that has a stage already keeps it.
    fn hide_migrations(&mut self) {
        let all = self.entries.values_mut().chain(self.env_keys.values_mut());
        for merged in all.filter(|merged| merged.valid().is_some_and(Flag::is_migration)) {
            merged.validity = Validity::Hidden;
        }
    }

    /// Applies one layer on top of those applied so far.
    ///
    /// Keys that the layer spells out come first, so that its environment keys can match them too. An invalid segment
    /// removes the segment of the layers below, because its author has replaced that one.
    fn apply(&mut self, layer: usize, flags: &FlagSet) {
        for (name, segment) in flags.segments() {
            match segment {
                Some(segment) => self.segments.insert(Arc::clone(name), Arc::clone(segment)),
                None => self.segments.remove(&**name),
            };
        }
        // The lowest layer has nothing below it, so the search of each key below is omitted.
        let is_lowest = self.entries.is_empty();
        self.entries.reserve(if is_lowest { flags.len() } else { 0 });
        for (key, declaration) in flags.declared() {
            let below = if is_lowest { None } else { self.entries.remove(key.as_str()) };
            let merged = self.inherit(below, layer, key.as_str(), declaration);
            self.entries.insert(key.clone(), merged);
        }
        for (env_key, declaration, keys) in self.matches(flags) {
            self.apply_env_key(layer, env_key, declaration, keys);
        }
    }

    /// Returns the declarations by environment key, each with the keys it matches among the layers applied so far.
    ///
    /// Each key is looked up among the environment keys, which are sorted. To compare all keys with all environment
    /// keys would take seconds with 10,000 of both.
    fn matches<'f>(&self, flags: &'f FlagSet) -> Vec<(&'f EnvKey, &'f Declaration, Vec<FlagKey>)> {
        let mut matches: Vec<_> =
            flags.folded().iter().map(|(env_key, declaration)| (env_key, declaration, Vec::new())).collect();
        if matches.is_empty() {
            return matches;
        }
        for key in self.entries.keys() {
            let index = matches.binary_search_by(|(env_key, ..)| env_key.cmp_key(key.as_str()));
            if let Some((.., keys)) = index.ok().and_then(|index| matches.get_mut(index)) {
                keys.push(key.clone());
            }
        }
        matches
    }

    /// Applies a declaration by environment key to the one key it matches. If it matches several keys, they become
    /// dark.
    fn apply_env_key(&mut self, layer: usize, env_key: &EnvKey, declaration: &Declaration, mut keys: Vec<FlagKey>) {
        keys.sort_unstable();
        let declaration = if let [_, _, ..] = *keys {
            if let Some(LayerInput { provenance, .. }) = self.layers.get(layer) {
                self.report(layer, ambiguous_env_key(provenance, env_key, &keys));
            }
            &Declaration::Invalid
        } else {
            declaration
        };
        if keys.is_empty() {
            let below = self.env_keys.remove(env_key);
            let merged = self.inherit(below, layer, env_key.as_str(), declaration);
            self.env_keys.insert(env_key.clone(), merged);
        }
        for key in keys {
            let below = self.entries.remove(key.as_str());
            if !self.requires_approvals {
                let merged = self.inherit(below, layer, key.as_str(), declaration);
                self.entries.insert(key, merged);
                continue;
            }
            let document = below.as_ref().and_then(MergedFlag::approvable).cloned();
            if !narrows_simply(document.as_ref(), declaration) {
                self.report(layer, unapproved_override(env_key));
                self.entries.extend(below.map(|below| (key, below)));
                continue;
            }
            let merged = self.inherit(below, layer, key.as_str(), declaration);
            self.entries
                .insert(key, MergedFlag { overridden: document.map_or(Overridden::Dark, Overridden::Flag), ..merged });
        }
    }

    /// Puts the declaration of a layer on top of what the layers below declare for the same key.
    ///
    /// Reports a flag that inherits if no layer below declares the key. It stays in the map, so that the key is dark.
    fn inherit(&mut self, below: Option<MergedFlag>, layer: usize, key: &str, declaration: &Declaration) -> MergedFlag {
        if let Some(problem) = override_problem(below.as_ref(), key, declaration) {
            self.report(layer, problem);
            let merged = MergedFlag::replacing(below, layer, &Declaration::Invalid);
            return MergedFlag { validity: Validity::Rejected, ..merged };
        }
        match declaration {
            Declaration::Flag(flag) if flag.inherits() => {
                if below.is_none() {
                    self.report(layer, nothing_to_inherit(key, flag));
                }
                MergedFlag::inheriting(below, layer, flag)
            }
            _ => MergedFlag::replacing(below, layer, declaration),
        }
    }

    /// Rejects declarations that would change the stage of a migration by accident.
    ///
    /// A migration keeps its current definition if its new one is invalid, or is not one of a migration. Other flags are
    /// dark in this case; a migration has no safe stage to fall back to.
    fn check_migrations(&mut self) {
        let mut problems = Vec::new();
        for (key, merged) in &mut self.entries {
            let current = self.current.valid_entry(key.as_str()).and_then(running_stage);
            let valid = merged.valid();
            let problem = match valid {
                Some(flag) if flag.is_migration() => percentage_without_partition(key, flag),
                Some(_) => current.map(|_| not_a_migration(key)),
                None => None,
            };
            if problem.is_some() || (valid.is_none() && current.is_some()) {
                merged.validity = Validity::Rejected;
            }
            problems.extend(problem.map(|problem| (merged.layer, problem)));
        }
        // Before the first load, the stage that the build embeds is in effect. An entry would be an invalid declaration.
        self.entries.retain(|_, merged| !merged.is_hidden_migration());
        let is_missing = |(key, entry): &(&FlagKey, &Entry)| {
            running_stage(entry).is_some() && !self.entries.contains_key(key.as_str())
        };
        let missing: Vec<_> = self.current.entries().iter().filter(is_missing).collect();
        for (key, entry) in missing {
            problems.push((entry.layer(), undeclared_migration(key)));
            self.entries.insert(key.clone(), MergedFlag::kept(entry.layer()));
        }
        for (layer, problem) in problems {
            self.report(layer, problem);
        }
    }

    /// Rejects flags that refer to a segment or a variant that is not declared.
    ///
    /// The variants are those of the flag, or those of the rule if it sets its own. The problems are collected first,
    /// because rejecting a flag changes the map that this iterates over.
    fn check_rules(&mut self) {
        let mut missing = Vec::new();
        for (key, merged) in &self.entries {
            let Some(flag) = merged.valid() else { continue };
            let path = || format!("flags.{key}.rules");
            let unknown = unknown_variant(flag.off_variant(), flag.variants(), format!("flags.{key}"));
            missing.extend(unknown.map(|problem| (key.clone(), problem)));
            for rule in flag.rules() {
                let has_segment = |reference: &&Reference| self.segments.contains_key(reference.name());
                for reference in rule.segments().iter().filter(|reference| !has_segment(reference)) {
                    let got = format!("the unknown segment {:?}", reference.name());
                    let problem = Problem::new(path(), got, "a segment that is declared");
                    let problem = problem.with_help("the flag is invalid until the segment is declared");
                    missing.push((key.clone(), located(problem, reference)));
                }
                let variants = rule.variants().or(flag.variants());
                missing.extend(unknown_variant(rule.variant(), variants, path()).map(|problem| (key.clone(), problem)));
            }
        }
        self.reject(missing);
    }

    /// Rejects flags with targeting that only an environment key declares.
    ///
    /// Their references would have to be checked for every key that the environment key matches, and those are unknown.
    fn check_env_keys(&mut self) {
        for (key, merged) in &mut self.env_keys {
            if merged.valid().is_some_and(Flag::has_targeting) {
                merged.validity = Validity::Invalid;
                let problem =
                    Problem::new(key.as_str(), "targeting for a key that no layer declares", "a switch and a rollout");
                if let Some(problems) = self.problems.get_mut(merged.layer) {
                    problems.push(problem);
                }
            }
        }
    }

    /// Rejects flags if their prerequisites form a circle, too long a chain or too many paths. Reports prerequisites
    /// that are not declared.
    ///
    /// An undeclared prerequisite rejects nothing: it is off for every subject, so the flag that requires it is off
    /// too. A reader depends on the other checks: evaluation recurses through prerequisites on each read.
    fn check_prerequisites(&mut self) {
        let mut undeclared = Vec::new();
        let env_keys: Vec<&EnvKey> = self.env_keys.keys().collect();
        let has_env_key = |name: &str| env_keys.binary_search_by(|env_key| env_key.cmp_key(name)).is_ok();
        for (key, merged) in &self.entries {
            for reference in self.effective(key, merged).into_iter().flat_map(Flag::prerequisites) {
                let name = reference.name();
                if !self.entries.contains_key(name) && !has_env_key(name) {
                    let problem = Problem::new(
                        format!("flags.{key}.requires"),
                        format!("the undeclared flag {name:?}"),
                        "flags that are declared",
                    );
                    let problem = problem.with_help("this flag is off as long as that one is");
                    undeclared.push((merged.layer, located(problem, reference)));
                }
            }
        }
        for (layer, problem) in undeclared {
            self.report(layer, problem);
        }
        let invalid = self.invalid_prerequisites();
        self.reject(invalid);
        // A flag that keeps its previous definition may form a circle with new flags. Such a flag becomes dark instead,
        // and a dark flag has no prerequisites, so that the circle is gone.
        for (key, _) in self.invalid_prerequisites() {
            if let Some(merged) = self.entries.get_mut(&key).filter(|merged| !merged.is_off()) {
                merged.validity = Validity::Invalid;
            }
        }
    }

    /// Refuses the flags that no approval covers.
    ///
    /// Comes after all other checks, so that approvals are verified for the definitions that will be in effect. A flag
    /// that keeps its previous definition was approved with that one.
    fn check_approvals(&mut self, verifier: &dyn ApprovalVerifier, is_settled: bool) {
        let segments = &self.segments;
        let mut problems = Vec::new();
        for (key, merged) in &mut self.entries {
            let Some(flag) = merged.approvable() else { continue };
            if let Err(reason) = verifier.verify(&Approvable { key, flag, segments, is_settled }) {
                problems.push((merged.layer, unapproved_flag(key, &reason)));
                merged.refuse(&reason);
            }
        }
        for (env_key, merged) in &mut self.env_keys {
            if merged.valid().is_some_and(Flag::is_enabled) {
                problems.push((merged.layer, unapproved_override(env_key)));
                merged.refuse(ONLY_NARROWS);
            }
        }
        for (layer, problem) in problems {
            self.report(layer, problem);
        }
    }

    /// Returns the flags with prerequisites that form a circle or exceed a limit, each with the problem to report.
    ///
    /// A topological sort (Kahn's algorithm): flags without prerequisites come first, and a flag is checked when its
    /// last prerequisite has been. The flags that are left at the end form circles, or depend on one.
    ///
    /// The sort visits each reference once. It needs no recursion, which could overflow the stack on a long chain.
    /// `depth` and `paths` of a flag follow from those of its prerequisites. Paths can double with each flag of
    /// a chain, so the sum saturates.
    fn invalid_prerequisites(&self) -> Vec<(FlagKey, Problem)> {
        let mut pending: HashMap<&str, PrerequisiteState> = HashMap::new();
        let mut dependents: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut checked: VecDeque<(&str, PrerequisiteState)> = VecDeque::new();
        for (key, merged) in &self.entries {
            let mut state = PrerequisiteState::default();
            for reference in self.effective(key, merged).into_iter().flat_map(Flag::prerequisites) {
                if self.entries.contains_key(reference.name()) {
                    dependents.entry(reference.name()).or_default().push(key.as_str());
                    state.unchecked += 1;
                }
            }
            if state.unchecked == 0 {
                checked.push_back((key.as_str(), state));
            } else {
                pending.insert(key.as_str(), state);
            }
        }
        let mut invalid: Vec<(&str, &str)> = Vec::new();
        while let Some((key, done)) = checked.pop_front() {
            for dependent in dependents.get(key).into_iter().flatten() {
                let Some(state) = pending.get_mut(dependent) else { continue };
                state.unchecked -= 1;
                state.depth = state.depth.max(done.depth + 1);
                state.paths = state.paths.saturating_add(done.paths).saturating_add(1);
                if state.unchecked == 0 {
                    if state.depth > MAX_PREREQUISITE_DEPTH {
                        invalid.push((dependent, "a chain of more than 32 prerequisites"));
                    } else if state.paths > MAX_PREREQUISITE_PATHS {
                        invalid.push((dependent, "more than 1000 paths of prerequisites"));
                    }
                    checked.push_back((dependent, *state));
                    pending.remove(dependent);
                }
            }
        }
        invalid.extend(pending.keys().map(|key| (*key, "a circle of prerequisites")));
        let expected = "a chain of at most 32 prerequisites, at most 1000 paths, and no circle";
        let problem = |(key, got)| {
            let (key, merged): (&FlagKey, &MergedFlag) = self.entries.get_key_value(key)?;
            let reference = self.effective(key, merged)?.prerequisites().first()?;
            let problem = Problem::new(format!("flags.{key}.requires"), got, expected);
            let problem = problem.with_help("the flag is invalid until then");
            Some((key.clone(), located(problem, reference)))
        };
        invalid.into_iter().filter_map(problem).collect()
    }

    /// Returns the flag that will be compiled for this key, according to the checks so far. `None` if the key is dark.
    fn effective<'s>(&'s self, key: &FlagKey, merged: &'s MergedFlag) -> Option<&'s Flag> {
        if merged.validity == Validity::Rejected {
            self.current.valid_entry(key.as_str())?.flag()
        } else {
            merged.valid()
        }
    }

    /// Reports the problems, and rejects the flags that are enabled. A disabled flag is never rejected, because
    /// turning a flag off must always work.
    fn reject(&mut self, flags: Vec<(FlagKey, Problem)>) {
        for (key, problem) in flags {
            if let Some(merged) = self.entries.get_mut(&key) {
                if !merged.is_off() {
                    merged.validity = Validity::Rejected;
                }
                let layer = merged.layer;
                self.report(layer, problem);
            }
        }
    }

    /// Adds a problem to those of a layer, up to [`MAX_PROBLEMS`].
    fn report(&mut self, layer: usize, problem: Problem) {
        if let Some(problems) = self.problems.get_mut(layer).filter(|problems| problems.len() < MAX_PROBLEMS) {
            problems.push(problem);
        }
    }

    /// Compiles the merged flags. Entries that keep their previous definition are copied from the current snapshot.
    ///
    /// The snapshot gets the next revision. Problems are sorted by their location, because the order of a hash map
    /// would make two merges of the same flags look different.
    fn compile(mut self) -> (Snapshot, Vec<Vec<Problem>>) {
        for problems in &mut self.problems {
            problems.sort_by(|a, b| (a.location(), a.path()).cmp(&(b.location(), b.path())));
        }
        let declared = |merged: MergedFlag| {
            let (layer, is_unapproved) = (layer_index(merged.layer), merged.validity == Validity::Unapproved);
            Declared { flag: merged.flag.filter(|_| merged.validity == Validity::Valid), layer, is_unapproved }
        };
        let mut origins = BTreeMap::new();
        let entries = self.entries.into_iter().map(|(key, merged)| {
            let previous =
                if merged.validity == Validity::Rejected { self.current.valid_entry(key.as_str()) } else { None };
            let of_parts = if previous.is_some() { self.current.origins(key.as_str()) } else { merged.origins };
            origins.extend(of_parts.map(|of_parts| (key.clone(), of_parts)));
            let refusal = merged.refusal.clone();
            let compile = || declared(merged).into_entry(key.as_str(), refusal, &self.segments);
            let entry = previous.cloned().unwrap_or_else(compile);
            (key, entry)
        });
        let env_keys = self.env_keys.into_iter().map(|(key, merged)| (key, declared(merged)));
        let layers = self.layers.iter().map(|layer| layer.provenance.clone()).collect();
        let entries = self.current.entries().rebuild_with(entries);
        let snapshot = Snapshot::new(self.current.revision() + 1, layers, entries, env_keys.collect(), origins);
        (snapshot, self.problems)
    }
}

/// Returns the problem of a flag that inherits where no layer below declares its key.
fn nothing_to_inherit(key: &str, flag: &Flag) -> Problem {
    let problem = Problem::new(format!("flags.{key}.inherit"), "no flag to inherit from", "the flag in a lower layer")
        .with_help("declare the flag in a lower layer, or remove `inherit` and state all of its parts here");
    match flag.inherit_location() {
        Some(location) => problem.at(location.line, location.column),
        None => problem,
    }
}

/// Returns the problem of a name that is none of the variants. `None` if there is no name, or if a variant has it.
fn unknown_variant(name: Option<&str>, variants: Option<&Variants>, path: String) -> Option<Problem> {
    let name = name.filter(|name| variants.is_none_or(|variants| variants.get(name).is_none()))?;
    Some(Problem::new(path, format!("the unknown variant {name:?}"), "one of the flag's variants"))
}

/// Adds the location of the reference to the problem, if it is known. A flag built in code has no locations.
fn located(problem: Problem, reference: &Reference) -> Problem {
    match reference.location() {
        Some(location) => problem.at(location.line, location.column),
        None => problem,
    }
}

/// Returns the problem of an environment key that matches several declared keys.
///
/// To choose one of them could turn on a flag that the operator did not mean, so all of them become dark.
fn ambiguous_env_key(layer: &Provenance, env_key: &EnvKey, keys: &[FlagKey]) -> Problem {
    let keys: Vec<&str> = keys.iter().map(FlagKey::as_str).collect();
    let got = format!("a name that matches {}", keys.join(" and "));
    Problem::new(env_key.as_str(), got, "a name that matches one declared key")
        .with_help(format!("rename all but one of them; until then {layer} keeps them dark"))
}
