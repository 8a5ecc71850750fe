//! One key during a merge: what the layers applied so far declare for it.
//!
//! Three questions are kept apart, because each has its own answer for a key:
//!
//! - Which declaration counts? The one of the highest layer, valid or not.
//! - Which salt, attribute and metadata does a higher layer keep? Those of the last flag that could be read, even while
//!   an invalid declaration above it makes the key dark. So an error moves no subject to another bucket.
//! - Does the key fail for a reason that only the merge finds? Then it keeps the definition of the current snapshot.
//! - Did people approve the flag, where approvals are required? Otherwise it is dark.

use std::sync::Arc;

use crate::model::{Declaration, Flag, Stage};
use crate::publish::origins::Origins;

/// What the layers applied so far declare for one key.
///
/// The merge keeps one per key. Each layer that declares the key replaces it, and the checks mark it as invalid.
pub(super) struct MergedFlag {
    /// The highest layer that declares the key.
    pub(super) layer: usize,
    /// The flag. If the highest declaration is invalid, this is the flag of the layers below: a higher layer inherits
    /// its salt, attribute and metadata.
    pub(super) flag: Option<Flag>,
    pub(super) validity: Validity,
    /// Whether the flag inherits from an invalid declaration or from none. Only a flag that states that it is off is
    /// valid then, and no higher layer can inherit from it.
    pub(super) is_incomplete: bool,
    /// What an environment variable overrides.
    pub(super) overridden: Overridden,
    /// Why the flag is not approved.
    pub(super) refusal: Option<Arc<str>>,
    /// The layers of its parts. `None` if they all come from `layer`.
    pub(super) origins: Option<Origins>,
}

/// What an environment variable overrides: the declaration of the documents, which approvals must cover.
#[derive(Clone, Debug)]
pub(super) enum Overridden {
    Nothing,
    /// A key that is dark in the documents.
    Dark,
    Flag(Flag),
}

/// Whether the declaration of a key counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    Valid,
    /// The key is dark, because a layer above it has not loaded yet.
    Hidden,
    /// The key is dark, because its highest declaration is invalid.
    Invalid,
    /// The declaration is invalid for a reason that only the merge finds. The key keeps the definition of the current
    /// snapshot.
    Rejected,
    /// The key is dark, because no approval covers it.
    Unapproved,
}

impl MergedFlag {
    /// Returns a declaration that replaces what the layers below declare for the same key.
    pub(super) fn replacing(below: Option<Self>, layer: usize, declaration: &Declaration) -> Self {
        let below = below.and_then(|below| below.flag);
        let (flag, validity) = match (declaration, below) {
            (Declaration::Flag(flag), Some(below)) => (Some(flag.inherit_from(&below)), Validity::Valid),
            (Declaration::Flag(flag), None) => (Some(flag.clone()), Validity::Valid),
            (Declaration::Invalid, below) => (below, Validity::Invalid),
        };
        Self {
            layer,
            flag,
            validity,
            is_incomplete: false,
            overridden: Overridden::Nothing,
            refusal: None,
            origins: None,
        }
    }

    /// Returns a flag that inherits from what the layers below declare for the same key.
    ///
    /// It is invalid if there is nothing valid below: parts of an older declaration may be what its author removed. A
    /// flag that states that it is off stays valid, because turning a flag off must always work.
    pub(super) fn inheriting(below: Option<Self>, layer: usize, flag: &Flag) -> Self {
        let is_incomplete = below.as_ref().is_none_or(|below| below.validity != Validity::Valid || below.is_incomplete);
        let origins = below.as_ref().map_or(Origins::all(layer_index(layer)), Self::origins);
        let merged = match below.and_then(|below| below.flag) {
            Some(below) => flag.inherit_from(&below),
            None => flag.inherit_from(&Flag::off()),
        };
        Self {
            layer,
            flag: Some(merged),
            validity: if is_incomplete && !flag.is_disabled() { Validity::Invalid } else { Validity::Valid },
            is_incomplete,
            overridden: Overridden::Nothing,
            refusal: None,
            origins: Some(origins.replaced_by(flag, layer_index(layer))),
        }
    }

    /// Returns a key that no layer declares any more, and that keeps the definition of the current snapshot.
    pub(super) fn kept(layer: usize) -> Self {
        let validity = Validity::Rejected;
        Self {
            layer,
            flag: None,
            validity,
            is_incomplete: false,
            overridden: Overridden::Nothing,
            refusal: None,
            origins: None,
        }
    }

    /// Returns the layer of each part, also for a flag that one layer declares as a whole.
    pub(super) fn origins(&self) -> Origins {
        self.origins.unwrap_or(Origins::all(layer_index(self.layer)))
    }

    /// Returns the flag, unless its key is dark.
    pub(super) fn valid(&self) -> Option<&Flag> {
        self.flag.as_ref().filter(|_| self.validity == Validity::Valid)
    }

    /// Returns whether the key is a migration, and dark only because a layer above it has not loaded yet.
    pub(super) fn is_hidden_migration(&self) -> bool {
        self.validity == Validity::Hidden && self.flag.as_ref().is_some_and(Flag::is_migration)
    }

    /// Returns the flag that approvals must cover, if it is valid: the one of the documents.
    pub(super) fn approvable(&self) -> Option<&Flag> {
        match &self.overridden {
            Overridden::Nothing => self.valid(),
            Overridden::Dark => None,
            Overridden::Flag(document) => Some(document),
        }
    }

    /// Refuses the flag, so that it is dark. A migration keeps the stage of the current snapshot, because `off` is not
    /// safe for it.
    pub(super) fn refuse(&mut self, reason: &str) {
        let stage = self.flag.as_ref().and_then(Flag::stage);
        if stage.is_some_and(|stage| stage > Stage::Off) {
            self.validity = Validity::Rejected;
        } else if !self.is_off() {
            (self.validity, self.refusal) = (Validity::Unapproved, Some(reason.into()));
        }
    }

    /// Returns whether the flag is valid and its master switch is off.
    ///
    /// The checks never reject such a flag. Its references have no effect, and an error must not keep a flag on.
    pub(super) fn is_off(&self) -> bool {
        self.valid().is_some_and(|flag| !flag.is_enabled())
    }
}

/// Returns the index of a layer as snapshots store it. There are never that many layers.
pub(super) fn layer_index(layer: usize) -> u32 {
    u32::try_from(layer).unwrap_or(u32::MAX)
}
