//! The evaluator: a definition and a subject in, a decision out.
//!
//! Evaluation is pure and total: no I/O, no clock, no lock, no allocation, no error. The same definitions and subject
//! always give the same decision. Only prerequisites recurse. The merge bounds their depth, and the evaluator bounds it
//! again.
//!
//! # The order of steps
//!
//! 1. An invalid flag is dark. A flag that is off serves its off variant.
//! 2. Prerequisites are evaluated in the order of their declaration. The first that is off turns this flag off.
//! 3. Rules are evaluated from the top. The first that matches decides, and an unknown verdict is no match.
//! 4. If no rule matches, the flag's own rollout and variants decide.
//! 5. The deciding rollout compares the subject's point with its threshold. An included subject gets a variant if the
//!    flag has variants.
//!
//! A rule that matches decides even if its rollout excludes the subject. Otherwise the rules below could include it
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
///
/// The merge rejects flags with longer chains. The limit bounds the stack of a read.
pub(crate) const MAX_PREREQUISITE_DEPTH: usize = 32;
/// The maximum number of paths from a flag to its prerequisites. Every read follows each path.
///
/// Without it, twenty pairs of flags, each of which requires the next pair, would make a million paths.
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
    ///
    /// `None` if no rule matched or none was evaluated.
    pub(crate) rule: Option<usize>,
    /// The variant of an included subject, else the off variant, if the flag has them.
    pub(crate) variant: Option<&'d Variant>,
}

impl<'d> Decision<'d> {
    /// The decision for a key that no layer declares.
    pub(crate) const NOT_FOUND: Self = Self::off(Reason::NotFound, None);

    /// Returns the decision of a flag that is off before any rule or rollout is evaluated.
    const fn off(reason: Reason, variant: Option<&'d Variant>) -> Self {
        Self { on: false, reason, rule: None, variant }
    }
}

/// A subject's position relative to a rollout. It is small, so that it is passed in registers.
///
/// Both the answer and its reason follow from it, so the hash is computed once.
#[derive(Clone, Copy)]
enum Position {
    /// Irrelevant, because the rollout includes every subject.
    Any,
    /// Undefined, because the subject lacks the bucketing value.
    Missing,
    /// The subject's point on the scale of the rollout.
    At(Point),
}

impl Position {
    /// Computes the position for a rollout by id. A full rollout hashes nothing.
    #[inline]
    fn in_simple<S: Subject + ?Sized>(rollout: SimpleRollout, subject: &S) -> Self {
        if rollout.threshold == Threshold::ALL {
            return Self::Any;
        }
        rollout.point(subject).map_or(Self::Missing, Self::At)
    }

    /// Computes the position for any rollout, by the value that its bucketer hashes.
    #[inline]
    fn in_rollout<S: Subject + ?Sized>(rollout: &Rollout, subject: &S) -> Self {
        if rollout.is_full() {
            return Self::Any;
        }
        rollout.bucketer().point(subject).map_or(Self::Missing, Self::At)
    }

    /// Returns whether the subject is included. A subject without a position is excluded.
    #[inline]
    fn is_below(self, threshold: Threshold) -> bool {
        match self {
            Self::Any => true,
            Self::Missing => false,
            Self::At(point) => point.is_below(threshold),
        }
    }

    /// Returns why the subject is included or excluded.
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
///
/// As a trait, it keeps this folder independent of `publish`, which imports this one.
pub(crate) trait Definitions {
    /// Returns the definition of a key. It is owned if only a variable of the environment declares the flag, because
    /// such a flag is compiled when its key is known.
    fn definition(&self, key: &str) -> Option<Cow<'_, Definition>>;
}

/// One evaluation: its definitions, its subject and its tracer. The snapshot makes one per read.
pub(crate) struct Evaluator<'a, D, S: ?Sized, T> {
    /// The definitions of prerequisites, all from one snapshot.
    pub(crate) definitions: &'a D,
    /// The subject of the flag and of all its prerequisites.
    pub(crate) subject: &'a S,
    /// `()` for a read, which costs nothing, or the recorder of an explanation.
    pub(crate) tracer: &'a mut T,
}

impl<D: Definitions, S: Subject + ?Sized, T: FlagTracer> Evaluator<'_, D, S, T> {
    /// Evaluates a definition by the steps that the module describes.
    #[inline]
    pub(crate) fn evaluate<'d>(&mut self, definition: &'d Definition) -> Decision<'d> {
        self.evaluate_within(definition, MAX_PREREQUISITE_DEPTH)
    }

    /// Evaluates a definition with at most `depth` further prerequisites in a chain.
    #[inline]
    fn evaluate_within<'d>(&mut self, definition: &'d Definition, depth: usize) -> Decision<'d> {
        match definition {
            Definition::Invalid => Decision::off(Reason::Invalid, None),
            Definition::Unapproved(_) => Decision::off(Reason::Unapproved, None),
            Definition::Off(variant) => Decision::off(Reason::Off, variant.as_ref()),
            Definition::On(rollout) => {
                let (position, threshold) = (Position::in_simple(*rollout, self.subject), rollout.threshold);
                let (on, reason) = (position.is_below(threshold), position.reason(threshold));
                Decision { on, reason, rule: None, variant: None }
            }
            Definition::Targeted(flag) => self.evaluate_targeted(flag, depth),
            Definition::Migration(migration) => {
                let stage = migration.stage_for(self.subject);
                Decision::off(stage.map_or(Reason::MissingBucketingValue, |stage| Reason::Migration { stage }), None)
            }
        }
    }

    /// Evaluates prerequisites, then rules, then the flag's own outcome (steps 2 to 4).
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

    /// Decides by the outcome of a rule or of the flag itself (step 5).
    #[inline]
    fn serve<'d>(&mut self, flag: &'d TargetedFlag, outcome: &'d Outcome, rule: Option<usize>) -> Decision<'d> {
        let rollout = &outcome.rollout;
        let (position, threshold) = (Position::in_rollout(rollout, self.subject), rollout.threshold());
        let on = position.is_below(threshold);
        let variant = if on { outcome.variant(self.subject, self.tracer) } else { flag.off.as_ref() };
        Decision { on, reason: position.reason(threshold), rule, variant }
    }
}
