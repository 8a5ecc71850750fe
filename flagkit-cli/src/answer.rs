//! What a check of a running system said.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What came of a check.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) name: String,
    pub(crate) passed: bool,
    /// What was got, for people.
    pub(crate) got: String,
    pub(crate) millis: u64,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.got)
    }
}
