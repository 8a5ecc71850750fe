//! What to do with a source that cannot be loaded at the start.

use flagkit_core::ErrorKind;

/// What to do when a source cannot be loaded at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Start {
    /// Start, and keep dark what the layers below declare until that layer is there: it might be meant to turn some of
    /// it off.
    Dark,
    /// Start as if that layer said nothing, and take it in when it is there: for layers that are optional.
    Without,
    /// Return an error.
    Refuse,
}

/// What to do when a source cannot be loaded at the start, by what is the matter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) missing: Start,
    pub(crate) unreachable: Start,
    pub(crate) broken: Start,
}

impl Policy {
    pub(crate) fn when(self, kind: ErrorKind) -> Start {
        match kind {
            ErrorKind::Missing => self.missing,
            ErrorKind::Unreachable => self.unreachable,
            ErrorKind::Broken => self.broken,
        }
    }
}
