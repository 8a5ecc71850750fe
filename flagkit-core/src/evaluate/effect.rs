//! The effect of a change: neutral, narrows or widens.
//!
//! # The problem
//!
//! Turning a feature off must always be free. Turning it on must be a decision. A change therefore has to be classified
//! before it is made, for subjects that no list contains.
//!
//! # The idea
//!
//! A change *narrows* if it can be proven to include no new subject. Every other change *widens*. A change that narrows
//! in both directions is *neutral*. The proof may give up at any point: that costs a confirmation, and never causes a
//! surprise.
//!
//! # How it works
//!
//! The proof compares compiled definitions, after layering, so salts are seeds and segments are resolved. A full
//! rollout contains every other one. For the same bucketer, a higher threshold contains a lower one. A condition that
//! implies another includes fewer subjects, and one more prerequisite includes fewer.
//!
//! Rules are compared from the top, and the proof proceeds in steps from the bottom. Assume that all rules below an
//! index are already replaced. Then the rule at that index may be removed, made stricter, or given a smaller outcome,
//! if the subjects that it no longer matches get no more from the rules below than it gave them. Rules that serve no
//! subject may be inserted. Each such step narrows, so all steps together narrow.
//!
//! A migration narrows if it goes back one stage and the old data is still written; see
//! [`CompiledStage::is_narrower_than`].

use super::compiled::{CompiledRule, Criterion, Definition, Outcome, TargetedFlag};
use crate::bucketing::bucket::Threshold;
use crate::evaluate::compiled_stage::CompiledStage;
use crate::model::Stage;

/// The effect of a change on which subjects see a feature.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Percent};
/// use flagkit_core::tooling::Effect;
///
/// let flags = |flag| Flags::fixed(FlagSet::from_iter([(FlagKey::new("search").expect("a key"), flag)])).snapshot();
/// let (quarter, half) = (Flag::on().with_rollout(Percent::new(25)?), Flag::on().with_rollout(Percent::new(50)?));
/// let effects = flags(quarter).effects(&flags(half));
/// assert_eq!(effects.into_values().collect::<Vec<_>>(), [Effect::Widens]);
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Every subject is served as before.
    Neutral,
    /// No subject sees more than before.
    Narrows,
    /// A subject may see more than before.
    Widens,
}

impl Effect {
    /// Returns the effect as a word: `neutral`, `narrows` or `widens`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Narrows => "narrows",
            Self::Widens => "widens",
        }
    }
}

/// Returns whether `after` serves no subject that `before` did not serve the same way.
///
/// `None` is a flag that is not declared. `is_prerequisite_narrowing` answers the same question for a prerequisite of
/// `before`, by key.
pub(crate) fn is_narrowing<'a>(
    before: Option<&'a Definition>,
    after: Option<&Definition>,
    is_prerequisite_narrowing: impl FnMut(&'a str) -> bool,
) -> bool {
    if before == after {
        // A prerequisite of both may include more subjects than before.
        return match before {
            Some(Definition::Targeted(flag)) => {
                flag.prerequisites.iter().map(AsRef::as_ref).all(is_prerequisite_narrowing)
            }
            _ => true,
        };
    }
    if let (Some(Definition::Migration(_)), _) | (_, Some(Definition::Migration(_))) = (before, after) {
        return stage(before).is_some_and(|before| stage(after).is_some_and(|after| after.is_narrower_than(&before)));
    }
    // Subjects that the flag is off for may get no variant, or the one they got before.
    let off = |definition: Option<&Definition>| match definition {
        Some(Definition::Off(variant)) => variant.clone(),
        Some(Definition::Targeted(flag)) => flag.off.clone(),
        _ => None,
    };
    let off_after = off(after);
    if off_after.is_some() && off_after != off(before) {
        return false;
    }
    let (mut before_storage, mut after_storage) = (None, None);
    let Some(after) = after.and_then(|after| targeted(after, &mut after_storage)) else { return true };
    if is_empty(after) {
        return true;
    }
    let before = match before {
        Some(Definition::Targeted(flag)) => flag.as_ref(),
        Some(other) => match targeted(other, &mut before_storage) {
            Some(before) => return rules_narrow(before, after),
            None => return false,
        },
        None => return false,
    };
    let keeps_prerequisites = before.prerequisites.iter().all(|key| after.prerequisites.contains(key));
    keeps_prerequisites
        && before.prerequisites.iter().map(AsRef::as_ref).all(is_prerequisite_narrowing)
        && rules_narrow(before, after)
}

