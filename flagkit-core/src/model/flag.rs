//! A flag as one layer declares it.

use std::sync::Arc;

use super::approval::{Approval, ApprovalDetails, ApprovalRequirement, Digest};
use super::metadata::Metadata;
use super::part::Part;
use super::problem::Location;
use super::reference::Reference;
use super::rule::Rule;
use super::stage::Stage;
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
    /// `None` if the flag inherits its switch.
    on: Option<bool>,
    /// Whether the flag keeps the parts of the layers below that it does not state.
    inherits: bool,
    /// Whether the flag states its rollout. False only for a flag that inherits it.
    states_rollout: bool,
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
    /// `None` unless the flag is a migration.
    stage: Option<StatedStage>,
    metadata: Option<Arc<Metadata>>,
    approval: Option<Arc<ApprovalDetails>>,
    inherit_location: Option<Location>,
}

impl Details {
    const NONE: Self = Self {
        salt: None,
        by: None,
        bucketing: None,
        targeting: None,
        stage: None,
        metadata: None,
        approval: None,
        inherit_location: None,
    };
}

static NO_DETAILS: Details = Details::NONE;

/// The stage of a migration, as one layer states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StatedStage {
    /// Another layer may state it.
    Unstated,
    At(Stage),
}

/// What decides who a flag is on for, other than its rollout. `None` is a part that the flag does not state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Targeting {
    requires: Option<Box<[Reference]>>,
    rules: Option<Box<[Rule]>>,
    variants: Option<Variants>,
    off_variant: Option<Box<str>>,
}

impl Flag {
    /// Returns a flag that is off for every subject, regardless of its rollout.
    pub fn off() -> Self {
        Self { on: Some(false), inherits: false, states_rollout: true, rollout: Percent::HUNDRED, details: None }
    }

    /// Returns a flag that is on for every subject. A rollout can reduce the share.
    pub fn on() -> Self {
        Self { on: Some(true), ..Self::off() }
    }

    /// Returns a flag that keeps everything that the layers below declare for its key.
    ///
    /// Each part that is set on it replaces that part: the switch, the rollout, the prerequisites, the rules or the
    /// variants. So an environment can turn a flag on without repeating its rules. If no layer below declares the key,
    /// the flag is invalid: it is dark, and the status reports a problem.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagkit_core::source::{Provenance, Rule};
    /// use flagkit_core::{Flag, FlagKey, FlagSet, Flags};
    ///
    /// let key = FlagKey::new("search-v2")?;
    /// let flags = Flags::new();
    /// let declared = Flag::off().with_rollout("0".parse()?).with_rules([Rule::new().with_subjects(["user-1"])]);
    /// flags.add_layer(Provenance::new("file:flags.toml")).publish(FlagSet::from_iter([(key.clone(), declared)]));
    ///
    /// let live = Flag::inherit().enabled();
    /// flags.add_layer(Provenance::new("file:flags.prod.toml")).publish(FlagSet::from_iter([(key, live)]));
    /// assert!(flags.is_on("search-v2", "user-1"));
    /// assert!(!flags.is_on("search-v2", "user-2"));
    /// # Ok::<(), flagkit_core::Error>(())
    /// ```
    pub fn inherit() -> Self {
        Self { on: None, inherits: true, states_rollout: false, ..Self::off() }
    }

    /// Returns a migration. Its stage is [`Stage::Off`], unless [`at_stage`](Self::at_stage) or a lower layer states it.
    ///
    /// A migration is never on for a subject. A program reads its stage; see [`migration!`](crate::migration).
    ///
    /// # Examples
    ///
    /// ```
    /// use flagkit_core::Flag;
    /// use flagkit_core::source::Stage;
    ///
    /// assert_eq!(Flag::migration().stage(), Some(Stage::Off));
    /// assert_eq!(Flag::migration().at_stage(Stage::Live).stage(), Some(Stage::Live));
    /// assert_eq!(Flag::off().stage(), None);
    /// ```
    pub fn migration() -> Self {
        let mut flag = Self::off();
        flag.details_mut().stage = Some(StatedStage::Unstated);
        flag
    }

    /// Sets the stage, which makes the flag a migration.
    pub fn at_stage(mut self, stage: Stage) -> Self {
        self.details_mut().stage = Some(StatedStage::At(stage));
        self
    }

    /// Sets the location where the document says that the flag inherits. A problem shows it.
    pub fn with_inherit_location(mut self, location: Location) -> Self {
        self.details_mut().inherit_location = Some(location);
        self
    }

    /// Turns the master switch on.
    pub fn enabled(mut self) -> Self {
        self.on = Some(true);
        self
    }

    /// Turns the master switch off.
    pub fn disabled(mut self) -> Self {
        self.on = Some(false);
        self
    }

    /// Sets the rollout: the share of the subjects without a matching rule for which the flag is on. Default: 100
    /// percent.
    pub fn with_rollout(mut self, rollout: Percent) -> Self {
        (self.rollout, self.states_rollout) = (rollout, true);
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
        self.targeting_mut().rules = Some(rules.into_iter().collect());
        self
    }

