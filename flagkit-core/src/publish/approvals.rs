//! The verification of approvals: a flag that includes subjects counts only if people approved it.
//!
//! Core knows which flags need an approval, and what happens to a flag that has none. What makes an approval valid is
//! the business of an [`ApprovalVerifier`], which a runtime provides.

use crate::evaluate::compiled::Segments;
use crate::model::problem::Problem;
use crate::model::{Declaration, Digest, EnvKey, Flag, FlagKey};

/// Verifies the approvals of flags.
///
/// The merge calls it for each declared flag, at each publish and never at a read. It runs under the lock of the
/// publishing side, so it must not call methods of the same [`Flags`](crate::Flags).
pub trait ApprovalVerifier: Send + Sync + 'static {
    /// Returns an error with the reason if the flag must stay dark.
    ///
    /// # Errors
    ///
    /// The error is a text for operators, such as `no approval for 50 %`.
    fn verify(&self, flag: &Approvable<'_>) -> Result<(), Box<str>>;

    /// Records what the last publish verified. Runs after each publish, without a lock. Default: nothing.
    fn published(&self) {}
}

/// A flag of all layers of documents, before it takes effect.
#[derive(Clone, Copy, Debug)]
pub struct Approvable<'a> {
    pub(crate) key: &'a FlagKey,
    pub(crate) flag: &'a Flag,
    pub(crate) segments: &'a Segments,
    pub(crate) is_settled: bool,
}

impl<'a> Approvable<'a> {
    /// Returns the key of the flag.
    pub fn key(&self) -> &'a FlagKey {
        self.key
    }

    /// Returns the flag, which inherits nothing any more. Overrides by environment variables are not part of it.
    pub fn flag(&self) -> &'a Flag {
        self.flag
    }

    /// Returns the digest of a segment that the flag refers to, if it is known.
    pub fn segment(&self, name: &str) -> Option<Digest> {
        self.segments.get(name)?.digest()
    }

    /// Returns whether the state of the flag is the one that the documents are meant to have.
    ///
    /// It is if every layer has loaded, or if this publish is caused by a layer that had loaded before. Otherwise the
    /// flag may seem off, because the layer that has it on has not loaded yet.
    pub fn is_settled(&self) -> bool {
        self.is_settled
    }
}

/// Why an environment variable that widens is ignored.
pub(super) const ONLY_NARROWS: &str = "an environment variable can only narrow where approvals are required";

/// Returns whether an override certainly includes no subject that the flag below does not include.
///
/// It proves only the simple cases, because an environment variable states no more than a switch and a percentage.
pub(super) fn narrows_simply(below: Option<&Flag>, declaration: &Declaration) -> bool {
    let Declaration::Flag(flag) = declaration else { return true };
    let is_part = |below: &Flag| below.is_enabled() && !below.has_targeting() && flag.rollout() <= below.rollout();
    !flag.is_enabled() || (!flag.has_targeting() && below.is_some_and(is_part))
}

/// Returns the problem of a flag that no approval covers.
pub(super) fn unapproved_flag(key: &FlagKey, reason: &str) -> Problem {
    Problem::new(format!("flags.{key}"), reason, "valid approvals of this definition")
        .with_help("the flag stays dark until enough people have approved its definition")
}

/// Returns the problem of an environment variable that could include subjects that no approval covers.
pub(super) fn unapproved_override(env_key: &EnvKey) -> Problem {
    Problem::new(env_key.as_str(), "an override that could include more subjects", "`off`, or a smaller percentage")
        .with_help(format!("{ONLY_NARROWS}; the variable has no effect"))
}
