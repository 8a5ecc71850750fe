//! Layering: from one set of flags per source to one snapshot.
//!
//! Layers are laid lowest first; a later one replaces a flag or a segment whole, except for what says who a subject is
//! to the flag (salt, hashed attribute) and the metadata, which stay with the declaration ([`Flag::over`]). What flags
//! say of each other, and of segments, can only be checked when all layers are laid; it is checked here.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::evaluate::compiled::Segments;
use crate::evaluate::evaluator::{MAX_CHAIN, MAX_WAYS};
use crate::model::key::{EnvKey, FlagKey};
use crate::model::problem::Problem;
use crate::model::provenance::Provenance;
use crate::model::{Declaration, Flag, FlagSet, Reference, Variants};
use crate::publish::snapshot::{Declared, Snapshot};

/// A layer as it goes into the merge.
pub(crate) struct Laying<'a> {
    pub(crate) provenance: &'a Provenance,
    pub(crate) flags: Option<&'a FlagSet>,
    /// Whether all below it is dark, because nobody knows yet what it says.
    pub(crate) veils: bool,
}

/// How many problems of a layer are listed; nobody reads more.
const MAX_PROBLEMS: usize = 1_000;

/// Lays the layers over each other, for the snapshot after `current`. The second part holds, per layer, what is wrong
/// with it only together with others; flags refused for that keep the definition they have in `current`.
pub(crate) fn merge(current: &Snapshot, layers: &[Laying<'_>]) -> (Snapshot, Vec<Vec<Problem>>) {
    let problems = vec![Vec::new(); layers.len()];
    let (entries, folded, segments) = (HashMap::default(), BTreeMap::new(), Segments::new());
    let mut stack = Stack { current, layers, entries, folded, segments, problems };
    for (index, layer) in layers.iter().enumerate() {
        if layer.veils {
            stack.veil(index);
        }
        if let Some(flags) = layer.flags {
            stack.lay(index, flags);
        }
    }
    stack.check_rules();
    stack.check_folded();
    stack.check_requirements();
    stack.compile()
}

struct Stack<'a> {
    current: &'a Snapshot,
    layers: &'a [Laying<'a>],
    entries: HashMap<FlagKey, Laid, RandomState>,
    folded: BTreeMap<EnvKey, Laid>,
    segments: Segments,
    /// Per layer.
    problems: Vec<Vec<Problem>>,
}

/// What the layers so far say of one key.
struct Laid {
    layer: usize,
    /// Salt, attribute and metadata of the layers below, also while the topmost declaration is refused.
    flag: Option<Flag>,
    refused: bool,
    /// Refused for what it says of others, and to be kept as it was before.
    outdated: bool,
}

/// What is known of a flag while the flags it requires are checked.
#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    /// How many of them are not checked yet.
    unchecked: usize,
    /// The longest chain so far.
    chain: usize,
    /// How many ways lead down so far.
    ways: usize,
}