    /// Sets the prerequisites. This flag is off for a subject unless all of them are on for it. Default: none.
    pub fn with_prerequisites(mut self, flags: impl IntoIterator<Item = Reference>) -> Self {
        self.targeting_mut().requires = Some(flags.into_iter().collect());
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

    /// Sets the approvals of the flag. Default: none.
    ///
    /// Only flags that [require approvals](crate::Flags::require_approvals) use them.
    pub fn with_approvals(mut self, approvals: impl IntoIterator<Item = Approval>) -> Self {
        self.approval_mut().approvals = approvals.into_iter().collect();
        self
    }

    /// Sets what the gate of the flag requires. Default: nothing. Over layers, the strictest requirement counts.
    pub fn with_approval_requirement(mut self, requirement: ApprovalRequirement) -> Self {
        self.approval_mut().requirement = Some(requirement);
        self
    }

    /// Sets the digest of the declaration: of all that decides who sees what, and neither of the state nor of metadata.
    ///
    /// Without one, an approval cannot cover the flag.
    pub fn with_digest(mut self, digest: Digest) -> Self {
        self.approval_mut().digests = vec![digest];
        self
    }

    /// Returns whether the master switch is on. Evaluation decides whether the flag is on *for a subject*.
    ///
    /// False for a flag that inherits its switch. The flags of a [`Snapshot`](crate::Snapshot) inherit nothing, because
    /// the layers are merged.
    pub fn is_enabled(&self) -> bool {
        self.on == Some(true)
    }

    /// Returns whether the flag [inherits](Self::inherit) the parts that it does not state.
    pub fn inherits(&self) -> bool {
        self.inherits
    }

    /// Returns the rollout: the share of the subjects without a matching rule for which the flag is on. 100 percent for
    /// a flag that inherits its rollout.
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
        self.targeting().and_then(|targeting| targeting.rules.as_deref()).unwrap_or_default()
    }

    /// Returns the prerequisites. This flag is off for a subject unless all of them are on for it.
    pub fn prerequisites(&self) -> &[Reference] {
        self.targeting().and_then(|targeting| targeting.requires.as_deref()).unwrap_or_default()
    }

    /// Returns the variants, if there are any.
    pub fn variants(&self) -> Option<&Variants> {
        self.targeting().and_then(|targeting| targeting.variants.as_ref())
    }

    /// Returns the variant of the subjects for which the flag is off, if the flag sets one.
    pub fn off_variant(&self) -> Option<&str> {
        self.targeting().and_then(|targeting| targeting.off_variant.as_deref())
    }

    /// Returns the stage of a migration. `None` for other flags.
    ///
    /// With a [`partition`](Self::partition), the rollout is the share of the partitions at this stage. The others are at
    /// the stage before it.
    pub fn stage(&self) -> Option<Stage> {
        self.details().stage.map(|stage| match stage {
            StatedStage::Unstated => Stage::Off,
            StatedStage::At(stage) => stage,
        })
    }

    /// Returns whether the flag is a migration.
    pub fn is_migration(&self) -> bool {
        self.details().stage.is_some()
    }

    /// Returns the attribute that partitions the data of a migration, if there is one. `None` for other flags.
    ///
    /// [`with_bucket_by`](Self::with_bucket_by) sets it: partitions are bucketed as subjects are.
    pub fn partition(&self) -> Option<&str> {
        self.bucket_by().filter(|_| self.is_migration())
    }

