//! A flag as evaluation reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bucketing::bucket::Threshold;
use crate::bucketing::bucketer::{Bucketer, Rollout, SimpleRollout};
use crate::condition::tracer::Witness;
use crate::condition::verdict::Verdict;
use crate::condition::{Condition, StringSet};
use crate::model::Flag;
use crate::model::rule::{Reference, Rule};
use crate::model::segment::{Segment, evaluate_id};
use crate::model::variants::{Variant, Variants};
use crate::subject::Subject;

/// The segments of all layers, by name.
pub(crate) type Segments = BTreeMap<Arc<str>, Arc<Segment>>;

type NamedSegment = (Arc<str>, Arc<Segment>);

/// A flag with everything computed that can be before a subject is known. Small: there is one for each flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Definition {
    /// Off for everybody, who get this variant.
    Off(Option<Variant>),
    /// The latest declaration could not be understood and there is no earlier one: dark.
    Refused,
    /// On for the subjects below the threshold.
    On(SimpleRollout),
    /// More than that.
    Plan(Arc<Plan>),
}

/// A flag with prerequisites, rules or variants, or a line of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) requires: Box<[Arc<str>]>,
    pub(crate) rules: Box<[CompiledRule]>,
    /// For whom no rule matches.
    pub(crate) fallthrough: Serve,
    /// What those get for whom it is off.
    pub(crate) off: Option<Variant>,
}

/// Who is let in, and what they get.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Serve {
    pub(crate) split: Rollout,
    deal: Deal,
}

#[derive(Debug, PartialEq, Eq)]
enum Deal {
    Nothing,
    /// The same to all.
    Fixed(Variant),
    /// By weight, on a line of its own: raising the share that is let in changes nobody's variant.
    ByWeight(Bucketer, Variants),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CompiledRule {
    name: Option<Arc<str>>,
    /// All must hold.
    pub(super) tests: Box<[Test]>,
    pub(crate) serve: Serve,
}

/// One of the things that a rule states.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// The subject is one of these.
    Subjects(Arc<StringSet>),
    /// It belongs to one of these.
    Segments(Box<[NamedSegment]>),
    Condition(Arc<Condition>),
}

impl Definition {
    /// Compiles a flag. Its own salt, else its key, seeds the hash.
    ///
    /// A flag that refers to a segment or a variant that is not there is refused; layering says so before.
    pub(crate) fn compile(key: &str, flag: &Flag, segments: &Segments) -> Self {
        Self::try_compile(key, flag, segments).unwrap_or(Self::Refused)
    }

    fn try_compile(key: &str, flag: &Flag, segments: &Segments) -> Option<Self> {
        let off = match flag.off_variant() {
            Some(name) => Some(flag.variants()?.get(name)?.clone()),
            None => None,
        };
        if !flag.is_enabled() {
            return Some(Self::Off(off));
        }
        let salt = flag.salt().unwrap_or(key);
        let bucketing = flag.bucketing();
        let line = Bucketer::new(bucketing.seed(salt), flag.shared_by(), bucketing.points());
        let split = Rollout::new(line, flag.rollout());
        if let (false, Some(split)) = (flag.has_targeting(), split.to_simple()) {
            return Some(Self::On(split));
        }
        let deal = |variants| Deal::by_weight(salt, flag.shared_by(), bucketing.points(), variants);
        let deal = flag.variants().map_or(Deal::Nothing, deal);
        let rules = flag.rules().iter().map(|rule| CompiledRule::compile(rule, salt, flag, segments));
        Some(Self::Plan(Arc::new(Plan {
            requires: flag.prerequisites().iter().map(|required| required.name().into()).collect(),
            rules: rules.collect::<Option<_>>()?,
            fallthrough: Serve { split, deal },
            off,
        })))
    }
}

impl Plan {
    /// The plan that says no more than a split.
    pub(super) fn plain(split: SimpleRollout) -> Self {
        let fallthrough = Serve { split: split.into(), deal: Deal::Nothing };
        Self { requires: [].into(), rules: [].into(), fallthrough, off: None }
    }

    /// The split that decides by itself whether the flag is on, if one does.
    pub(crate) fn plain_split(&self) -> Option<SimpleRollout> {
        if self.requires.is_empty() && self.rules.is_empty() { self.fallthrough.split.to_simple() } else { None }
    }
}

impl Serve {
    /// Tells whether nobody is dealt a variant by this whom the other does not deal the same.
    pub(super) fn deals_no_more_than(&self, other: &Self) -> bool {
        self.deal == Deal::Nothing || self.deal == other.deal
    }

    /// What a subject gets that is let in.
    #[inline]
    pub(crate) fn variant<S: Subject + ?Sized, W: Witness>(&self, subject: &S, witness: &mut W) -> Option<&Variant> {
        match &self.deal {
            Deal::Nothing => None,
            Deal::Fixed(variant) => Some(variant),
            Deal::ByWeight(line, variants) => {
                let point = line.point(subject)?;
                let variant = variants.deal(point)?;
                witness.dealt(point, variant.name());
                Some(variant)
            }
        }
    }
}

impl Deal {
    fn by_weight(salt: &str, by: Option<Arc<str>>, points: Threshold, variants: &Variants) -> Self {
        Self::ByWeight(Bucketer::new(Variants::seed(salt), by, points), variants.on_line(points))
    }
}

impl CompiledRule {
    /// What the rule leaves open is as the flag has it.
    fn compile(rule: &Rule, salt: &str, flag: &Flag, segments: &Segments) -> Option<Self> {
        let salt = rule.salt().unwrap_or(salt);
        let by = rule.shared_by().or_else(|| flag.shared_by());
        let bucketing = rule.bucketing().unwrap_or(flag.bucketing());
        let variants = rule.variants().or(flag.variants());
        let deal = match (rule.variant(), variants) {
            (Some(name), variants) => Deal::Fixed(variants?.get(name)?.clone()),
            (None, Some(variants)) => Deal::by_weight(salt, by.clone(), bucketing.points(), variants),
            (None, None) => Deal::Nothing,
        };
        let named = |reference: &Reference| {
            segments.get_key_value(reference.name()).map(|(name, segment)| (Arc::clone(name), Arc::clone(segment)))
        };
        let segments = match rule.stated_segments() {
            Some(references) => Some(references.iter().map(named).collect::<Option<_>>()?),
            None => None,
        };
        let tests = [
            rule.shared_subjects().map(Test::Subjects),
            segments.map(Test::Segments),
            rule.shared_condition().map(Test::Condition),
        ];
        let split = Rollout::new(Bucketer::new(bucketing.seed(salt), by, bucketing.points()), rule.rollout());
        Some(Self {
            name: rule.shared_name(),
            tests: tests.into_iter().flatten().collect(),
            serve: Serve { split, deal },
        })
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Judges whether the rule matches: all it states must hold.
    #[inline]
    pub(crate) fn evaluate<S: Subject + ?Sized, W: Witness>(&self, subject: &S, witness: &mut W) -> Verdict {
        let verdicts = self.tests.iter().map(|test| match test {
            Test::Subjects(ids) => evaluate_id(ids, "listed", subject, witness),
            Test::Segments(segments) => {
                Verdict::any(segments.iter().map(|(name, segment)| segment.evaluate(name, subject, witness)), W::LOOK)
            }
            Test::Condition(condition) => condition.evaluate(subject, witness),
        });
        Verdict::all(verdicts, W::LOOK)
    }
}
