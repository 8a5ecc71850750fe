//! The differences between two snapshots, flag by flag.

use flagkit_core::source::Stage;
use flagkit_core::tooling::Effect;
use flagkit_core::{Flag, FlagKey, Snapshot};
use serde_json::{Value, json};

use crate::progress::Progress;
use crate::state::summary;

/// A flag that differs between two snapshots.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) key: FlagKey,
    pub(crate) effect: Effect,
    pub(crate) before: String,
    pub(crate) after: String,
    /// Names of the parts that differ but do not show in `before` and `after`.
    pub(crate) other_changes: Vec<&'static str>,
    /// The progress before and after, if the flag is a migration.
    stages: [Option<Progress>; 2],
}

impl Difference {
    /// Returns all differences, in the order of their keys.
    pub(crate) fn between(before: &Snapshot, after: &Snapshot) -> Vec<Self> {
        let effects = before.effects(after).into_iter();
        effects
            .map(|(key, effect)| Self::new(&key, effect, [before.flag(key.as_str()), after.flag(key.as_str())]))
            .collect()
    }

    pub(crate) fn new(key: &FlagKey, effect: Effect, [old, new]: [Option<&Flag>; 2]) -> Self {
        let (before, after) = (summary(old), summary(new));
        let mut other_changes = match (old, new) {
            (Some(old), Some(new)) => changed_parts(old, new),
            _ => Vec::new(),
        };
        if other_changes.is_empty() && before == after {
            other_changes.push(if old == new { "a prerequisite" } else { "details" });
        }
        Self { key: key.clone(), effect, before, after, other_changes, stages: [old, new].map(Progress::of) }
    }

    /// Returns whether a part of the data of a migration moves by more than one stage. A key without a declaration
    /// counts as a migration that has not begun.
    pub(crate) fn skips_a_stage(&self) -> bool {
        let [before, after] = self.stages;
        match (before, after) {
            (None, None) => false,
            // Programs without the migration use the new side only.
            (Some(before), None) if before == Progress::at(Stage::Contracted) => false,
            _ => !after.unwrap_or(Progress::OFF).is_one_step_from(before.unwrap_or(Progress::OFF)),
        }
    }

    /// Describes the flag after the change, with the names of other parts that differ.
    pub(crate) fn shown_after(&self) -> String {
        match self.other_changes.as_slice() {
            [] => self.after.clone(),
            others => format!("{}; {} changed", self.after, others.join(", ")),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!({
            "flag": self.key.as_str(), "effect": self.effect.as_str(), "before": self.before, "after": self.after,
            "other_changes": self.other_changes,
        });
        if self.stages.iter().any(Option::is_some) {
            let [before, after] =
                self.stages.map(|progress| progress.map(|progress| progress.stage).map(Stage::as_str));
            json["stage"] = json!({ "before": before, "after": after, "skips": self.skips_a_stage() });
        }
        json
    }
}

/// Lists which parts of the flag differ other than its switch and rollout, and the numbers of rules and variants.
fn changed_parts(old: &Flag, new: &Flag) -> Vec<&'static str> {
    let mut parts = Vec::new();
    let mut add = |differs: bool, what: &'static str| {
        if differs {
            parts.push(what);
        }
    };
    add(old.rules().len() == new.rules().len() && old.rules() != new.rules(), "rules");
    let names = |flag: &Flag| flag.prerequisites().iter().map(|it| it.name().to_owned()).collect::<Vec<_>>();
    add(names(old) != names(new), "prerequisites");
    add(old.variants().is_some() == new.variants().is_some() && old.variants() != new.variants(), "variants");
    add(old.off_variant() != new.off_variant(), "variant when off");
    add(old.is_migration() != new.is_migration(), "kind");
    add((old.salt(), old.bucket_by(), old.bucketing()) != (new.salt(), new.bucket_by(), new.bucketing()), "bucketing");
    add(old.metadata() != new.metadata(), "metadata");
    parts
}
