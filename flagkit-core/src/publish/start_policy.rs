//! The start policy: what a layer does before its first good load.

use crate::publish::load::ErrorKind;

/// What happens when a source cannot be loaded at startup.
///
/// Two parties read it. A layer without a good load is either dark or transparent. A runtime that starts sources, such
/// as flagkit-sources, also decides whether to start at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFailedStart {
    /// Start, and keep every flag of the layers below dark until this layer has loaded: it may turn some of them off.
    StayDark,
    /// Start as if this layer declared nothing, and apply it once it has loaded. For optional layers.
    Skip,
    /// Return an error from the start. Until the first good load, the layer is as dark as with
    /// [`StayDark`](Self::StayDark).
    Fail,
}

/// What happens when a source cannot be loaded at startup, by the [kind](ErrorKind) of its latest error.
///
/// # Examples
///
/// ```
/// use flagkit_core::source::{ErrorKind, OnFailedStart, StartPolicy};
///
/// let mut policy = StartPolicy::all(OnFailedStart::StayDark);
/// policy.missing = OnFailedStart::Skip;
/// assert_eq!(policy.on(ErrorKind::Missing), OnFailedStart::Skip);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StartPolicy {
    /// The source has nothing to load yet.
    pub missing: OnFailedStart,
    /// The source does not respond.
    pub unreachable: OnFailedStart,
    /// The source responded with something that cannot be used.
    pub invalid: OnFailedStart,
}

impl StartPolicy {
    /// Returns a policy that treats all kinds of errors alike.
    pub const fn all(on_failed_start: OnFailedStart) -> Self {
        Self { missing: on_failed_start, unreachable: on_failed_start, invalid: on_failed_start }
    }

    /// Returns what happens on an error of this kind.
    pub const fn on(self, kind: ErrorKind) -> OnFailedStart {
        match kind {
            ErrorKind::Missing => self.missing,
            ErrorKind::Unreachable => self.unreachable,
            ErrorKind::Invalid => self.invalid,
        }
    }

    /// Returns whether the layer hides the layers below it, given the error of its latest load.
    ///
    /// A layer that has not responded yet is dark if any kind of error would make it dark.
    pub(crate) fn hides_lower_layers(self, latest: Option<ErrorKind>) -> bool {
        match latest {
            Some(kind) => self.on(kind) != OnFailedStart::Skip,
            None => ErrorKind::ALL.into_iter().any(|kind| self.on(kind) != OnFailedStart::Skip),
        }
    }
}
