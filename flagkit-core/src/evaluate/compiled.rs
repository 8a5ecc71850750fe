//! Compiled flags: what evaluation reads.
//!
//! Compiling happens when layers are merged. It hashes the salt, turns the percentage into a threshold, and replaces
//! the names of segments and variants by the values. Evaluation does none of that.
//!
//! # Who uses it
//!
//! The snapshot owns the definitions. The evaluator reads them. A call site copies the seed and the threshold of a
//! simple rollout into its own word. `effect` compares the definitions before and after a change.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bucketing::bucket::Threshold;
use crate::bucketing::bucketer::{Bucketer, Rollout, SimpleRollout};
use crate::condition::tracer::Tracer;
use crate::condition::verdict::Verdict;
use crate::condition::{Condition, StringSet};
use crate::evaluate::compiled_stage::CompiledStage;
use crate::evaluate::flag_tracer::FlagTracer;
use crate::model::segment::{Segment, evaluate_id};
use crate::model::{Flag, Reference, Rule, Variant, Variants};
use crate::subject::Subject;

/// The segments of all layers, by name.
pub(crate) type Segments = BTreeMap<Arc<str>, Arc<Segment>>;

/// A segment with its name, which an explanation shows.
type NamedSegment = (Arc<str>, Arc<Segment>);

/// A compiled flag: everything that can be computed before the subject is known.
///
/// The snapshot owns one per key. It is two words for most flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Definition {
    /// Off for every subject, with the variant that is served meanwhile.
    Off(Option<Variant>),
    /// Dark, because the latest declaration is invalid and there is no earlier valid one.
    Invalid,
    /// Dark, because no approval covers it; with the reason.
    Unapproved(Option<Arc<str>>),
    /// On for the subjects below a threshold. The call site can decide this.
    On(SimpleRollout),
    /// Decided by prerequisites, rules, variants or custom bucketing.
    Targeted(Arc<TargetedFlag>),
    /// A migration, which is on for no subject and has a stage.
    Migration(CompiledStage),
}

/// A flag with prerequisites, rules, variants or custom bucketing. Shared by the snapshots that contain it unchanged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TargetedFlag {
    /// Keys in the order of the declaration. They are looked up at each evaluation.
    pub(crate) prerequisites: Box<[Arc<str>]>,
    /// From the top: the first rule that matches decides.
    pub(crate) rules: Box<[CompiledRule]>,
    /// The outcome when no rule matches.
    pub(crate) fallthrough: Outcome,
    /// The variant for subjects that the flag is off for.
    pub(crate) off: Option<Variant>,
}

/// What a rule, or the flag itself, decides: the included subjects and their variants.
///
/// The two parts hash with different seeds. Otherwise a rollout of 10 percent would mostly reach the first variant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Decides whether the subject is included.
    pub(crate) rollout: Rollout,
    /// Assigns a variant to an included subject. The threshold has no effect on it.
    allocation: Allocation,
}

/// How included subjects get their variant.
#[derive(Debug, PartialEq, Eq)]
enum Allocation {
    /// The flag has no variants.
    Nothing,
    /// Every subject gets the same variant, because the rule names it.
    Fixed(Variant),
    /// Every subject gets the same variant, because it has all the weight. Nothing is hashed, so a subject without an
    /// id gets it too, like a rollout of 100 percent.
    Sole(Variant),
    /// By weight, with a separate bucketer, so that raising the rollout changes no subject's variant.
    ByWeight(Bucketer, Variants),
}

/// A rule with its segments and variants resolved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CompiledRule {
    /// For people: only explanations show it.
    name: Option<Arc<str>>,
    /// The rule matches if all criteria are met. A rule without criteria matches every subject.
    pub(super) criteria: Box<[Criterion]>,
    pub(crate) outcome: Outcome,
}

/// One requirement of a rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Criterion {
    /// The subject's id is listed.
    Subjects(Arc<StringSet>),
    /// The subject is in one of these segments.
    Segments(Box<[NamedSegment]>),
    /// The subject meets the condition.
    Condition(Arc<Condition>),
}

impl Definition {
    /// Compiles a flag. The seed of the hash comes from its salt, else from its key.
    ///
    /// A reference to a missing segment or variant yields `Invalid`. The merge has reported it before.
    pub(crate) fn compile(key: &str, flag: &Flag, segments: &Segments) -> Self {
        Self::try_compile(key, flag, segments).unwrap_or(Self::Invalid)
    }

    /// Compiles a flag, or returns `None` if a segment or a variant is missing.
    ///
    /// A migration becomes `Migration`. A flag without targeting becomes `On` if its rollout has a simple form. Every other flag that is on becomes
    /// `Targeted`.
    fn try_compile(key: &str, flag: &Flag, segments: &Segments) -> Option<Self> {
        let off = match flag.off_variant() {
            Some(name) => Some(flag.variants()?.get(name)?.clone()),
            None => None,
        };
        if !flag.is_enabled() && !flag.is_migration() {
            return Some(Self::Off(off));
        }
        let salt = flag.salt().unwrap_or(key);
        let bucketing = flag.bucketing();
        let bucketer = Bucketer::new(bucketing.seed(salt), flag.bucket_by_arc(), bucketing.points());
        let rollout = Rollout::new(bucketer, flag.rollout());
        if let Some(stage) = flag.stage() {
            return Some(Self::Migration(match flag.partition() {
                Some(_) => CompiledStage::partitioned(stage, rollout),
                None => CompiledStage::Everywhere(stage),
            }));
        }
        if let (false, Some(rollout)) = (flag.has_targeting(), rollout.to_simple()) {
            return Some(Self::On(rollout));
        }
        let by_weight = |variants| Allocation::by_weight(salt, flag.bucket_by_arc(), bucketing.points(), variants);
        let allocation = flag.variants().map_or(Allocation::Nothing, by_weight);
        let rules = flag.rules().iter().map(|rule| CompiledRule::compile(rule, salt, flag, segments));
        Some(Self::Targeted(Arc::new(TargetedFlag {
            prerequisites: flag.prerequisites().iter().map(|prerequisite| prerequisite.name().into()).collect(),
            rules: rules.collect::<Option<_>>()?,
            fallthrough: Outcome { rollout, allocation },
            off,
        })))
    }
}

