//! The result of an evaluation, as callers receive it.

use std::fmt;
use std::sync::Arc;

use crate::evaluate::reason::Reason;
use crate::model::Variant;
use crate::model::provenance::Provenance;

/// The result of evaluating one flag for one subject: the answer, its reason and where it comes from.
///
/// It owns its parts, so it stays valid after the snapshot is replaced.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flags, Reason};
///
/// let flags = Flags::new();
/// let evaluation = flags.evaluate("new-checkout", "user-1");
/// assert!(!evaluation.is_on());
/// assert_eq!(evaluation.reason(), Reason::NotFound);
/// assert_eq!(evaluation.layer(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    pub(crate) on: bool,
    pub(crate) reason: Reason,
    pub(crate) rule: Option<usize>,
    pub(crate) variant: Option<Variant>,
    pub(crate) prerequisite: Option<Arc<str>>,
    pub(crate) layer: Option<Provenance>,
    pub(crate) revision: u64,
}

impl Evaluation {
    /// Returns whether the flag is on for the subject.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Returns the reason of the answer.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns the index of the rule that matched, from 0. `None` if no rule matched or none was evaluated.
    pub fn rule(&self) -> Option<usize> {
        self.rule
    }

    /// Returns the variant.
    ///
    /// `None` if the flag has no variants, if the flag is off for the subject (unless it has an
    /// [off variant](crate::Flag::with_off_variant)), or if the subject lacks the attribute the flag is bucketed by.
    pub fn variant(&self) -> Option<&Variant> {
        self.variant.as_ref()
    }

    /// Returns the key of the prerequisite that is off, if the reason is [`Reason::Prerequisite`].
    pub fn prerequisite(&self) -> Option<&str> {
        self.prerequisite.as_deref()
    }

    /// Returns the layer that decided: the highest one that declares the key, if any does.
    pub fn layer(&self) -> Option<&Provenance> {
        self.layer.as_ref()
    }

    /// Returns the revision of the snapshot.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = if self.on { "on" } else { "off" };
        match &self.prerequisite {
            Some(key) => write!(f, "{answer}: the prerequisite {key} is off")?,
            None => write!(f, "{answer}: {}", self.reason)?,
        }
        if let Some(rule) = self.rule {
            write!(f, ", by rule {rule}")?;
        }
        if let Some(variant) = &self.variant {
            write!(f, ", variant {}", variant.name())?;
        }
        if let Some(layer) = &self.layer {
            write!(f, ", from {layer}")?;
        }
        write!(f, " (revision {})", self.revision)
    }
}