    /// Returns the metadata, if there is any.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.details().metadata.as_deref()
    }

    /// Returns the approvals of the highest layer that has any.
    pub fn approvals(&self) -> &[Approval] {
        self.approval().map(|approval| &*approval.approvals).unwrap_or_default()
    }

    /// Returns what the gate of the flag requires, if it has one. Over layers, this is the strictest requirement.
    pub fn approval_requirement(&self) -> Option<ApprovalRequirement> {
        self.approval()?.requirement
    }

    /// Returns the digests of the declarations of the layers, lowest first.
    ///
    /// A layer that states only the state has none, unless it replaces a declaration that has one. Its digest is then
    /// all zeros.
    pub fn digests(&self) -> &[Digest] {
        self.approval().map(|approval| approval.digests.as_slice()).unwrap_or_default()
    }

    /// Returns this override, completed from the declaration below it. The result inherits nothing.
    ///
    /// The salt, the hashed attribute and the bucketing come from below where the override sets none. The metadata
    /// comes from below if there is any. Everything else comes from the override, except that a flag that
    /// [inherits](Self::inherit) takes each part that it does not state from below.
    pub(crate) fn inherit_from(&self, below: &Self) -> Self {
        if below.details.is_none() && !self.inherits {
            return self.clone();
        }
        let (stated, known) = (self.details(), below.details());
        let targeting = match (&stated.targeting, &known.targeting) {
            (None, known) if self.inherits => known.clone(),
            (Some(stated), Some(known)) if self.inherits => Some(Arc::new(stated.inherit_from(known))),
            (stated, _) => stated.clone(),
        };
        let details = Details {
            salt: stated.salt.clone().or_else(|| known.salt.clone()),
            by: stated.by.clone().or_else(|| known.by.clone()),
            bucketing: stated.bucketing.or(known.bucketing),
            targeting,
            stage: self.stage_over(known.stage),
            metadata: known.metadata.clone().or_else(|| stated.metadata.clone()),
            approval: self.approval_over(known.approval.as_ref()),
            inherit_location: None,
        };
        let details = (details != Details::NONE).then(|| Arc::new(details));
        let rollout = if self.states_rollout { self.rollout } else { below.rollout };
        Self { on: self.on.or(below.on), inherits: false, states_rollout: true, rollout, details }
    }

    /// Returns the stage of this override over the one of the declaration below it.
    ///
    /// An override that only turns the flag off states the stage `off`: an environment variable has no other word for
    /// it. The merge rejects any other override of a migration that is no migration.
    fn stage_over(&self, below: Option<StatedStage>) -> Option<StatedStage> {
        match (self.details().stage, below) {
            (Some(StatedStage::Unstated), Some(below)) => Some(below),
            (None, Some(below)) if self.inherits && self.on.is_none() => Some(below),
            (None, Some(_)) if self.is_disabled() => Some(StatedStage::At(Stage::Off)),
            (stated, _) => stated,
        }
    }

    /// Returns the stage that the flag states, or that its switch stands for; see [`stage`](Self::stage).
    pub(crate) fn stated_stage(&self) -> Option<Stage> {
        match self.details().stage {
            Some(StatedStage::At(stage)) => Some(stage),
            Some(StatedStage::Unstated) => None,
            None => self.is_disabled().then_some(Stage::Off),
        }
    }

    /// Returns whether the flag states this part, so that it inherits none.
    pub(crate) fn states(&self, part: Part) -> bool {
        let targeting = self.targeting();
        !self.inherits
            || match part {
                Part::Switch => self.on.is_some(),
                Part::Rollout => self.states_rollout,
                Part::Prerequisites => targeting.is_some_and(|targeting| targeting.requires.is_some()),
                Part::Rules => targeting.is_some_and(|targeting| targeting.rules.is_some()),
                Part::Variants => targeting.is_some_and(|targeting| targeting.variants.is_some()),
            }
    }

    /// Returns whether the flag states that it is off.
    pub(crate) fn is_disabled(&self) -> bool {
        self.on == Some(false)
    }

    /// Returns the location where the document says that the flag inherits.
    pub(crate) fn inherit_location(&self) -> Option<Location> {
        self.details().inherit_location
    }

    /// Returns whether anything other than the switch and the rollout decides who the flag is on for, or its variant.
    pub(crate) fn has_targeting(&self) -> bool {
        let has_variants = |targeting: &Targeting| targeting.variants.is_some() || targeting.off_variant.is_some();
        !self.rules().is_empty() || !self.prerequisites().is_empty() || self.targeting().is_some_and(has_variants)
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

    fn approval(&self) -> Option<&ApprovalDetails> {
        self.details().approval.as_deref()
    }

    /// Returns what approvals of this override need, completed from the declaration below it.
    fn approval_over(&self, below: Option<&Arc<ApprovalDetails>>) -> Option<Arc<ApprovalDetails>> {
        match (&self.details().approval, below) {
            (own, None) => own.clone(),
            (None, Some(below)) if self.inherits || below.digests.is_empty() => Some(Arc::clone(below)),
            (None, Some(below)) => Some(Arc::new(ApprovalDetails::default().over(below, true))),
            (Some(own), Some(below)) => Some(Arc::new(own.over(below, !self.inherits))),
        }
    }

    fn approval_mut(&mut self) -> &mut ApprovalDetails {
        Arc::make_mut(self.details_mut().approval.get_or_insert_default())
    }

    fn targeting_mut(&mut self) -> &mut Targeting {
        Arc::make_mut(self.details_mut().targeting.get_or_insert_default())
    }
}

impl Targeting {
    /// Returns these parts, and those of the declaration below for the parts that are not stated.
    fn inherit_from(&self, below: &Self) -> Self {
        Self {
            requires: self.requires.clone().or_else(|| below.requires.clone()),
            rules: self.rules.clone().or_else(|| below.rules.clone()),
            variants: self.variants.clone().or_else(|| below.variants.clone()),
            off_variant: self.off_variant.clone().or_else(|| below.off_variant.clone()),
        }
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

    #[test]
    fn an_override_that_replaces_a_declaration_has_other_digests_than_the_declaration() {
        let digests = |flag: Flag, below: &Flag| flag.inherit_from(below).digests().to_vec();
        let below = Flag::off().with_digest([1; 32]);
        assert_eq!(digests(Flag::on(), &below), [[1; 32], [0; 32]]);
        assert_eq!(digests(Flag::on().with_approval_requirement(ApprovalRequirement::default()), &below).len(), 2);
        assert_eq!(digests(Flag::on().with_digest([2; 32]), &below), [[1; 32], [2; 32]]);
        assert_eq!(digests(Flag::inherit().enabled(), &below), [[1; 32]]);
        assert!(digests(Flag::on(), &Flag::off().with_salt("s")).is_empty(), "no declaration has a digest");
    }
}
