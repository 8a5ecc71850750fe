//! Secret values, such as tokens: a client sends them, and no output contains them.
//!
//! # The problem
//!
//! An application logs its settings with `{:?}`, and its log is read by more people than may have the token.
//!
//! # How it works
//!
//! [`Secret`] has no output except its stars, so a derived `Debug` of any type around it is safe. Only
//! [`reveal`](Secret::reveal) returns the value, which makes its two callers easy to review: the client sends it, and
//! the cache stores a digest of it.
//!
//! # Limits
//!
//! The memory is not overwritten when a secret is dropped, and the client copies it into each request.

use std::fmt;

/// The value of a request header. Its `Debug` output is three stars, and it has no `Display`.
///
/// Every header counts as secret, because users put tokens into headers of any name.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    /// Wraps a value. The caller has checked that a header can hold it.
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