impl Stack<'_> {
    /// Darkens all that has been laid so far.
    fn veil(&mut self, layer: usize) {
        for laid in self.entries.values_mut().chain(self.folded.values_mut()) {
            (laid.layer, laid.refused) = (layer, true);
        }
    }

    fn lay(&mut self, layer: usize, flags: &FlagSet) {
        for (name, segment) in flags.segments() {
            match segment {
                Some(segment) => self.segments.insert(Arc::clone(name), Arc::clone(segment)),
                None => self.segments.remove(&**name),
            };
        }
        let is_lowest = self.entries.is_empty();
        self.entries.reserve(if is_lowest { flags.len() } else { 0 });
        for (key, declaration) in flags.declared() {
            let below = if is_lowest { None } else { self.entries.remove(key.as_str()) };
            self.entries.insert(key.clone(), Laid::over(below, layer, declaration));
        }
        for (folded, declaration) in flags.folded() {
            let mut keys: Vec<FlagKey> =
                self.entries.keys().filter(|key| folded.matches(key.as_str())).cloned().collect();
            keys.sort_unstable();
            let declaration = if let [_, _, ..] = *keys {
                if let Some(Laying { provenance, .. }) = self.layers.get(layer) {
                    self.report(layer, collision(provenance, folded, &keys));
                }
                &Declaration::Refused
            } else {
                declaration
            };
            if keys.is_empty() {
                let laid = Laid::over(self.folded.remove(folded), layer, declaration);
                self.folded.insert(folded.clone(), laid);
            }
            for key in keys {
                let laid = Laid::over(self.entries.remove(key.as_str()), layer, declaration);
                self.entries.insert(key, laid);
            }
        }
    }

    /// Refuses flags that use segments or variants which are not there.
    fn check_rules(&mut self) {
        let mut missing = Vec::new();
        for (key, laid) in &self.entries {
            let Some(flag) = laid.good() else { continue };
            let path = || format!("flags.{key}.rules");
            let unknown = unknown_variant(flag.off_variant(), flag.variants(), format!("flags.{key}"));
            missing.extend(unknown.map(|problem| (key.clone(), problem)));
            for rule in flag.rules() {
                let has_segment = |reference: &&Reference| self.segments.contains_key(reference.name());
                for reference in rule.segments().iter().filter(|reference| !has_segment(reference)) {
                    let got = format!("the unknown segment {:?}", reference.name());
                    let problem = Problem::new(path(), got, "a segment that is declared");
                    let problem = problem.with_help("the flag is refused until the segment is declared");
                    missing.push((key.clone(), located(problem, reference)));
                }
                let variants = rule.variants().or(flag.variants());
                missing.extend(unknown_variant(rule.variant(), variants, path()).map(|problem| (key.clone(), problem)));
            }
        }
        self.refuse(missing);
    }

    /// Refuses flags with rules that only a folded key declares: what they say of other flags would have to be checked
    /// for keys that nobody knows.
    fn check_folded(&mut self) {
        for (key, laid) in &mut self.folded {
            if laid.good().is_some_and(Flag::has_targeting) {
                laid.refused = true;
                let problem =
                    Problem::new(key.as_str(), "rules for a key that no layer spells", "a switch and a rollout");
                if let Some(problems) = self.problems.get_mut(laid.layer) {
                    problems.push(problem);
                }
            }
        }
    }

    /// Refuses flags that require each other in a circle, in too long a chain or in too many ways. Reports required
    /// flags that are not declared.
    fn check_requirements(&mut self) {
        let mut undeclared = Vec::new();
        for (key, laid) in &self.entries {
            for reference in self.in_force(key, laid).into_iter().flat_map(Flag::prerequisites) {
                let name = reference.name();
                if !self.entries.contains_key(name) && !self.folded.keys().any(|folded| folded.matches(name)) {
                    let problem = Problem::new(
                        format!("flags.{key}.requires"),
                        format!("the undeclared flag {name:?}"),
                        "flags that are declared",
                    );
                    let problem = problem.with_help("this flag is off as long as that one is");
                    undeclared.push((laid.layer, located(problem, reference)));
                }
            }
        }
        for (layer, problem) in undeclared {
            self.report(layer, problem);
        }
        let groundless = self.groundless();
        self.refuse(groundless);
        // Those that keep an earlier definition may go round in a circle with new ones: then they are dark, and what
        // is dark requires nothing.
        for (key, _) in self.groundless() {
            if let Some(laid) = self.entries.get_mut(&key).filter(|laid| !laid.is_off()) {
                (laid.refused, laid.outdated) = (true, false);
            }
        }
    }

    /// Finds the flags whose requirements never end, or go too far, and says why.
    fn groundless(&self) -> Vec<(FlagKey, Problem)> {
        let mut pending: HashMap<&str, Pending> = HashMap::new();
        let mut required_by: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut checked: VecDeque<(&str, Pending)> = VecDeque::new();
        for (key, laid) in &self.entries {
            let mut state = Pending::default();
            for reference in self.in_force(key, laid).into_iter().flat_map(Flag::prerequisites) {
                if self.entries.contains_key(reference.name()) {
                    required_by.entry(reference.name()).or_default().push(key.as_str());
                    state.unchecked += 1;
                }
            }
            if state.unchecked == 0 {
                checked.push_back((key.as_str(), state));
            } else {
                pending.insert(key.as_str(), state);
            }
        }
        let mut bad: Vec<(&str, &str)> = Vec::new();
        while let Some((key, done)) = checked.pop_front() {
            for dependent in required_by.get(key).into_iter().flatten() {
                let Some(state) = pending.get_mut(dependent) else { continue };
                state.unchecked -= 1;
                state.chain = state.chain.max(done.chain + 1);
                state.ways = state.ways.saturating_add(done.ways).saturating_add(1);
                if state.unchecked == 0 {
                    if state.chain > MAX_CHAIN {
                        bad.push((dependent, "a chain of more than 32 flags"));
                    } else if state.ways > MAX_WAYS {
                        bad.push((dependent, "more than 1000 ways to the flags it requires"));
                    }
                    checked.push_back((dependent, *state));
                    pending.remove(dependent);
                }
            }
        }
        bad.extend(pending.keys().map(|key| (*key, "a circle of flags that require each other")));
        let expected = "at most 32 flags in a row and 1000 ways, and no circle";
        let problem = |(key, got)| {
            let (key, laid): (&FlagKey, &Laid) = self.entries.get_key_value(key)?;
            let reference = self.in_force(key, laid)?.prerequisites().first()?;
            let problem = Problem::new(format!("flags.{key}.requires"), got, expected);
            let problem = problem.with_help("the flag is refused until then");
            Some((key.clone(), located(problem, reference)))
        };
        bad.into_iter().filter_map(problem).collect()
    }

    /// The flag that will be compiled for this key, as far as it is known.
    fn in_force<'s>(&'s self, key: &FlagKey, laid: &'s Laid) -> Option<&'s Flag> {
        if laid.outdated { self.current.good_entry(key.as_str())?.flag() } else { laid.good() }
    }

    /// Reports what is wrong with flags, and refuses those that are switched on: to turn off is always free.
    fn refuse(&mut self, flags: Vec<(FlagKey, Problem)>) {
        for (key, problem) in flags {
            if let Some(laid) = self.entries.get_mut(&key) {
                if !laid.is_off() {
                    (laid.refused, laid.outdated) = (true, true);
                }
                let layer = laid.layer;
                self.report(layer, problem);
            }
        }
    }

    fn report(&mut self, layer: usize, problem: Problem) {
        if let Some(problems) = self.problems.get_mut(layer).filter(|problems| problems.len() < MAX_PROBLEMS) {
            problems.push(problem);
        }
    }

    fn compile(mut self) -> (Snapshot, Vec<Vec<Problem>>) {
        for problems in &mut self.problems {
            problems.sort_by(|a, b| (a.location(), a.path()).cmp(&(b.location(), b.path())));
        }
        let declared = |laid: Laid| {
            let layer = u32::try_from(laid.layer).unwrap_or(u32::MAX);
            Declared { flag: if laid.refused { None } else { laid.flag }, layer }
        };
        let entries = self.entries.into_iter().map(|(key, laid)| {
            let last_good = if laid.outdated { self.current.good_entry(key.as_str()) } else { None };
            let entry = match last_good {
                Some(entry) => entry.clone(),
                None => declared(laid).into_entry(key.as_str(), &self.segments),
            };
            (key, entry)
        });
        let folded = self.folded.into_iter().map(|(key, laid)| (key, declared(laid)));
        let layers = self.layers.iter().map(|layer| layer.provenance.clone()).collect();
        let entries = self.current.entries().followed_by(entries);
        (Snapshot::new(self.current.revision() + 1, layers, entries, folded.collect()), self.problems)
    }
}

