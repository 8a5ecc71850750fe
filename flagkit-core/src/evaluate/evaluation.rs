//! An answer with its grounds.

use std::fmt;
use std::sync::Arc;

use crate::evaluate::reason::Reason;
use crate::model::Variant;
use crate::model::provenance::Provenance;

/// The answer to one question, and everything that led to it.
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
    /// Returns the answer.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Returns why the answer is what it is.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns which rule matched, from 0. `None` when none did, or none was asked.
    pub fn rule(&self) -> Option<usize> {
        self.rule
    }

    /// Returns the variant. `None` when the flag has no variants, is off for the subject (and has no
    /// [variant for that](crate::Flag::with_off_variant)), or the subject has nothing to be dealt one by.
    pub fn variant(&self) -> Option<&Variant> {
        self.variant.as_ref()
    }

    /// Returns the required flag that is off, for the reason [`Reason::Prerequisite`].
    pub fn prerequisite(&self) -> Option<&str> {
        self.prerequisite.as_deref()
    }

    /// Returns the layer that decided: the highest one that says anything about the key, if any does.
    pub fn layer(&self) -> Option<&Provenance> {
        self.layer.as_ref()
    }

    /// Returns the revision of the snapshot that was asked.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = if self.on { "on" } else { "off" };
        match &self.prerequisite {
            Some(key) => write!(f, "{answer}: the required flag {key} is off")?,
            None => write!(f, "{answer}: {}", self.reason)?,
        }
        if let Some(rule) = self.rule {
            write!(f, ", by rule {rule}")?;
        }
        if let Some(variant) = &self.variant {
            write!(f, ", variant {}", variant.name())?;
        }
        if let Some(layer) = &self.layer {
            write!(f, ", says {layer}")?;
        }
        write!(f, " (revision {})", self.revision)
    }
}
