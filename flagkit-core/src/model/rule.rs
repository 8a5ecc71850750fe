//! Rules: for whom a flag is on, more exactly than a percentage of everybody.

use std::sync::Arc;

use super::variants::Variants;
use crate::bucketing::bucket::Bucketing;
use crate::bucketing::percent::Percent;
use crate::condition::{Condition, StringSet};
use crate::model::problem::Location;

/// A rule of a flag. The first rule of a flag that matches the subject decides.
///
/// It matches when all it states holds; one that states nothing matches everybody.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flag, Percent};
/// use flagkit_core::source::{Condition, Operator, Rule};
///
/// let testers = Rule::new().with_name("testers").with_subjects(["u1", "17"]);
/// let iberia = Rule::new()
///     .when(Condition::attribute("country", Operator::one_of(["PT", "ES"])))
///     .with_rollout(Percent::new(50)?);
/// let flag = Flag::on().with_rollout(Percent::ZERO).with_rules([testers, iberia]);
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    name: Option<Arc<str>>,
    subjects: Option<Arc<StringSet>>,
    segments: Option<Box<[Reference]>>,
    condition: Option<Arc<Condition>>,
    rollout: Percent,
    salt: Option<Box<str>>,
    by: Option<Arc<str>>,
    bucketing: Option<Bucketing>,
    variants: Option<Variants>,
    variant: Option<Box<str>>,
}

/// The name of something declared elsewhere, and where it is named. Where is no part of what it means.
#[derive(Clone, Debug)]
pub struct Reference {
    name: Box<str>,
    location: Option<Location>,
}

impl Reference {
    /// Names something.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), location: None }
    }

    /// Says where it is named, for problems.
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where it is named.
    pub fn location(&self) -> Option<Location> {
        self.location
    }
}

impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Reference {}

impl Rule {
    /// Makes a rule that matches everybody and is on for all of them.
    pub fn new() -> Self {
        Self {
            name: None,
            subjects: None,
            segments: None,
            condition: None,
            rollout: Percent::HUNDRED,
            salt: None,
            by: None,
            bucketing: None,
            variants: None,
            variant: None,
        }
    }

    /// Names it, for people.
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the ids that it is for, in the place of earlier ones. Default: all. Without any it matches nobody.
    pub fn with_subjects<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.subjects = Some(Arc::new(StringSet::new(ids.into_iter().map(Into::into))));
        self
    }

    /// Sets the segments that it is for, in the place of earlier ones: one will do. Default: everybody. Without any it
    /// matches nobody.
    pub fn with_segments(mut self, segments: impl IntoIterator<Item = Reference>) -> Self {
        self.segments = Some(segments.into_iter().collect());
        self
    }

    /// Sets the condition that must hold, in the place of an earlier one. Default: none.
    pub fn when(mut self, condition: Condition) -> Self {
        self.condition = Some(Arc::new(condition));
        self
    }

    /// Sets the share of the subjects it matches that it is on for. Default: 100 percent.
    pub fn with_rollout(mut self, rollout: Percent) -> Self {
        self.rollout = rollout;
        self
    }

    /// Sets the salt of the hash. Default: the flag's, else its key.
    ///
    /// With its own, a rule picks other subjects, and deals them other variants, than the rest of the flag.
    pub fn with_salt(mut self, salt: &str) -> Self {
        self.salt = Some(salt.into());
        self
    }

    /// Sets the attribute that is hashed. Default: the flag's, else the id.
    pub fn with_bucket_by(mut self, attribute: &str) -> Self {
        self.by = Some(attribute.into());
        self
    }

    /// Sets what the lines of the rule are like. Default: as the flag's.
    pub fn with_bucketing(mut self, bucketing: Bucketing) -> Self {
        self.bucketing = Some(bucketing);
        self
    }

    /// Sets the variants that are dealt to those whom this rule lets in. Default: the flag's.
    pub fn with_variants(mut self, variants: Variants) -> Self {
        self.variants = Some(variants);
        self
    }

    /// Sets the variant for everyone this rule lets in. Default: the variant they are dealt.
    pub fn with_variant(mut self, variant: &str) -> Self {
        self.variant = Some(variant.into());
        self
    }

    /// Returns the name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the share of the subjects it matches that it is on for.
    pub fn rollout(&self) -> Percent {
        self.rollout
    }

    /// Returns the salt, if the rule names one.
    pub fn salt(&self) -> Option<&str> {
        self.salt.as_deref()
    }

    /// Returns what the lines of the rule are like, if they are not as the flag's.
    pub fn bucketing(&self) -> Option<Bucketing> {
        self.bucketing
    }

    /// Returns the variants that are dealt to those whom this rule lets in, if they are not the flag's.
    pub fn variants(&self) -> Option<&Variants> {
        self.variants.as_ref()
    }

    /// Returns the variant for everyone this rule lets in.
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// Returns the segments.
    pub fn segments(&self) -> &[Reference] {
        self.stated_segments().unwrap_or_default()
    }

    pub(crate) fn stated_segments(&self) -> Option<&[Reference]> {
        self.segments.as_deref()
    }

    pub(crate) fn shared_name(&self) -> Option<Arc<str>> {
        self.name.clone()
    }

    pub(crate) fn shared_subjects(&self) -> Option<Arc<StringSet>> {
        self.subjects.clone()
    }

    pub(crate) fn shared_condition(&self) -> Option<Arc<Condition>> {
        self.condition.clone()
    }

    pub(crate) fn shared_by(&self) -> Option<Arc<str>> {
        self.by.clone()
    }
}

impl Default for Rule {
    fn default() -> Self {
        Self::new()
    }
}
