//! Evaluation: a definition and a subject in, an outcome out.
//!
//! Pure and total: no I/O, no clock, no lock, no allocation, no error. The same definitions and subject always give
//! the same outcome. Recursion goes through prerequisites alone, whose chains are bounded when layers are merged and
//! once more here.

use std::borrow::Cow;

use crate::bucketing::bucket::{Point, Threshold};
use crate::bucketing::bucketer::{Rollout, SimpleRollout};
use crate::condition::tracer::{Group, Witness};
use crate::condition::verdict::Verdict;
use crate::evaluate::compiled::{Definition, Plan, Serve};
use crate::evaluate::reason::Reason;
use crate::model::Variant;
use crate::subject::Subject;

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
    /// Of a key that no layer declares.
    pub(crate) const UNDECLARED: Self = Self::off(Reason::NotFound, None);

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
    fn on_plain<S: Subject + ?Sized>(split: SimpleRollout, subject: &S) -> Self {
        if split.threshold == Threshold::EVERYBODY {
            return Self::Anywhere;
        }
        split.point(subject).map_or(Self::Nowhere, Self::At)
    }

    #[inline]
    fn on<S: Subject + ?Sized>(split: &Rollout, subject: &S) -> Self {
        if split.is_full() {
            return Self::Anywhere;
        }
        split.bucketer().point(subject).map_or(Self::Nowhere, Self::At)
    }

    #[inline]
    fn is_below(self, threshold: Threshold) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Nowhere => false,
            Self::At(point) => point.is_below(threshold),
        }
    }

    #[inline]
    fn reason(self, threshold: Threshold) -> Reason {
        match self {
            Self::Anywhere => Reason::On,
            Self::Nowhere => Reason::MissingBucketingValue,
            Self::At(point) => Reason::Rollout { point, threshold },
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
    pub(crate) fn evaluate<'d>(&mut self, definition: &'d Definition) -> Outcome<'d> {
        self.evaluate_within(definition, MAX_CHAIN)
    }

    #[inline]
    fn evaluate_within<'d>(&mut self, definition: &'d Definition, chain: usize) -> Outcome<'d> {
        match definition {
            Definition::Refused => Outcome::off(Reason::Invalid, None),
            Definition::Off(variant) => Outcome::off(Reason::Off, variant.as_ref()),
            Definition::On(split) => {
                let (place, threshold) = (Place::on_plain(*split, self.subject), split.threshold);
                Outcome { on: place.is_below(threshold), reason: place.reason(threshold), rule: None, variant: None }
            }
            Definition::Plan(plan) => self.plan(plan, chain),
        }
    }

    fn plan<'d>(&mut self, plan: &'d Plan, chain: usize) -> Outcome<'d> {
        for (index, key) in plan.requires.iter().enumerate() {
            let Some(chain) = chain.checked_sub(1) else { return Outcome::off(Reason::Invalid, None) };
            self.witness.enter(Group::Required(key));
            let definitions = self.definitions;
            let definition = definitions.definition(key);
            let definition = definition.as_deref();
            let Outcome { on, reason, .. } =
                definition.map_or(Outcome::UNDECLARED, |definition| self.evaluate_within(definition, chain));
            self.witness.leave_flag(on, reason);
            if !on {
                return Outcome::off(Reason::Prerequisite { index }, plan.off.as_ref());
            }
        }
        for (index, rule) in plan.rules.iter().enumerate() {
            self.witness.enter(Group::Rule(index, rule.name()));
            let verdict = rule.evaluate(self.subject, self.witness);
            self.witness.leave(verdict);
            if verdict == Verdict::Yes {
                return self.serve(plan, &rule.serve, Some(index));
            }
        }
        self.serve(plan, &plan.fallthrough, None)
    }

    #[inline]
    fn serve<'d>(&mut self, plan: &'d Plan, serve: &'d Serve, rule: Option<usize>) -> Outcome<'d> {
        let (place, threshold) = (Place::on(&serve.split, self.subject), serve.split.threshold());
        let on = place.is_below(threshold);
        let variant = if on { serve.variant(self.subject, self.witness) } else { plan.off.as_ref() };
        Outcome { on, reason: place.reason(threshold), rule, variant }
    }
}
