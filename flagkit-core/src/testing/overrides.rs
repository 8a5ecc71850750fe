//! Overrides: what flags are to be.

use crate::model::Variant;
use crate::model::key::FlagKey;

/// What a flag is to be: off, on, or on with a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForcedValue(pub(super) Answer);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Is(bool),
    Variant(Variant),
}

impl From<bool> for ForcedValue {
    fn from(on: bool) -> Self {
        Self(Answer::Is(on))
    }
}

impl From<Variant> for ForcedValue {
    fn from(variant: Variant) -> Self {
        Self(Answer::Variant(variant))
    }
}

/// Flags, and what each is to be. The latest of a key counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(pub(super) Vec<(FlagKey, ForcedValue)>);

impl Overrides {
    /// Makes overrides; they begin when they are [entered](Overrides::enter).
    ///
    /// # Panics
    ///
    /// Panics when a key is of illegal form.
    #[track_caller]
    pub fn new<K: AsRef<str>, F: Into<ForcedValue>>(flags: impl IntoIterator<Item = (K, F)>) -> Self {
        let mut overrides = Vec::new();
        // A loop: a closure would say that it is this line that has called.
        for (key, forced) in flags {
            let checked = FlagKey::new(key.as_ref());
            assert!(
                checked.is_ok(),
                "{:?} cannot be the key of a flag: a letter or digit, then letters, digits, '.', '_', '-'",
                key.as_ref()
            );
            overrides.extend(checked.ok().map(|key| (key, forced.into())));
        }
        Self(overrides)
    }

    /// What they say of a flag.
    pub(super) fn answer(&self, key: &str) -> Option<&Answer> {
        self.0.iter().rev().find(|(known, _)| known.as_str() == key).map(|(_, forced)| &forced.0)
    }
}
