//! A question and its answer.

use crate::model::Variant;

/// A question and its answer, as a [`Recording`](super::Recording) has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlagRead {
    /// The flag's key.
    pub key: Box<str>,
    /// Whether it was on; of `variant!`, whether there was a variant.
    pub on: bool,
    /// The variant, if one was asked for and there was one.
    pub variant: Option<Variant>,
    /// Whether a test had said what the answer was to be.
    pub is_forced: bool,
}
