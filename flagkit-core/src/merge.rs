//! Layering: from one set of flags per source to one snapshot.
//!
//! Layers are laid lowest first; a later one replaces a flag whole, except for what says who a subject is to the flag
//! (salt, hashed attribute) and the metadata, which stay with the declaration ([`Flag::over`]).

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use crate::definition::{Declaration, Flag, FlagSet};
use crate::key::{FlagKey, FoldedKey};
use crate::problem::Problem;
use crate::provenance::Provenance;
use crate::snapshot::{Declared, Snapshot};

/// Lays the layers over each other. The second part holds, per layer, what is wrong with it only on top of the others.
pub(crate) fn merge<'a>(
    revision: u64,
    layers: impl Iterator<Item = (&'a Provenance, Option<&'a FlagSet>)>,
) -> (Snapshot, Vec<Vec<Problem>>) {
    let mut stack = Stack::default();
    let collisions =
        layers.map(|(layer, flags)| flags.map_or_else(Vec::new, |flags| stack.lay(layer, flags))).collect();
    (stack.compile(revision), collisions)
}

#[derive(Default)]
struct Stack<'a> {
    entries: HashMap<FlagKey, Laid<'a>, RandomState>,
    folded: BTreeMap<FoldedKey, Laid<'a>>,
}

/// What the layers so far say of one key.
struct Laid<'a> {
    layer: &'a Provenance,
    /// Salt, attribute and metadata of the layers below, also while the topmost declaration is refused.
    flag: Option<Flag>,
    refused: bool,
}

impl<'a> Stack<'a> {
    fn lay(&mut self, layer: &'a Provenance, flags: &FlagSet) -> Vec<Problem> {
        for (key, declaration) in flags.declared() {
            let laid = Laid::over(self.entries.remove(key.as_str()), layer, declaration);
            self.entries.insert(key.clone(), laid);
        }
        let mut collisions = Vec::new();
        for (folded, declaration) in flags.folded() {
            let mut keys: Vec<FlagKey> =
                self.entries.keys().filter(|key| folded.matches(key.as_str())).cloned().collect();
            keys.sort_unstable();
            let declaration = if let [_, _, ..] = *keys {
                collisions.push(collision(layer, folded, &keys));
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
        collisions
    }

    fn compile(self, revision: u64) -> Snapshot {
        let declared = self.entries.into_iter().map(|(key, laid)| (key, laid.into_declared()));
        let folded = self.folded.into_iter().map(|(key, laid)| (key, laid.into_declared()));
        Snapshot::new(revision, declared, folded)
    }
}

impl<'a> Laid<'a> {
    fn over(below: Option<Self>, layer: &'a Provenance, declaration: &Declaration) -> Self {
        let below = below.and_then(|below| below.flag);
        match (declaration, below) {
            (Declaration::Flag(flag), Some(below)) => Self { layer, flag: Some(flag.over(&below)), refused: false },
            (Declaration::Flag(flag), None) => Self { layer, flag: Some(flag.clone()), refused: false },
            (Declaration::Refused, below) => Self { layer, flag: below, refused: true },
        }
    }

    fn into_declared(self) -> Declared {
        Declared { flag: if self.refused { None } else { self.flag }, layer: self.layer.clone() }
    }
}

fn collision(layer: &Provenance, folded: &FoldedKey, keys: &[FlagKey]) -> Problem {
    let keys: Vec<&str> = keys.iter().map(FlagKey::as_str).collect();
    Problem::new(
        folded.as_str(),
        format!("a name that stands for {}", keys.join(" and ")),
        "a name that stands for one declared key",
    )
    .with_help(format!("rename all but one of them; until then {layer} keeps them dark"))
}
