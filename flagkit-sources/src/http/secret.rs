//! Secret values, such as tokens: a client sends them, and no output contains them.

use std::fmt;

/// The value of a request header. Its `Debug` output is three stars, and it has no `Display`.
///
/// Every header counts as secret, because users put tokens into headers of any name.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Returns the value. Only the code that sends it, or computes a digest of it, may call this.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
