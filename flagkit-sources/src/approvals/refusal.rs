//! Why an approval does not count.

/// Why an approval does not count, or why a flag has too few of them.
///
/// The message is a phrase, such as "a key that is not valid at the time of the approval". It completes "got …" and
/// "not approved: …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The flag has no approval.
    #[error("no approval of {state:?}")]
    NoApproval {
        /// The state of the flag.
        state: String,
    },
    /// The approvals cover a narrower state.
    #[error("an approval of {approved:?}, which does not cover {state:?}")]
    Narrower {
        /// The approved state.
        approved: String,
        /// The state of the flag.
        state: String,
    },
    /// Too few people approved.
    #[error("{valid} of {required} valid approvals{}", list(rejected))]
    TooFew {
        /// How many different people with different keys approved.
        valid: usize,
        /// How many are required.
        required: usize,
        /// The approvals that do not count: who made them, and why they do not count.
        rejected: Vec<(String, Refusal)>,
    },
    /// The flag has more approvals than a program verifies.
    #[error("{count} approvals, and at most {max} are verified")]
    TooMany {
        /// How many approvals the flag has.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A field of the statement cannot be part of it.
    #[error("an approval with an invalid {name:?}: {reason}")]
    InvalidField {
        /// The name of the field.
        name: &'static str,
        /// Why it is invalid.
        reason: &'static str,
    },
    /// The approval has no signature.
    #[error("an approval without a signature")]
    Unsigned,
    /// The signature is not an SSH signature in PEM.
    #[error("a signature that is not an SSH signature in PEM")]
    MalformedSignature,
    /// The signature was made for another purpose.
    #[error("a signature for the namespace {namespace:?}, not for {:?}", super::NAMESPACE)]
    WrongNamespace {
        /// The namespace of the signature.
        namespace: String,
    },
    /// The list of approvers does not have the person.
    #[error("a person who is not in the list of approvers")]
    UnknownPerson,
    /// The list of approvers does not have the key.
    #[error("a signature by the key {fingerprint}, which is not in the list of approvers")]
    UnknownKey {
        /// The fingerprint of the key.
        fingerprint: String,
    },
    /// The key belongs to another person.
    #[error("a signature by the key {fingerprint}, which belongs to {owner}")]
    KeyOfAnotherPerson {
        /// The fingerprint of the key.
        fingerprint: String,
        /// The names that the list of approvers has for the key.
        owner: String,
    },
    /// The list of approvers has the key, but not for the time of the approval.
    #[error("a key that is not valid at the time of the approval: {reason}")]
    KeyNotValid {
        /// When it is valid.
        reason: String,
    },
    /// The approval is from the future, or the clock of this system is slow.
    #[error("an approval at {at}, which is in the future for the clock of this system")]
    FromTheFuture {
        /// The time of the approval.
        at: String,
    },
    /// The signature does not match the statement.
    ///
    /// The flag, its definition, the environment or a field of the approval differs from what was signed.
    #[error("a signature of another statement: the definition, the environment or a field is not the signed one")]
    Altered,
    /// The gate requires a key that is touched, and this one was not.
    #[error("a signature without a touch of a hardware key")]
    NoTouch,
    /// The gate requires a key with a PIN, and none was entered.
    #[error("a signature of a hardware key without its PIN")]
    NoPin,
    /// The gate requires a hardware key.
    #[error("a signature by a key that is not a hardware key, which cannot prove a touch")]
    NotAHardwareKey,
    /// The same person approved twice.
    #[error("a second approval by the same person")]
    SamePerson,
    /// The same key approved under two names.
    #[error("a second approval with the same key, or by the same owner under another name: {other}")]
    SameKey {
        /// The other name.
        other: String,
    },
    /// A newer approval of the flag was accepted before.
    #[error("a replayed approval: its serial is {serial}, and {newest} was accepted before")]
    Replayed {
        /// The serial of the approval.
        serial: u64,
        /// The serial of the newest approval.
        newest: u64,
    },
    /// The flag was turned off or narrowed after the approval.
    #[error("an approval of a state that was reverted since: at most {allowed:?} remains approved")]
    Reverted {
        /// The widest state that is still approved.
        allowed: String,
    },
    /// The definition has no digest, so an approval cannot cover it.
    #[error("a definition without a digest, which no approval can cover: {what} was built in code")]
    NoDigest {
        /// The part without a digest.
        what: String,
    },
}

impl Refusal {
    /// Returns whether a later time could change the result.
    pub(super) fn depends_on_the_clock(&self) -> bool {
        match self {
            Self::FromTheFuture { .. } => true,
            Self::TooFew { rejected, .. } => rejected.iter().any(|(_, refusal)| refusal.depends_on_the_clock()),
            _ => false,
        }
    }
}

/// How many refused approvals a message lists.
const MAX_LISTED: usize = 5;

fn list(rejected: &[(String, Refusal)]) -> String {
    let listed: Vec<_> = rejected.iter().take(MAX_LISTED).map(|(by, refusal)| format!("{by}: {refusal}")).collect();
    if listed.is_empty() { String::new() } else { format!(" ({})", listed.join("; ")) }
}
