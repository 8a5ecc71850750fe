//! A flag as one layer declares it.

use std::sync::Arc;

use super::metadata::Metadata;
use super::rule::{Reference, Rule};
use super::variants::Variants;
use crate::bucketing::bucket::Bucketing;
use crate::bucketing::percent::Percent;

/// A flag as one layer declares it: a master switch, rules, a percentage for all other subjects, and the bucketing.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flag, Percent};
///
/// let dark = Flag::off();
/// let live = Flag::on();
/// let quarter = Flag::on().with_rollout(Percent::new(25)?).with_salt("search");
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    on: bool,
    rollout: Percent,
    /// The optional parts, stored separately because most flags have none.
    details: Option<Arc<Details>>,
}

/// The optional parts of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    salt: Option<Arc<str>>,
    by: Option<Arc<str>>,
    bucketing: Option<Bucketing>,
    targeting: Option<Arc<Targeting>>,
    metadata: Option<Arc<Metadata>>,
}

impl Details {
    const NONE: Self = Self { salt: None, by: None, bucketing: None, targeting: None, metadata: None };
}

static NO_DETAILS: Details = Details::NONE;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Targeting {
    requires: Box<[Reference]>,
    rules: Box<[Rule]>,
    variants: Option<Variants>,
    off_variant: Option<Box<str>>,
}

impl Flag {
    /// Returns a flag that is off for every subject, regardless of its rollout.
    pub fn off() -> Self {
        Self { on: false, rollout: Percent::HUNDRED, details: None }
    }

    /// Returns a flag that is on for every subject. A rollout can reduce the share.
    pub fn on() -> Self {
        Self { on: true, ..Self::off() }
    }

    /// Turns the master switch on.
    pub fn enabled(mut self) -> Self {
        self.on = true;
        self
    }

    /// Sets the rollout: the share of the subjects without a matching rule for which the flag is on. Default: 100
    /// percent.
    pub fn with_rollout(mut self, rollout: Percent) -> Self {
        self.rollout = rollout;
        self
    }

    /// Sets the salt of the hash. Default: the flag's key.
    ///
    /// Two flags with the same salt select the same subjects. A new salt assigns every subject a new bucket.
    pub fn with_salt(mut self, salt: &str) -> Self {
        self.details_mut().salt = Some(salt.into());
        self
    }

    /// Sets the attribute that is hashed. Default: the id of the subject.
    pub fn with_bucket_by(mut self, attribute: &str) -> Self {
        self.details_mut().by = Some(attribute.into());
        self
    }

    /// Sets the bucketing of the flag and its rules. Default: the bucketing that [`crate::bucket`] specifies.
    pub fn with_bucketing(mut self, bucketing: Bucketing) -> Self {
        self.details_mut().bucketing = Some(bucketing);
        self
    }

    /// Sets the rules. The first rule that matches decides. Default: none.
    pub fn with_rules(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.targeting_mut().rules = rules.into_iter().collect();
        self
    }

    /// Sets the prerequisites. This flag is off for a subject unless all of them are on for it. Default: none.
    pub fn with_prerequisites(mut self, flags: impl IntoIterator<Item = Reference>) -> Self {
        self.targeting_mut().requires = flags.into_iter().collect();
        self
    }

    /// Sets the variants. Default: none.
    pub fn with_variants(mut self, variants: Variants) -> Self {
        self.targeting_mut().variants = Some(variants);
        self
    }

