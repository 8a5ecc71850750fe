//! The evaluator: a definition and a subject in, a decision out.
//!
//! Evaluation is pure and total: no I/O, no clock, no lock, no allocation, no error. The same definitions and subject
//! always give the same decision. Only prerequisites recurse. The merge bounds their depth, and the evaluator bounds it
//! again.

use std::borrow::Cow;

use crate::bucketing::bucket::{Point, Threshold};
use crate::bucketing::bucketer::{Rollout, SimpleRollout};
use crate::condition::tracer::Span;
use crate::condition::verdict::Verdict;
use crate::evaluate::compiled::{Definition, Outcome, TargetedFlag};
use crate::evaluate::flag_tracer::FlagTracer;
use crate::evaluate::reason::Reason;
use crate::model::Variant;
use crate::subject::Subject;

/// The maximum length of a chain of prerequisites.
pub(crate) const MAX_PREREQUISITE_DEPTH: usize = 32;
/// The maximum number of paths from a flag to its prerequisites. Every read follows each path.
pub(crate) const MAX_PREREQUISITE_PATHS: usize = 1_000;

/// The result of an evaluation, borrowed from the definition.
///
/// The evaluator returns it by value. The snapshot turns it into a bool, a variant or an
/// [`Evaluation`](crate::Evaluation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision<'d> {
    pub(crate) on: bool,
    pub(crate) reason: Reason,
    /// The index of the rule that matched.
    pub(crate) rule: Option<usize>,
    pub(crate) variant: Option<&'d Variant>,
}

impl<'d> Decision<'d> {
    /// The decision for a key that no layer declares.
    pub(crate) const NOT_FOUND: Self = Self::off(Reason::NotFound, None);

    const fn off(reason: Reason, variant: Option<&'d Variant>) -> Self {
        Self { on: false, reason, rule: None, variant }
    }
}

/// A subject's position relative to a rollout. It is small, so that it is passed in registers.
#[derive(Clone, Copy)]
enum Position {
    /// Irrelevant, because the rollout includes every subject.
    Any,
    /// Undefined, because the subject lacks the bucketing value.
    Missing,
    At(Point),
}

impl Position {
    #[inline]
    fn in_simple<S: Subject + ?Sized>(rollout: SimpleRollout, subject: &S) -> Self {
        if rollout.threshold == Threshold::ALL {
            return Self::Any;
        }
        rollout.point(subject).map_or(Self::Missing, Self::At)
    }

    #[inline]
    fn in_rollout<S: Subject + ?Sized>(rollout: &Rollout, subject: &S) -> Self {
        if rollout.is_full() {
            return Self::Any;
        }
        rollout.bucketer().point(subject).map_or(Self::Missing, Self::At)
    }

    #[inline]
    fn is_below(self, threshold: Threshold) -> bool {
        match self {
            Self::Any => true,
            Self::Missing => false,
            Self::At(point) => point.is_below(threshold),
        }
    }

    #[inline]
    fn reason(self, threshold: Threshold) -> Reason {
        match self {
            Self::Any => Reason::On,
            Self::Missing => Reason::MissingBucketingValue,
            Self::At(point) => Reason::Rollout { point, threshold },
        }
    }
}

/// Looks up the definitions of prerequisites. The snapshot implements it.
pub(crate) trait Definitions {
    fn definition(&self, key: &str) -> Option<Cow<'_, Definition>>;
}

/// One evaluation: its definitions, its subject and its tracer. The snapshot makes one per read.
pub(crate) struct Evaluator<'a, D, S: ?Sized, T> {
    pub(crate) definitions: &'a D,
    pub(crate) subject: &'a S,
    pub(crate) tracer: &'a mut T,
}

impl<D: Definitions, S: Subject + ?Sized, T: FlagTracer> Evaluator<'_, D, S, T> {
    #[inline]
    pub(crate) fn evaluate<'d>(&mut self, definition: &'d Definition) -> Decision<'d> {
        self.evaluate_within(definition, MAX_PREREQUISITE_DEPTH)
    }

    /// Evaluates a definition with at most `depth` further prerequisites in a chain.
    #[inline]
    fn evaluate_within<'d>(&mut self, definition: &'d Definition, depth: usize) -> Decision<'d> {
        match definition {
            Definition::Invalid => Decision::off(Reason::Invalid, None),
            Definition::Off(variant) => Decision::off(Reason::Off, variant.as_ref()),
            Definition::On(rollout) => {
                let (position, threshold) = (Position::in_simple(*rollout, self.subject), rollout.threshold);
                let (on, reason) = (position.is_below(threshold), position.reason(threshold));
                Decision { on, reason, rule: None, variant: None }
            }
            Definition::Targeted(flag) => self.evaluate_targeted(flag, depth),
        }
    }

    fn evaluate_targeted<'d>(&mut self, flag: &'d TargetedFlag, depth: usize) -> Decision<'d> {
        for (index, key) in flag.prerequisites.iter().enumerate() {
            let Some(depth) = depth.checked_sub(1) else { return Decision::off(Reason::Invalid, None) };
            self.tracer.enter_flag(key);
            let definitions = self.definitions;
            let definition = definitions.definition(key);
            let definition = definition.as_deref();
            let Decision { on, reason, .. } =
                definition.map_or(Decision::NOT_FOUND, |definition| self.evaluate_within(definition, depth));
            self.tracer.leave_flag(on, reason);
            if !on {
                return Decision::off(Reason::Prerequisite { index }, flag.off.as_ref());
            }
        }
        for (index, rule) in flag.rules.iter().enumerate() {
            self.tracer.enter(Span::Rule(index, rule.name()));
            let verdict = rule.evaluate(self.subject, self.tracer);
            self.tracer.leave(verdict);
            if verdict == Verdict::Yes {
                return self.serve(flag, &rule.outcome, Some(index));
            }
        }
        self.serve(flag, &flag.fallthrough, None)
    }

    #[inline]
    fn serve<'d>(&mut self, flag: &'d TargetedFlag, outcome: &'d Outcome, rule: Option<usize>) -> Decision<'d> {
        let rollout = &outcome.rollout;
        let (position, threshold) = (Position::in_rollout(rollout, self.subject), rollout.threshold());
        let on = position.is_below(threshold);
        let variant = if on { outcome.variant(self.subject, self.tracer) } else { flag.off.as_ref() };
        Decision { on, reason: position.reason(threshold), rule, variant }
    }
}
