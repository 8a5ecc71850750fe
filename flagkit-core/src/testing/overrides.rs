//! Overrides: flags, and the value that each is forced to.
//!
//! Overrides are plain data. They have no effect, and can be cloned and sent to another thread, until a guard or a
//! future makes them active. The list is searched from its end, because a test names few flags and a later value
//! replaces an earlier one.

use crate::model::key::FlagKey;
use crate::model::{Stage, Variant};

/// The value that a flag is forced to: off, on, on with a variant, or the stage of a migration.
///
/// Made from a `bool`, a [`Variant`] or a [`Stage`] with `into()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForcedValue(pub(super) Value);

/// The contents of a [`ForcedValue`], in a type of their own so that a kind of value can be added without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// On or off for all subjects. `true` says nothing about a variant, so `variant!` still reads the installed flags.
    Switch(bool),
    /// On for all subjects, with this variant.
    Variant(Variant),
    /// A migration at this stage. The flag is on for no subject.
    Stage(Stage),
}

impl From<bool> for ForcedValue {
    fn from(on: bool) -> Self {
        Self(Value::Switch(on))
    }
}

impl From<Variant> for ForcedValue {
    fn from(variant: Variant) -> Self {
        Self(Value::Variant(variant))
    }
}

impl From<Stage> for ForcedValue {
    fn from(stage: Stage) -> Self {
        Self(Value::Stage(stage))
    }
}

/// Flags, and the value that each is forced to. If a key occurs twice, the later value is used.
///
/// # Examples
///
/// ```
/// use flagkit_core::{flag, testing::Overrides};
///
/// let overrides = Overrides::new([("a", true), ("b", false)]);
/// assert!(!flag!("a"));
/// let _guard = overrides.enter();
/// assert!(flag!("a") && !flag!("b"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(pub(super) Vec<(FlagKey, ForcedValue)>);

impl Overrides {
    /// Creates overrides. They have no effect until they are [entered](Overrides::enter).
    ///
    /// # Panics
    ///
    /// Panics if a key is illegal.
    #[track_caller]
    pub fn new<K: AsRef<str>, F: Into<ForcedValue>>(flags: impl IntoIterator<Item = (K, F)>) -> Self {
        let mut overrides = Vec::new();
        // A loop, because a panic in a closure would show a line of this file as the caller.
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

    /// Returns the value that a flag is forced to. `None` if these overrides do not contain the flag.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(known, _)| known.as_str() == key).map(|(_, forced)| &forced.0)
    }
}
