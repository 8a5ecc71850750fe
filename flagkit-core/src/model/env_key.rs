//! The name of a flag as an environment variable spells it.

use std::cmp::Ordering;
use std::fmt;

use super::key::{FlagKey, check};
use crate::error::{Error, ErrorKind};

/// A key as an environment variable spells it: in upper case, with `_` instead of `-` and `.`.
///
/// The spelling loses information: both `new-checkout` and `new.checkout` become `NEW_CHECKOUT`. A layer of environment
/// variables therefore refers to *the declared key that has this spelling*. If no declared key has it, the layer refers
/// to every undeclared key that does. See [`FlagSet::insert_folded`](crate::FlagSet::insert_folded).
///
/// # Examples
///
/// ```
/// use flagkit_core::source::EnvKey;
///
/// let folded = EnvKey::new("NEW_CHECKOUT")?;
/// assert!(folded.matches("new-checkout"));
/// assert!(folded.matches("new.checkout"));
/// assert!(!folded.matches("old-checkout"));
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvKey(Box<str>);

impl EnvKey {
    /// Creates a key from `text`, the spelling of an environment variable.
    ///
    /// # Errors
    ///
    /// Returns an error if no legal key has this spelling. It must have 1 to 128 ASCII capital letters, digits and `_`,
    /// and begin with a capital letter or a digit.
    pub fn new(text: impl AsRef<str>) -> Result<Self, Error> {
        let text = text.as_ref();
        check(text)?;
        match text.char_indices().find(|&(_, c)| c != folded_char(c)) {
            Some((index, found)) => Err(ErrorKind::KeyNotUpperCase { index, found }.into()),
            None => Ok(Self(Box::from(text))),
        }
    }

    /// Converts a key to its spelling in an environment variable.
    pub fn from_key(key: &FlagKey) -> Self {
        Self(key.as_str().chars().map(folded_char).collect())
    }

    /// Returns the key as text, as an environment variable spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether an environment variable spells `key` like this.
    pub fn matches(&self, key: &str) -> bool {
        self.cmp_key(key) == Ordering::Equal
    }

    /// Compares this with the spelling of `key`, without building that spelling. A lookup by key allocates nothing.
    pub(crate) fn cmp_key(&self, key: &str) -> Ordering {
        self.0.chars().cmp(key.chars().map(folded_char))
    }
}

impl fmt::Display for EnvKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

fn folded_char(c: char) -> char {
    match c {
        '-' | '.' => '_',
        other => other.to_ascii_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_a_key_agrees_with_matching_it() {
        for text in ["new-checkout", "Team.Search_v2", "9-lives"] {
            let key = FlagKey::new(text).expect(text);
            let folded = EnvKey::from_key(&key);
            assert!(folded.matches(text));
            assert_eq!(EnvKey::new(folded.as_str()).ok(), Some(folded));
        }
    }

    #[test]
    fn a_folded_key_has_no_lower_case_and_no_dash() {
        assert!(EnvKey::new("new_checkout").is_err());
        assert!(EnvKey::new("NEW-CHECKOUT").is_err());
        assert!(EnvKey::new("").is_err());
        assert!(EnvKey::new("_X").is_err());
    }
}
