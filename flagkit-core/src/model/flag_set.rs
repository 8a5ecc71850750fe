//! The flags of one load.
//!
//! # The problem
//!
//! One typing error must not disable a document. The other flags of the document are good, and the flag with the error
//! had a good declaration before. To leave the key out would be wrong: then a lower layer would decide it.
//!
//! # The idea
//!
//! A set remembers a key that it could not read as *invalid*. The layer then fills the gap from its last good load. If
//! there is none, the key is dark, and it hides the layers below.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::flag::Flag;
use super::segment::Segment;
use crate::model::{EnvKey, FlagKey};

/// The flags of one valid load of one source.
///
/// A set holds a key in one of two ways. A *declared* key has a valid flag, and an *invalid* key has a declaration that
/// could not be read. An invalid key keeps the last good flag of its layer, or is dark if there is none.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flag, FlagKey, FlagSet};
///
/// let mut set = FlagSet::new();
/// set.insert(FlagKey::new("new-checkout")?, Flag::off());
/// assert_eq!(set.len(), 1);
/// assert_eq!(set.get("new-checkout"), Some(&Flag::off()));
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagSet {
    /// The keys that the source spells out.
    declared: BTreeMap<FlagKey, Declaration>,
    /// The keys that only an environment variable spells. The merge finds the keys they match.
    folded: BTreeMap<EnvKey, Declaration>,
    /// `None` for an invalid segment.
    segments: BTreeMap<Arc<str>, Option<Arc<Segment>>>,
}

/// The declaration of one key in one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Declaration {
    Flag(Flag),
    /// The declaration could not be read. A problem of the load has the reason.
    Invalid,
}

impl FlagSet {
    /// Creates a set without flags.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a flag, and replaces an earlier declaration of the key.
    pub fn insert(&mut self, key: FlagKey, flag: Flag) {
        self.declared.insert(key, Declaration::Flag(flag));
    }

    /// Marks the key as invalid: its declaration could not be read.
    pub fn insert_invalid(&mut self, key: FlagKey) {
        self.declared.insert(key, Declaration::Invalid);
    }

    /// Declares a flag by its key as an environment variable spells it. Sources that cannot spell keys use this.
    ///
    /// The flag applies to the one key of the lower layers that this spelling [matches](EnvKey::matches). If there is
    /// none, it applies to every undeclared key that matches. If there are several, that is a problem, and these keys
    /// are dark.
    pub fn insert_folded(&mut self, key: EnvKey, flag: Flag) {
        self.folded.insert(key, Declaration::Flag(flag));
    }

    /// Marks the key as an environment variable spells it as invalid: its declaration could not be read.
    pub fn insert_invalid_folded(&mut self, key: EnvKey) {
        self.folded.insert(key, Declaration::Invalid);
    }

    /// Declares a segment, and replaces an earlier segment of that name.
    pub fn insert_segment(&mut self, name: &str, segment: Segment) {
        self.segments.insert(name.into(), Some(Arc::new(segment)));
    }

    /// Marks the segment as invalid: its declaration could not be read. Flags that use it are invalid too.
    pub fn insert_invalid_segment(&mut self, name: &str) {
        self.segments.insert(name.into(), None);
    }

    /// Returns the flag of this key, if the key is declared and valid.
    pub fn get(&self, key: &str) -> Option<&Flag> {
        self.declared.get(key).and_then(Declaration::flag)
    }

    /// Returns whether the set holds the key, declared or invalid.
    pub fn contains(&self, key: &str) -> bool {
        self.declared.contains_key(key)
    }

    /// Returns the number of keys, including invalid keys and keys as an environment variable spells them.
    pub fn len(&self) -> usize {
        self.declared.len() + self.folded.len()
    }

    /// Returns whether the set holds no keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the keys that are declared or invalid, in order.
    pub fn keys(&self) -> impl Iterator<Item = &FlagKey> {
        self.declared.keys()
    }

    pub(crate) fn declared(&self) -> &BTreeMap<FlagKey, Declaration> {
        &self.declared
    }

    pub(crate) fn folded(&self) -> &BTreeMap<EnvKey, Declaration> {
        &self.folded
    }

    pub(crate) fn segments(&self) -> &BTreeMap<Arc<str>, Option<Arc<Segment>>> {
        &self.segments
    }

    /// Replaces each invalid key and each invalid segment by its last good declaration, if there is one.
    ///
    /// The layer calls this with its previous flags when it accepts a load. Those were filled in the same way, so a key
    /// keeps its last good flag over any number of invalid loads.
    pub(crate) fn fill_invalid_from(&mut self, last_good: &Self) {
        for (key, declaration) in &mut self.declared {
            declaration.fill_invalid_from(last_good.declared.get(key.as_str()));
        }
        for (key, declaration) in &mut self.folded {
            declaration.fill_invalid_from(last_good.folded.get(key));
        }
        for (name, segment) in &mut self.segments {
            if segment.is_none() {
                *segment = last_good.segments.get(name).cloned().flatten();
            }
        }
    }
}

impl Declaration {
    fn flag(&self) -> Option<&Flag> {
        match self {
            Self::Flag(flag) => Some(flag),
            Self::Invalid => None,
        }
    }

    fn fill_invalid_from(&mut self, last_good: Option<&Self>) {
        if let (Self::Invalid, Some(last_good)) = (&*self, last_good) {
            *self = last_good.clone();
        }
    }
}

impl FromIterator<(FlagKey, Flag)> for FlagSet {
    fn from_iter<I: IntoIterator<Item = (FlagKey, Flag)>>(flags: I) -> Self {
        let declared = flags.into_iter().map(|(key, flag)| (key, Declaration::Flag(flag))).collect();
        Self { declared, ..Self::default() }
    }
}