impl TargetedFlag {
    /// Returns a flag that has only a rollout.
    ///
    /// `effect` calls it, so that its proof has one form of flag to compare.
    pub(super) fn from_rollout(rollout: SimpleRollout) -> Self {
        let fallthrough = Outcome { rollout: rollout.into(), allocation: Allocation::Nothing };
        Self { prerequisites: [].into(), rules: [].into(), fallthrough, off: None }
    }

    /// Returns the rollout if nothing else decides whether the flag is on.
    ///
    /// Variants make no difference, because they never decide whether a flag is on.
    pub(crate) fn simple_rollout(&self) -> Option<SimpleRollout> {
        if self.prerequisites.is_empty() && self.rules.is_empty() { self.fallthrough.rollout.to_simple() } else { None }
    }
}

impl Outcome {
    /// Returns whether `other` assigns every variant that this outcome assigns, to the same subjects.
    ///
    /// Allocations by weight must be equal: with other weights, a subject could get another variant.
    pub(super) fn assigns_no_more_than(&self, other: &Self) -> bool {
        match (&self.allocation, &other.allocation) {
            (Allocation::Nothing, _) => true,
            (Allocation::Fixed(a) | Allocation::Sole(a), Allocation::Fixed(b) | Allocation::Sole(b)) => a == b,
            (a, b) => a == b,
        }
    }

    /// Returns the variant of an included subject.
    ///
    /// The tracer receives a step for a variant by weight, and none for a variant that the rule names.
    #[inline]
    pub(crate) fn variant<S: Subject + ?Sized, T: FlagTracer>(&self, subject: &S, tracer: &mut T) -> Option<&Variant> {
        match &self.allocation {
            Allocation::Nothing => None,
            Allocation::Fixed(variant) => Some(variant),
            Allocation::Sole(variant) => {
                tracer.variant_assigned(None, Some(variant.name()));
                Some(variant)
            }
            Allocation::ByWeight(bucketer, variants) => {
                let point = bucketer.point(subject);
                let variant = point.and_then(|point| variants.pick(point));
                tracer.variant_assigned(point, variant.map(Variant::name));
                variant
            }
        }
    }
}

impl Allocation {
    /// Returns the allocation of these variants. The second hash is seeded by the salt, also if the first one has a
    /// seed of its own.
    fn by_weight(salt: &str, by: Option<Arc<str>>, points: Threshold, variants: &Variants) -> Self {
        match variants.sole() {
            Some(variant) => Self::Sole(variant.clone()),
            None => Self::ByWeight(Bucketer::new(Variants::seed(salt), by, points), variants.scaled_to(points)),
        }
    }
}

impl CompiledRule {
    /// Compiles a rule. The rule inherits what it does not set from the flag.
    ///
    /// Returns `None` if a segment or a variant is missing. The criteria keep a fixed order: subjects, segments,
    /// condition.
    fn compile(rule: &Rule, salt: &str, flag: &Flag, segments: &Segments) -> Option<Self> {
        let salt = rule.salt().unwrap_or(salt);
        let by = rule.bucket_by_arc().or_else(|| flag.bucket_by_arc());
        let bucketing = rule.bucketing().unwrap_or(flag.bucketing());
        let variants = rule.variants().or(flag.variants());
        let allocation = match (rule.variant(), variants) {
            (Some(name), variants) => Allocation::Fixed(variants?.get(name)?.clone()),
            (None, Some(variants)) => Allocation::by_weight(salt, by.clone(), bucketing.points(), variants),
            (None, None) => Allocation::Nothing,
        };
        let resolve = |reference: &Reference| {
            segments.get_key_value(reference.name()).map(|(name, segment)| (Arc::clone(name), Arc::clone(segment)))
        };
        let segments = match rule.stated_segments() {
            Some(references) => Some(references.iter().map(resolve).collect::<Option<_>>()?),
            None => None,
        };
        let criteria = [
            rule.shared_subjects().map(Criterion::Subjects),
            segments.map(Criterion::Segments),
            rule.shared_condition().map(Criterion::Condition),
        ];
        let rollout = Rollout::new(Bucketer::new(bucketing.seed(salt), by, bucketing.points()), rule.rollout());
        Some(Self {
            name: rule.shared_name(),
            criteria: criteria.into_iter().flatten().collect(),
            outcome: Outcome { rollout, allocation },
        })
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns whether the rule matches. All of its criteria must be met.
    #[inline]
    pub(crate) fn evaluate<S: Subject + ?Sized, T: Tracer>(&self, subject: &S, tracer: &mut T) -> Verdict {
        let verdicts = self.criteria.iter().map(|criterion| match criterion {
            Criterion::Subjects(ids) => evaluate_id(ids, "listed", subject, tracer),
            Criterion::Segments(segments) => Verdict::any(
                segments.iter().map(|(name, segment)| segment.evaluate(name, subject, tracer)),
                T::EXHAUSTIVE,
            ),
            Criterion::Condition(condition) => condition.evaluate(subject, tracer),
        });
        Verdict::all(verdicts, T::EXHAUSTIVE)
    }
}
