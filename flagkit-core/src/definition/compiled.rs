//! A flag as evaluation reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::flag::Flag;
use super::rule::Rule;
use super::segment::{Segment, judge_id};
use super::split::{Hash, Split};
use super::variants::Variants;
use crate::bucket::{Point, Seed, Threshold};
use crate::subject::Subject;
use crate::verdict::Verdict;
use crate::witness::Witness;

/// The segments of all layers, by name.
pub(crate) type Segments = BTreeMap<Box<str>, Arc<Segment>>;

/// A flag with everything computed that can be before a subject is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Definition {
    /// Off for everybody.
    Off,
    /// The latest declaration could not be understood and there is no earlier one: dark.
    Refused,
    /// On for the subjects below the threshold.
    On(Split),
    /// More than that.
    Plan(Arc<Plan>),
}

/// A flag with prerequisites, rules or variants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) requires: Box<[Arc<str>]>,
    pub(crate) rules: Box<[CompiledRule]>,
    /// For whom no rule matches.
    pub(crate) fallthrough: Split,
    pub(crate) dealer: Option<Dealer>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CompiledRule {
    pub(crate) rule: Rule,
    pub(crate) split: Split,
    /// The place of the variant of all whom the rule lets in.
    pub(crate) variant: Option<usize>,
    /// In the order of the rule's references.
    segments: Option<Box<[Arc<Segment>]>>,
}

/// Deals variants, on a line of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dealer {
    pub(crate) variants: Variants,
    seed: Seed,
}

impl Definition {
    /// Compiles a flag. Its own salt, else its key, seeds the hash.
    ///
    /// A flag that refers to a segment or a variant that is not there is refused; layering says so before.
    pub(crate) fn compile(key: &str, flag: &Flag, segments: &Segments) -> Self {
        if !flag.is_switched_on() {
            return Self::Off;
        }
        let salt = flag.salt().unwrap_or(key);
        let hash = Hash::Xxh3(Seed::from_salt(salt));
        let fallthrough = Split::new(hash, flag.shared_by(), Threshold::from(flag.rollout()));
        if !flag.has_targeting() {
            return Self::On(fallthrough);
        }
        let rules = flag.rules().iter().map(|rule| CompiledRule::compile(rule, hash, flag, segments));
        let Some(rules) = rules.collect() else { return Self::Refused };
        let requires = flag.requires().iter().map(|required| required.name().into()).collect();
        let seed = Variants::seed(salt);
        let dealer = flag.variants().map(|variants| Dealer { variants: variants.clone(), seed });
        Self::Plan(Arc::new(Plan { requires, rules, fallthrough, dealer }))
    }
}

impl Plan {
    /// The split that decides by itself whether the flag is on, if one does.
    pub(crate) fn plain_split(&self) -> Option<&Split> {
        (self.requires.is_empty() && self.rules.is_empty()).then_some(&self.fallthrough)
    }
}

impl CompiledRule {
    fn compile(rule: &Rule, hash: Hash, flag: &Flag, segments: &Segments) -> Option<Self> {
        let variant = match rule.variant() {
            Some(name) => Some(flag.variants()?.position(name)?),
            None => None,
        };
        let segments = match rule.stated_segments() {
            Some(names) => Some(names.iter().map(|name| segments.get(name.name()).cloned()).collect::<Option<_>>()?),
            None => None,
        };
        let by = rule.shared_by().or_else(|| flag.shared_by());
        let split = Split::new(hash, by, Threshold::from(rule.rollout()));
        Some(Self { rule: rule.clone(), split, variant, segments })
    }

    /// Judges whether the rule matches: all it states must hold.
    pub(crate) fn judge<S: Subject + ?Sized, W: Witness>(&self, subject: &S, witness: &mut W) -> Verdict {
        let parts = (0..3).map(|part| match part {
            0 => self.rule.subjects().map_or(Verdict::Yes, |ids| judge_id(ids, "listed", subject, witness)),
            1 => self.segments.as_ref().map_or(Verdict::Yes, |segments| {
                let named = self.rule.segments().iter().zip(segments);
                Verdict::any(named.map(|(name, segment)| segment.judge(name.name(), subject, witness)), W::LOOK)
            }),
            _ => self.rule.condition().map_or(Verdict::Yes, |condition| condition.judge(subject, witness)),
        });
        Verdict::all(parts, W::LOOK)
    }
}

impl Dealer {
    /// Deals a variant to a subject, by what the split hashes of it.
    #[inline]
    pub(crate) fn deal<S: Subject + ?Sized>(&self, split: &Split, subject: &S) -> Option<usize> {
        self.variants.deal(Point::of_bytes(split.unit(subject)?.as_bytes(), self.seed))
    }
}
