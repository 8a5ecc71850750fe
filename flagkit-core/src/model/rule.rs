//! Rules: they turn a flag on for specific subjects, not only for a percentage of all subjects.
//!
//! # How it works
//!
//! A rule has two halves. Its *tests* (ids, segments, a condition) decide whether it matches a subject. Its *outcome*
//! (rollout, bucketing, variants) decides what a matched subject gets.
//!
//! The rules of a flag are tried in order. The first match is final, even if its rollout excludes the subject: then
//! neither a later rule nor the rollout of the flag applies. So a rule with a rollout of 0 percent excludes a group.
//!
//! A rule inherits what it does not set from its flag: the salt, the hashed attribute, the bucketing and the variants.
//! While it inherits them, a subject has the same bucket in each rule. A move to a rule with at least the same rollout
//! never turns the flag off for it.

use std::sync::Arc;

use super::reference::Reference;
use super::variants::Variants;
use crate::bucketing::bucket::Bucketing;
use crate::bucketing::percent::Percent;
use crate::condition::{Condition, StringSet};

/// A rule of a flag. The first rule of a flag that matches the subject decides.
///
/// A rule matches if all its tests hold. A rule without tests matches every subject.
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
    // A merge copies rules from layer to layer, so the large parts are shared.
    name: Option<Arc<str>>,
    subjects: Option<Arc<StringSet>>,
    segments: Option<Box<[Reference]>>,
    condition: Option<Arc<Condition>>,
    rollout: Percent,
    // `None` from here on means that the flag decides.
    salt: Option<Box<str>>,
    by: Option<Arc<str>>,
    bucketing: Option<Bucketing>,
    variants: Option<Variants>,
    variant: Option<Box<str>>,
}

impl Rule {
    /// Creates a rule that matches every subject and is on for all of them.
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

    /// Sets the name, which is for people. Default: none.
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the ids that the rule matches, and replaces earlier ones. Default: all ids. With an empty list, the rule
    /// matches no subject.
    pub fn with_subjects<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.subjects = Some(Arc::new(StringSet::new(ids.into_iter().map(Into::into))));
        self
    }

    /// Sets the segments that the rule matches, and replaces earlier ones. Default: every subject.
    ///
    /// A subject must belong to at least one of the segments. With an empty list, the rule matches no subject.
    pub fn with_segments(mut self, segments: impl IntoIterator<Item = Reference>) -> Self {
        self.segments = Some(segments.into_iter().collect());
        self
    }

    /// Sets the condition that must hold, and replaces an earlier one. Default: none.
    pub fn when(mut self, condition: Condition) -> Self {
        self.condition = Some(Arc::new(condition));
        self
    }

    /// Sets the rollout: the share of the matching subjects for which the rule is on. Default: 100 percent.
    pub fn with_rollout(mut self, rollout: Percent) -> Self {
        self.rollout = rollout;
        self
    }

    /// Sets the salt of the hash. Default: the salt of the flag, or the flag's key if it sets none.
    ///
    /// A rule with its own salt selects other subjects than the rest of the flag. It also assigns them other variants.
    pub fn with_salt(mut self, salt: &str) -> Self {
        self.salt = Some(salt.into());
        self
    }

    /// Sets the attribute that is hashed. Default: the attribute of the flag, or the id if the flag sets none.
    pub fn with_bucket_by(mut self, attribute: &str) -> Self {
        self.by = Some(attribute.into());
        self
    }

    /// Sets the bucketing of the rule. Default: the bucketing of the flag.
    pub fn with_bucketing(mut self, bucketing: Bucketing) -> Self {
        self.bucketing = Some(bucketing);
        self
    }

    /// Sets the variants that are assigned to the subjects that this rule includes. Default: the variants of the flag.
    pub fn with_variants(mut self, variants: Variants) -> Self {
        self.variants = Some(variants);
        self
    }

    /// Sets one variant for every subject that this rule includes. Default: each subject's assigned variant.
    pub fn with_variant(mut self, variant: &str) -> Self {
        self.variant = Some(variant.into());
        self
    }

    /// Returns the name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns whether the rule matches every subject, because it has no ids, segments or condition.
    pub fn is_unconditional(&self) -> bool {
        self.subjects.is_none() && self.segments.is_none() && self.condition.is_none()
    }

    /// Returns the rollout: the share of the matching subjects for which the rule is on.
    pub fn rollout(&self) -> Percent {
        self.rollout
    }

    /// Returns the salt, if the rule sets one.
    pub fn salt(&self) -> Option<&str> {
        self.salt.as_deref()
    }

    /// Returns the bucketing of the rule, if the rule sets one.
    pub fn bucketing(&self) -> Option<Bucketing> {
        self.bucketing
    }

    /// Returns the variants that are assigned to the subjects that this rule includes, if the rule sets its own.
    pub fn variants(&self) -> Option<&Variants> {
        self.variants.as_ref()
    }

    /// Returns the variant for every subject that this rule includes, if the rule sets one.
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// Returns the segments.
    pub fn segments(&self) -> &[Reference] {
        self.stated_segments().unwrap_or_default()
    }

    /// Returns the segments, or `None` if the rule does not test for segments. An empty list matches no subject.
    pub(crate) fn stated_segments(&self) -> Option<&[Reference]> {
        self.segments.as_deref()
    }

    // The compiled rule shares these four with the declaration, so compiling copies no list of ids.

    pub(crate) fn shared_name(&self) -> Option<Arc<str>> {
        self.name.clone()
    }

    pub(crate) fn shared_subjects(&self) -> Option<Arc<StringSet>> {
        self.subjects.clone()
    }

    pub(crate) fn shared_condition(&self) -> Option<Arc<Condition>> {
        self.condition.clone()
    }

    pub(crate) fn bucket_by_arc(&self) -> Option<Arc<str>> {
        self.by.clone()
    }
}

impl Default for Rule {
    fn default() -> Self {
        Self::new()
    }
}