/// Returns the stage of a migration. A key that is not declared counts as a migration that has not begun.
fn stage(definition: Option<&Definition>) -> Option<CompiledStage> {
    match definition {
        Some(Definition::Migration(stage)) => Some(stage.clone()),
        Some(_) => None,
        None => Some(CompiledStage::Everywhere(Stage::Off)),
    }
}

/// Returns a definition as a targeted flag, if it is enabled. `storage` holds it if it has to be made.
fn targeted<'d>(definition: &'d Definition, storage: &'d mut Option<TargetedFlag>) -> Option<&'d TargetedFlag> {
    match definition {
        Definition::Off(_) | Definition::Invalid | Definition::Unapproved(_) | Definition::Migration(_) => None,
        Definition::On(rollout) => Some(storage.insert(TargetedFlag::from_rollout(*rollout))),
        Definition::Targeted(flag) => Some(flag),
    }
}

/// Returns whether the flag is on for no subject.
fn is_empty(flag: &TargetedFlag) -> bool {
    flag.rules.iter().map(|rule| &rule.outcome).chain([&flag.fallthrough]).all(serves_nobody)
}

/// Returns whether the outcome includes no subject, whatever the rule matches.
fn serves_nobody(outcome: &Outcome) -> bool {
    outcome.rollout.threshold() == Threshold::NONE
}

/// Returns whether every subject that `after` serves was served the same way by `before`.
fn is_within(after: &Outcome, before: &Outcome) -> bool {
    serves_nobody(after) || (after.assigns_no_more_than(before) && after.rollout.is_within(&before.rollout))
}

/// Compares the old rules from the top. `rest` holds the new rules that are not compared yet.
///
/// Each turn of the inner loop compares the next new rule with the old one. The new rule replaces the old one, or was
/// inserted above it, or the old rule was removed.
fn rules_narrow(before: &TargetedFlag, after: &TargetedFlag) -> bool {
    let mut rest: &[CompiledRule] = &after.rules;
    for old in &before.rules {
        loop {
            // Subjects that the old rule matched and the new one does not get no more than the old one gave them.
            let falls_through = |below: &[CompiledRule]| {
                let outcomes = below.iter().map(|rule| &rule.outcome).chain([&after.fallthrough]);
                outcomes.into_iter().all(|outcome| is_within(outcome, &old.outcome))
            };
            let Some((new, below)) = rest.split_first() else {
                if falls_through(rest) {
                    break;
                }
                return false;
            };
            let is_stricter = |new: &CompiledRule| criteria_imply(&new.criteria, &old.criteria);
            if is_stricter(new) && is_within(&new.outcome, &old.outcome) {
                if new.criteria == old.criteria || falls_through(below) {
                    rest = below;
                    break;
                }
                return false;
            }
            if serves_nobody(&new.outcome) {
                rest = below;
                // The new rule replaces the old one, or was inserted above it.
                if criteria_imply(&old.criteria, &new.criteria) && !below.iter().any(is_stricter) {
                    break;
                }
            } else if falls_through(rest) {
                break;
            } else {
                return false;
            }
        }
    }
    rest.iter().all(|new| serves_nobody(&new.outcome)) && is_within(&after.fallthrough, &before.fallthrough)
}

/// Returns whether a rule with `criteria` matches only subjects that a rule with `others` matches.
fn criteria_imply(criteria: &[Criterion], others: &[Criterion]) -> bool {
    others.iter().all(|other| criteria.iter().any(|criterion| criterion_implies(criterion, other)))
}

/// Criteria of different kinds prove nothing about each other.
fn criterion_implies(criterion: &Criterion, other: &Criterion) -> bool {
    match (criterion, other) {
        (Criterion::Subjects(ids), Criterion::Subjects(others)) => ids.is_subset(others),
        (Criterion::Segments(segments), Criterion::Segments(others)) => {
            segments.iter().all(|(_, segment)| others.iter().any(|(_, other)| segment.implies(other)))
        }
        (Criterion::Condition(condition), Criterion::Condition(other)) => condition.implies(other),
        _ => false,
    }
}
