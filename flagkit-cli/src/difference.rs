//! What lies between two snapshots, flag by flag.

use flagkit_core::tooling::Effect;
use flagkit_core::{Flag, FlagKey, Snapshot};
use serde_json::{Value, json};

use crate::state::words;

/// A flag that is another than before.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) key: FlagKey,
    pub(crate) effect: Effect,
    pub(crate) before: String,
    pub(crate) after: String,
    /// What differs besides, where that does not show.
    pub(crate) besides: Vec<&'static str>,
}

impl Difference {
    /// All, in the order of their keys.
    pub(crate) fn between(before: &Snapshot, after: &Snapshot) -> Vec<Self> {
        let effects = before.effects(after).into_iter();
        effects
            .map(|(key, effect)| Self::new(&key, effect, [before.flag(key.as_str()), after.flag(key.as_str())]))
            .collect()
    }

    pub(crate) fn new(key: &FlagKey, effect: Effect, [old, new]: [Option<&Flag>; 2]) -> Self {
        let (before, after) = (words(old), words(new));
        let mut besides = match (old, new) {
            (Some(old), Some(new)) => parts(old, new),
            _ => Vec::new(),
        };
        if besides.is_empty() && before == after {
            besides.push(if old == new { "what it requires" } else { "details" });
        }
        Self { key: key.clone(), effect, before, after, besides }
    }

    /// The state after, and what else is another.
    pub(crate) fn shown_after(&self) -> String {
        match self.besides.as_slice() {
            [] => self.after.clone(),
            besides => format!("{}; {} changed", self.after, besides.join(", ")),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "flag": self.key.as_str(), "effect": self.effect.as_str(), "before": self.before, "after": self.after,
            "besides": self.besides,
        })
    }
}

/// What of a flag is another, besides switch and rollout, and numbers of rules and variants.
fn parts(old: &Flag, new: &Flag) -> Vec<&'static str> {
    let mut parts = Vec::new();
    let mut tell = |differs: bool, what: &'static str| {
        if differs {
            parts.push(what);
        }
    };
    tell(old.rules().len() == new.rules().len() && old.rules() != new.rules(), "rules");
    let names = |flag: &Flag| flag.prerequisites().iter().map(|it| it.name().to_owned()).collect::<Vec<_>>();
    tell(names(old) != names(new), "prerequisites");
    tell(old.variants().is_some() == new.variants().is_some() && old.variants() != new.variants(), "variants");
    tell(old.off_variant() != new.off_variant(), "variant when off");
    tell((old.salt(), old.bucket_by(), old.bucketing()) != (new.salt(), new.bucket_by(), new.bucketing()), "bucketing");
    tell(old.metadata() != new.metadata(), "metadata");
    parts
}
