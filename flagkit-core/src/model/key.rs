//! The name of a flag.
//!
//! A key appears in flag files, source code, URLs and log lines. The name of an environment variable contains it in
//! another spelling ([`EnvKey`](super::EnvKey)). The legal characters are those that need no escape in any of these.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};

/// The name of a flag.
///
/// A key has 1 to 128 ASCII letters, digits, `.`, `_` and `-`, and begins with a letter or a digit. These characters
/// need no escape in a TOML key, a URL, a log or a shell. Two keys never look alike while they differ in Unicode
/// normalization. Keys are compared byte by byte: `Search` and `search` are two flags.
///
/// A clone is cheap (a reference count).
///
/// # Examples
///
/// ```
/// use flagkit_core::FlagKey;
///
/// let key = FlagKey::new("new-checkout")?;
/// assert_eq!(key.as_str(), "new-checkout");
/// assert!(FlagKey::new("new checkout").is_err());
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlagKey(Arc<str>);

impl FlagKey {
    /// The maximum length of a key, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Creates a key from `text`, which must be legal.
    ///
    /// # Errors
    ///
    /// Returns an error if `text` is not a legal key. The error names the first violation.
    pub fn new(text: impl AsRef<str>) -> Result<Self, Error> {
        let text = text.as_ref();
        check(text)?;
        Ok(Self(Arc::from(text)))
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for FlagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for FlagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl AsRef<str> for FlagKey {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for FlagKey {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for FlagKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<&str> for FlagKey {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

/// Checks that a text is a legal key. The error names the first violation.
pub(super) fn check(text: &str) -> Result<(), Error> {
    let Some(first) = text.chars().next() else {
        return Err(ErrorKind::KeyEmpty.into());
    };
    if text.len() > FlagKey::MAX_LEN {
        return Err(ErrorKind::KeyTooLong { len: text.len(), max: FlagKey::MAX_LEN }.into());
    }
    if let Some((index, found)) = text.char_indices().find(|&(_, c)| !is_legal(c)) {
        return Err(ErrorKind::KeyCharacter { index, found }.into());
    }
    if !first.is_ascii_alphanumeric() {
        return Err(ErrorKind::KeyStart { found: first }.into());
    }
    Ok(())
}

fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_keys_are_taken_as_they_are() {
        for text in ["a", "A", "0", "new-checkout", "team.search_v2", "9-lives", &"k".repeat(128)] {
            assert_eq!(FlagKey::new(text).expect(text).as_str(), text);
        }
    }

    #[test]
    fn the_first_offence_is_named() {
        let message = |text: &str| FlagKey::new(text).expect_err(text).to_string();
        assert!(message("").contains("empty"));
        assert!(message(&"k".repeat(129)).contains("129 bytes"));
        assert!(message("new checkout").contains("' ' at byte 3"));
        assert!(message("caf\u{e9}").contains("'é' at byte 3"));
        assert!(message("-dash").contains("begins with '-'"));
        assert!(message("a\0b").contains("'\\0' at byte 1"));
    }
}