    /// Sets the variant of the subjects for which the flag is off. It must be one of the flag's variants. Default:
    /// none.
    ///
    /// Definitions of other systems need this, because their flags serve a value even while they are off. The flag
    /// itself stays off.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Variant, Variants};
    ///
    /// let theme = Variants::new([(Variant::new("plain"), 0), (Variant::new("blue"), 1_000_000)])?;
    /// let flag = Flag::off().with_variants(theme).with_off_variant("plain");
    /// let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("theme")?, flag)]));
    /// assert!(!flags.is_on("theme", "user-1"));
    /// assert_eq!(flags.variant("theme", "user-1"), Some(Variant::new("plain")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_off_variant(mut self, variant: &str) -> Self {
        self.targeting_mut().off_variant = Some(variant.into());
        self
    }

    /// Sets the metadata.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.details_mut().metadata = Some(Arc::new(metadata));
        self
    }

    /// Returns whether the master switch is on. Evaluation decides whether the flag is on *for a subject*.
    pub fn is_enabled(&self) -> bool {
        self.on
    }

    /// Returns the rollout: the share of the subjects without a matching rule for which the flag is on.
    pub fn rollout(&self) -> Percent {
        self.rollout
    }

    /// Returns the salt, if the flag sets one.
    pub fn salt(&self) -> Option<&str> {
        self.details().salt.as_deref()
    }

    /// Returns the attribute that is hashed, if the flag sets one.
    pub fn bucket_by(&self) -> Option<&str> {
        self.details().by.as_deref()
    }

    /// Returns the bucketing of the flag.
    pub fn bucketing(&self) -> Bucketing {
        self.details().bucketing.unwrap_or_default()
    }

    /// Returns the rules, in order.
    pub fn rules(&self) -> &[Rule] {
        self.targeting().map_or(&[], |targeting| &targeting.rules)
    }

    /// Returns the prerequisites. This flag is off for a subject unless all of them are on for it.
    pub fn prerequisites(&self) -> &[Reference] {
        self.targeting().map_or(&[], |targeting| &targeting.requires)
    }

    /// Returns the variants, if there are any.
    pub fn variants(&self) -> Option<&Variants> {
        self.targeting().and_then(|targeting| targeting.variants.as_ref())
    }

    /// Returns the variant of the subjects for which the flag is off, if the flag sets one.
    pub fn off_variant(&self) -> Option<&str> {
        self.targeting().and_then(|targeting| targeting.off_variant.as_deref())
    }

    /// Returns the metadata, if there is any.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.details().metadata.as_deref()
    }

    /// Returns this override, completed from the declaration below it.
    ///
    /// The salt, the hashed attribute and the bucketing come from below where the override sets none. The metadata
    /// comes from below if there is any. Everything else comes from the override.
    pub(crate) fn inherit_from(&self, below: &Self) -> Self {
        let Some(known) = &below.details else { return self.clone() };
        let stated = self.details();
        let details = Details {
            salt: stated.salt.clone().or_else(|| known.salt.clone()),
            by: stated.by.clone().or_else(|| known.by.clone()),
            bucketing: stated.bucketing.or(known.bucketing),
            targeting: stated.targeting.clone(),
            metadata: known.metadata.clone().or_else(|| stated.metadata.clone()),
        };
        let details = (details != Details::NONE).then(|| Arc::new(details));
        Self { on: self.on, rollout: self.rollout, details }
    }

    pub(crate) fn has_targeting(&self) -> bool {
        self.targeting().is_some_and(|targeting| *targeting != Targeting::default())
    }

    pub(crate) fn bucket_by_arc(&self) -> Option<Arc<str>> {
        self.details().by.clone()
    }

    fn details(&self) -> &Details {
        self.details.as_deref().unwrap_or(&NO_DETAILS)
    }

    fn targeting(&self) -> Option<&Targeting> {
        self.details().targeting.as_deref()
    }

    fn details_mut(&mut self) -> &mut Details {
        Arc::make_mut(self.details.get_or_insert_with(|| Arc::new(Details::NONE)))
    }

    fn targeting_mut(&mut self) -> &mut Targeting {
        Arc::make_mut(self.details_mut().targeting.get_or_insert_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_keeps_the_bucket_and_the_metadata_of_the_declaration() {
        let owned = Metadata { owner: Some("search".into()), ..Metadata::default() };
        let below = Flag::on().with_salt("s").with_bucket_by("account").with_metadata(owned.clone());
        let merged = Flag::off().inherit_from(&below);
        assert!(!merged.is_enabled());
        assert_eq!((merged.salt(), merged.bucket_by(), merged.metadata()), (Some("s"), Some("account"), Some(&owned)));
        assert_eq!(Flag::on().with_salt("t").inherit_from(&below).salt(), Some("t"));
    }
}
