//! Approvals: who agreed that a flag may be on, as a document states it.
//!
//! Core carries approvals and verifies none: that takes cryptography and a list of trusted people, which a runtime has.
//! See [`ApprovalVerifier`](crate::source::ApprovalVerifier).

use std::sync::Arc;

/// The SHA-256 digest of the text from which a part of a flag was decoded.
pub type Digest = [u8; 32];

/// The approval of one person: the fields of a signed statement, and its signature.
///
/// The environment, the flag and the definition are not among the fields. They are computed where the approval is
/// verified, so an approval does not count after it was copied elsewhere, or after its flag was edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The person, by a name that the list of approvers has.
    pub by: Box<str>,
    /// The time of the approval, in RFC 3339.
    pub at: Box<str>,
    /// The approved state: `on`, a percentage, or the progress of a migration. Narrower states are approved too.
    pub to: Box<str>,
    /// A number that grows with each release of the flag, so that an older approval cannot be used again.
    pub serial: u64,
    /// The digest of the definition before the change.
    pub before: Box<str>,
    /// The release that the running system reported, if the gate asks for it.
    pub release: Option<Box<str>>,
    /// The digest of the report of the checks, if the gate has any.
    pub checks: Option<Box<str>>,
    /// The digest of the gate under which the approval was asked for.
    pub gate: Box<str>,
    /// What that gate required of each person and of how many.
    pub requirement: ApprovalRequirement,
    /// The signature: an `SSH SIGNATURE` in PEM.
    pub signature: Box<str>,
}

/// How a person confirms that a flag may be on. A later variant is stricter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Confirmation {
    /// By typing the key of the flag at a terminal. A program cannot verify it.
    #[default]
    Terminal,
    /// By a signature.
    Signed,
    /// By a signature of a hardware key that was touched.
    Touch,
    /// By a signature of a hardware key that was touched after its PIN was entered.
    TouchAndPin,
}

impl Confirmation {
    /// All confirmations, from the weakest to the strictest.
    pub const ALL: [Self; 4] = [Self::Terminal, Self::Signed, Self::Touch, Self::TouchAndPin];

    /// Returns the word of flag files: `terminal`, `signed`, `touch` or `touch+pin`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Signed => "signed",
            Self::Touch => "touch",
            Self::TouchAndPin => "touch+pin",
        }
    }
}

/// What a gate requires before a flag may be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ApprovalRequirement {
    /// How each person confirms.
    pub confirmation: Confirmation,
    /// The number of different people.
    pub humans: u32,
}

impl ApprovalRequirement {
    /// Returns a requirement that meets both.
    pub fn strictest(self, other: Self) -> Self {
        Self { confirmation: self.confirmation.max(other.confirmation), humans: self.humans.max(other.humans) }
    }
}

impl Default for ApprovalRequirement {
    fn default() -> Self {
        Self { confirmation: Confirmation::Terminal, humans: 1 }
    }
}

/// What approvals of a flag need: the approvals, the requirement of its gate, and the digests of its declarations.
///
/// Most flags have none of it, so the flag stores it apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ApprovalDetails {
    pub(crate) approvals: Arc<[Approval]>,
    pub(crate) requirement: Option<ApprovalRequirement>,
    /// The digests of the declarations of the layers, lowest first.
    pub(crate) digests: Vec<Digest>,
}

/// The digest of a declaration that replaces the layers below, and that states nothing of which a digest is made.
///
/// Without it, an approval of `on = true` above rules that do not count would also cover `on = true` beside those rules.
const REPLACED: Digest = [0; 32];

impl ApprovalDetails {
    /// Returns these details over those of the layers below. `replaces` is false for a flag that inherits.
    ///
    /// The approvals are those of the highest layer that has any, and the requirement is the strictest.
    pub(crate) fn over(&self, below: &Self, replaces: bool) -> Self {
        let approvals = if self.approvals.is_empty() { &below.approvals } else { &self.approvals };
        let requirement = match (self.requirement, below.requirement) {
            (Some(own), Some(below)) => Some(own.strictest(below)),
            (own, below) => own.or(below),
        };
        let has_marker = replaces && self.digests.is_empty() && !below.digests.is_empty();
        let digests = below.digests.iter().chain(has_marker.then_some(&REPLACED)).chain(&self.digests);
        let digests = digests.copied().collect();
        Self { approvals: Arc::clone(approvals), requirement, digests }
    }
}
