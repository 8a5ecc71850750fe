//! Evaluation: a definition and a subject in, an outcome out.
//!
//! Pure and total: no I/O, no clock, no lock, no allocation, no error. The same definitions and subject always give
//! the same outcome. Recursion goes through prerequisites alone, whose chains are bounded when layers are merged and
//! once more here.

use std::borrow::Cow;

use crate::bucket::Point;
use crate::definition::{Definition, Plan, Serve, Split, Variant};
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
pub(crate) struct Outcome<'d> {
    pub(crate) on: bool,
    pub(crate) reason: Reason,
    /// The rule that matched.
    pub(crate) rule: Option<usize>,
    pub(crate) variant: Option<&'d Variant>,
}

impl<'d> Outcome<'d> {
    const fn off(reason: Reason, variant: Option<&'d Variant>) -> Self {
        Self { on: false, reason, rule: None, variant }
    }
}

/// Where a subject stands on the line of a split. As small as can be: it is passed on in registers.
#[derive(Clone, Copy)]
enum Place {
    /// It does not matter, for everybody is let in.
    Anywhere,
    /// The subject has nothing to be placed by.
    Nowhere,
    At(Point),
}

impl Place {
    #[inline]
    fn is_in(self, split: &Split) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Nowhere => false,
            Self::At(point) => point.is_below(split.threshold()),
        }
    }

    #[inline]
    fn reason(self, split: &Split) -> Reason {
        match self {
            Self::Anywhere => Reason::On,
            Self::Nowhere => Reason::NoSubject,
            Self::At(point) => Reason::Rollout { point, threshold: split.threshold() },
        }
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
    pub(crate) fn evaluate<'d>(&mut self, definition: Option<&'d Definition>) -> Outcome<'d> {
        self.evaluate_within(definition, MAX_CHAIN)
    }

    #[inline]
    fn evaluate_within<'d>(&mut self, definition: Option<&'d Definition>, chain: usize) -> Outcome<'d> {
        match definition {
            None => Outcome::off(Reason::Undeclared, None),
            Some(Definition::Refused) => Outcome::off(Reason::Refused, None),
            Some(Definition::Off(variant)) => Outcome::off(Reason::Off, variant.as_ref()),
            Some(Definition::On(split)) => {
                let place = self.place(split);
                Outcome { on: place.is_in(split), reason: place.reason(split), rule: None, variant: None }
            }
            Some(Definition::Plan(plan)) => self.plan(plan, chain),
        }
    }

    #[inline]
    fn place(&self, split: &Split) -> Place {
        if split.lets_everybody_in() {
            return Place::Anywhere;
        }
        split.line().point(self.subject).map_or(Place::Nowhere, Place::At)
    }

    fn plan<'d>(&mut self, plan: &'d Plan, chain: usize) -> Outcome<'d> {
        for (index, key) in plan.requires.iter().enumerate() {
            let Some(chain) = chain.checked_sub(1) else { return Outcome::off(Reason::Refused, None) };
            self.witness.enter(Group::Required(key));
            let definitions = self.definitions;
            let definition = definitions.definition(key);
            let Outcome { on, reason, .. } = self.evaluate_within(definition.as_deref(), chain);
            self.witness.leave_flag(on, reason);
            if !on {
                return Outcome::off(Reason::Prerequisite { index }, plan.off.as_ref());
            }
        }
        for (index, rule) in plan.rules.iter().enumerate() {
            self.witness.enter(Group::Rule(index, rule.name()));
            let verdict = rule.judge(self.subject, self.witness);
            self.witness.leave(verdict);
            if verdict == Verdict::Yes {
                return self.serve(plan, &rule.serve, Some(index));
            }
        }
        self.serve(plan, &plan.fallthrough, None)
    }

    #[inline]
    fn serve<'d>(&self, plan: &'d Plan, serve: &'d Serve, rule: Option<usize>) -> Outcome<'d> {
        let place = self.place(&serve.split);
        let on = place.is_in(&serve.split);
        let variant = if on { serve.variant(self.subject) } else { plan.off.as_ref() };
        Outcome { on, reason: place.reason(&serve.split), rule, variant }
    }
}
