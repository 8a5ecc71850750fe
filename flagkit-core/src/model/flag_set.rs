//! All flags of one load.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::flag::Flag;
use super::segment::Segment;
use crate::model::key::{EnvKey, FlagKey};

/// All flags of one valid load of one source.
///
/// A key can stand in a set in two ways: *declared*, with a flag that was understood, or *refused*, with a
/// declaration that was not. A refused key keeps the last good flag of its layer, or is dark.
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
    declared: BTreeMap<FlagKey, Declaration>,
    folded: BTreeMap<EnvKey, Declaration>,
    /// `None` for a segment that was not understood.
    segments: BTreeMap<Arc<str>, Option<Arc<Segment>>>,
}

/// What a layer says of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Declaration {
    Flag(Flag),
    Refused,
}

impl FlagSet {
    /// Makes a set without flags.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a flag, in the place of an earlier declaration of the key.
    pub fn insert(&mut self, key: FlagKey, flag: Flag) {
        self.declared.insert(key, Declaration::Flag(flag));
    }

    /// Notes that the key is declared in a way that was not understood.
    pub fn insert_invalid(&mut self, key: FlagKey) {
        self.declared.insert(key, Declaration::Refused);
    }

    /// Declares a flag by its folded key, for sources that cannot spell keys.
    ///
    /// It stands for the one key declared in lower layers that folds to it. If there is none it stands for every
    /// undeclared key that does; if there are several, that is a problem and they are dark.
    pub fn insert_folded(&mut self, key: EnvKey, flag: Flag) {
        self.folded.insert(key, Declaration::Flag(flag));
    }

    /// Notes that the folded key is declared in a way that was not understood.
    pub fn insert_invalid_folded(&mut self, key: EnvKey) {
        self.folded.insert(key, Declaration::Refused);
    }

    /// Declares a segment, in the place of an earlier one of that name.
    pub fn insert_segment(&mut self, name: &str, segment: Segment) {
        self.segments.insert(name.into(), Some(Arc::new(segment)));
    }

    /// Notes that the segment is declared in a way that was not understood: flags that use it are refused.
    pub fn insert_invalid_segment(&mut self, name: &str) {
        self.segments.insert(name.into(), None);
    }

    /// Returns the flag declared under this key, unless it was refused.
    pub fn get(&self, key: &str) -> Option<&Flag> {
        self.declared.get(key).and_then(Declaration::flag)
    }

    /// Tells whether the key is declared or refused.
    pub fn contains(&self, key: &str) -> bool {
        self.declared.contains_key(key)
    }

    /// Returns how many keys are declared, refused and folded ones included.
    pub fn len(&self) -> usize {
        self.declared.len() + self.folded.len()
    }

    /// Tells whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the keys that are declared or refused, in order.
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

    /// Fills each refused key with the last good flag, and each refused segment, where there is one.
    pub(crate) fn heal(&mut self, last_good: &Self) {
        for (key, declaration) in &mut self.declared {
            declaration.heal(last_good.declared.get(key.as_str()));
        }
        for (key, declaration) in &mut self.folded {
            declaration.heal(last_good.folded.get(key));
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
            Self::Refused => None,
        }
    }

    fn heal(&mut self, last_good: Option<&Self>) {
        if let (Self::Refused, Some(last_good)) = (&*self, last_good) {
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
