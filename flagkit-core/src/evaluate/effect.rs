//! What a change does to who is let in.
//!
//! # The problem
//!
//! To turn a feature off for somebody must be free; to turn it on for somebody must be somebody's decision. So a change
//! has to be told to be the one or the other, before it is made, for subjects that nobody has a list of.
//!
//! # The idea
//!
//! A change *narrows* when it can be proven that it lets nobody in who was not in before. What cannot be proven to narrow
//! *widens*. A change that narrows in both directions is *neutral*. So the proof may give up whenever it likes: that costs
//! somebody a confirmation, never a surprise.
//!
//! # How it works
//!
//! Definitions are compared as they are compiled, after layering: salts are seeds, segments are there. Everybody is more
//! than a part, the same line up to a higher threshold is more than up to a lower one, a condition that implies another
//! holds for fewer, and one more requirement is less.
//!
//! Rules are compared from the top, and the proof goes by steps from the bottom: with all rules below a place as they
//! will be, the rule at that place may be taken away, made stricter, or given less, if whoever falls out of it gets no
//! more from the rules below than it gave; and rules that let nobody in may come in between. Each such step narrows, so
//! all together do.

use super::compiled::{CompiledRule, Definition, Plan, Serve, Test};
use crate::bucketing::bucket::Threshold;

/// What a change does to who sees a feature.
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
    /// Everybody sees what they saw before.
    Neutral,
    /// Nobody sees what they did not see before.
    Narrows,
    /// Somebody may see what they did not see before.
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

/// Tells whether nobody is let in by `after`, or gets a variant of it, who was not let in by `before`. `None` is a flag
/// that is not declared. `required` tells the same of a flag that `before` requires.
pub(crate) fn narrows<'a>(
    before: Option<&'a Definition>,
    after: Option<&Definition>,
    required: impl FnMut(&'a str) -> bool,
) -> bool {
    if before == after {
        // Also when a flag that both require lets more in now.
        return match before {
            Some(Definition::Plan(plan)) => plan.requires.iter().map(AsRef::as_ref).all(required),
            _ => true,
        };
    }
    // What is served to those for whom it is off: nothing, or what was served before.
    let off = |definition: Option<&Definition>| match definition {
        Some(Definition::Off(variant)) => variant.clone(),
        Some(Definition::Plan(plan)) => plan.off.clone(),
        _ => None,
    };
    let off_after = off(after);
    if off_after.is_some() && off_after != off(before) {
        return false;
    }
    let (mut before_plan, mut after_plan) = (None, None);
    let Some(after) = after.and_then(|after| plan(after, &mut after_plan)) else { return true };
    if lets_nobody_in(after) {
        return true;
    }
    let before = match before {
        Some(Definition::Plan(plan)) => plan.as_ref(),
        Some(other) => match plan(other, &mut before_plan) {
            Some(before) => return rules_narrow(before, after),
            None => return false,
        },
        None => return false,
    };
    let still_requires = before.requires.iter().all(|key| after.requires.contains(key));
    still_requires && before.requires.iter().map(AsRef::as_ref).all(required) && rules_narrow(before, after)
}

/// A definition as a plan, if it is switched on.
fn plan<'d>(definition: &'d Definition, room: &'d mut Option<Plan>) -> Option<&'d Plan> {
    match definition {
        Definition::Off(_) | Definition::Refused => None,
        Definition::On(split) => Some(room.insert(Plan::plain(*split))),
        Definition::Plan(plan) => Some(plan),
    }
}

fn lets_nobody_in(plan: &Plan) -> bool {
    plan.rules.iter().map(|rule| &rule.serve).chain([&plan.fallthrough]).all(gives_nothing)
}

fn gives_nothing(serve: &Serve) -> bool {
    serve.split.threshold() == Threshold::NOBODY
}

/// Tells whether whoever is served so after is served the same before.
pub(crate) fn is_within(after: &Serve, before: &Serve) -> bool {
    gives_nothing(after) || (after.deals_no_more_than(before) && after.split.is_within(&before.split))
}

fn rules_narrow(before: &Plan, after: &Plan) -> bool {
    let mut rest: &[CompiledRule] = &after.rules;
    for old in &before.rules {
        loop {
            // Whoever falls out of the old rule gets no more than it gave.
            let falls_well = |below: &[CompiledRule]| {
                below
                    .iter()
                    .map(|rule| &rule.serve)
                    .chain([&after.fallthrough])
                    .all(|serve| is_within(serve, &old.serve))
            };
            let Some((new, below)) = rest.split_first() else {
                if falls_well(rest) {
                    break;
                }
                return false;
            };
            let is_the_same = |new: &CompiledRule| tests_imply(&new.tests, &old.tests);
            if is_the_same(new) && is_within(&new.serve, &old.serve) {
                if new.tests == old.tests || falls_well(below) {
                    rest = below;
                    break;
                }
                return false;
            }
            if gives_nothing(&new.serve) {
                rest = below;
                // In the place of the old one, or in between.
                if tests_imply(&old.tests, &new.tests) && !below.iter().any(is_the_same) {
                    break;
                }
            } else if falls_well(rest) {
                break;
            } else {
                return false;
            }
        }
    }
    rest.iter().all(|new| gives_nothing(&new.serve)) && is_within(&after.fallthrough, &before.fallthrough)
}

/// Tells whether what the rule with the first tests matches is matched by the rule with the others.
fn tests_imply(tests: &[Test], others: &[Test]) -> bool {
    others.iter().all(|other| tests.iter().any(|test| test_implies(test, other)))
}

fn test_implies(test: &Test, other: &Test) -> bool {
    match (test, other) {
        (Test::Subjects(ids), Test::Subjects(others)) => ids.is_subset(others),
        (Test::Segments(segments), Test::Segments(others)) => {
            segments.iter().all(|(_, segment)| others.iter().any(|(_, other)| segment.implies(other)))
        }
        (Test::Condition(condition), Test::Condition(other)) => condition.implies(other),
        _ => false,
    }
}