impl Laid {
    fn over(below: Option<Self>, layer: usize, declaration: &Declaration) -> Self {
        let below = below.and_then(|below| below.flag);
        match (declaration, below) {
            (Declaration::Flag(flag), Some(below)) => {
                Self { layer, flag: Some(flag.over(&below)), refused: false, outdated: false }
            }
            (Declaration::Flag(flag), None) => {
                Self { layer, flag: Some(flag.clone()), refused: false, outdated: false }
            }
            (Declaration::Refused, below) => Self { layer, flag: below, refused: true, outdated: false },
        }
    }

    fn good(&self) -> Option<&Flag> {
        self.flag.as_ref().filter(|_| !self.refused)
    }

    fn is_off(&self) -> bool {
        self.good().is_some_and(|flag| !flag.is_enabled())
    }
}

fn unknown_variant(name: Option<&str>, variants: Option<&Variants>, path: String) -> Option<Problem> {
    let name = name.filter(|name| variants.is_none_or(|variants| variants.get(name).is_none()))?;
    Some(Problem::new(path, format!("the unknown variant {name:?}"), "one of the flag's variants"))
}

fn located(problem: Problem, reference: &Reference) -> Problem {
    match reference.location() {
        Some(location) => problem.at(location.line, location.column),
        None => problem,
    }
}

fn collision(layer: &Provenance, folded: &EnvKey, keys: &[FlagKey]) -> Problem {
    let keys: Vec<&str> = keys.iter().map(FlagKey::as_str).collect();
    let got = format!("a name that stands for {}", keys.join(" and "));
    Problem::new(folded.as_str(), got, "a name that stands for one declared key")
        .with_help(format!("rename all but one of them; until then {layer} keeps them dark"))
}
