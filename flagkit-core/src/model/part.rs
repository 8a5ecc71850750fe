//! The parts of a flag that a higher layer can replace one by one.

/// A part of a flag that [`Flag::inherit`](crate::Flag::inherit) keeps unless the flag states it.
///
/// An [`Explanation`](crate::Explanation) names the layer of each part of a flag that inherits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The master switch.
    Switch,
    /// The rollout of the subjects without a matching rule.
    Rollout,
    /// The prerequisites.
    Prerequisites,
    /// The rules.
    Rules,
    /// The variants, with their weights and values.
    Variants,
}

impl Part {
    /// All parts, in the order of their discriminants.
    pub(crate) const ALL: [Self; 5] = [Self::Switch, Self::Rollout, Self::Prerequisites, Self::Rules, Self::Variants];

    /// Returns the key of a document that sets the part: `on`, `rollout`, `requires`, `rules` or `variants`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Switch => "on",
            Self::Rollout => "rollout",
            Self::Prerequisites => "requires",
            Self::Rules => "rules",
            Self::Variants => "variants",
        }
    }
}
