//! The origin of a layer.
//!
//! Every statement about a flag names its layer: the status, an event, an explanation. A path, a URL and a prefix of
//! variables have nothing in common but a text, so a provenance is a text. It identifies the source for people only.
//! The code uses the index of the layer, so two layers may have the same name.

use std::fmt;
use std::sync::Arc;

/// The name of a layer: the origin of its flags as `kind:place`, for instance `file:flags.toml` or `env:FLAG_`.
///
/// Operators can read it, so it must not contain a secret. Omit passwords, tokens and query strings. A clone is cheap
/// (a reference count).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Provenance(Arc<str>);

impl Provenance {
    /// Creates a provenance from this name.
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(Arc::from(name.as_ref()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows the text in quotes, without the name of the type, because statuses and events contain many of them.
impl fmt::Debug for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}
