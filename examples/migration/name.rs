//! A person's name in two parts.

use std::fmt;

/// A name, split at its first space. Runs of spaces count as one, so that splitting and joining are inverse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// The part before the first space.
    pub(crate) first: String,
    /// The rest, or an empty text.
    pub(crate) last: String,
}

impl Name {
    /// Splits a full name.
    pub(crate) fn split(full: &str) -> Self {
        let mut words = full.split_whitespace();
        let first = words.next().unwrap_or_default().to_owned();
        Self { first, last: words.collect::<Vec<_>>().join(" ") }
    }
}

/// Joins the parts.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.last.is_empty() { "" } else { " " };
        write!(f, "{}{space}{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_and_joining_are_inverse() {
        for full in ["Ada Lovelace", "Plato", "", "Gabriel García Márquez"] {
            assert_eq!(Name::split(full).to_string(), full);
        }
        assert_eq!(Name::split("  Ada   Lovelace "), Name::split("Ada Lovelace"));
    }
}
