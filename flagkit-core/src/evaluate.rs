//! Evaluation: a definition and a subject in, an outcome out.
//!
//! Pure and total: no I/O, no clock, no lock, no allocation, no error. The same definitions and subject always give
//! the same outcome. Recursion goes through prerequisites alone, whose chains are bounded when layers are merged and
//! once more here.

use std::borrow::Cow;

use crate::bucket::Threshold;
use crate::definition::{Definition, Plan, Split};
use crate::reason::Reason;
use crate::subject::Subject;
use crate::verdict::Verdict;
use crate::witness::{Group, Witness};

/// How many flags may require each other in a chain.
pub(crate) const MAX_CHAIN: usize = 32;
/// How many ways may lead from a flag to those it requires: each is gone at every read.
pub(crate) const MAX_WAYS: usize = 1_000;

/// An answer and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) on: bool,
    pub(crate) reason: Reason,
    /// The rule that matched.
    pub(crate) rule: Option<usize>,
    /// The place of the variant.
    pub(crate) variant: Option<usize>,
}

impl Outcome {
    const fn dark(reason: Reason) -> Self {
        Self { on: false, reason, rule: None, variant: None }
    }
}

/// Where the definitions of required flags are looked up.
pub(crate) trait Definitions {
    fn definition(&self, key: &str) -> Option<Cow<'_, Definition>>;
}

/// A question: for whom, among which definitions, and who looks on.
pub(crate) struct Question<'a, D, S: ?Sized, W> {
    pub(crate) definitions: &'a D,
    pub(crate) subject: &'a S,
    pub(crate) witness: &'a mut W,
}

impl<D: Definitions, S: Subject + ?Sized, W: Witness> Question<'_, D, S, W> {
    #[inline]
    pub(crate) fn evaluate(&mut self, definition: Option<&Definition>) -> Outcome {
        self.evaluate_within(definition, MAX_CHAIN)
    }

    #[inline]
    fn evaluate_within(&mut self, definition: Option<&Definition>, chain: usize) -> Outcome {
        match definition {
            None => Outcome::dark(Reason::Undeclared),
            Some(Definition::Refused) => Outcome::dark(Reason::Refused),
            Some(Definition::Off) => Outcome::dark(Reason::Off),
            Some(Definition::On(split)) => self.split(split),
            Some(Definition::Plan(plan)) => self.plan(plan, chain),
        }
    }

    #[inline]
    fn split(&self, split: &Split) -> Outcome {
        let threshold = split.threshold();
        let (on, reason) = if threshold == Threshold::EVERYBODY {
            (true, Reason::On)
        } else {
            match split.point(self.subject) {
                Some(point) => (point.is_below(threshold), Reason::Rollout { point, threshold }),
                None => (false, Reason::NoSubject),
            }
        };
        Outcome { on, reason, rule: None, variant: None }
    }

    fn plan(&mut self, plan: &Plan, chain: usize) -> Outcome {
        for (index, key) in plan.requires.iter().enumerate() {
            let Some(chain) = chain.checked_sub(1) else { return Outcome::dark(Reason::Refused) };
            self.witness.enter(Group::Required(key));
            let definitions = self.definitions;
            let outcome = self.evaluate_within(definitions.definition(key).as_deref(), chain);
            self.witness.leave_flag(outcome.on, outcome.reason);
            if !outcome.on {
                return Outcome::dark(Reason::Prerequisite { index });
            }
        }
        for (index, rule) in plan.rules.iter().enumerate() {
            self.witness.enter(Group::Rule(index, rule.rule.name()));
            let verdict = rule.judge(self.subject, self.witness);
            self.witness.leave(verdict);
            if verdict == Verdict::Yes {
                let outcome = self.serve(plan, &rule.split, rule.variant);
                return Outcome { rule: Some(index), ..outcome };
            }
        }
        self.serve(plan, &plan.fallthrough, None)
    }

    fn serve(&self, plan: &Plan, split: &Split, fixed: Option<usize>) -> Outcome {
        let outcome = self.split(split);
        let dealt = || plan.dealer.as_ref().and_then(|dealer| dealer.deal(split, self.subject));
        let variant = if outcome.on { fixed.or_else(dealt) } else { None };
        Outcome { variant, ..outcome }
    }
}
