//! One SSH signature, verified.
//!
//! The crate `ssh-key` parses the signature and verifies it. Like OpenSSH, it accepts a signature of a hardware key
//! that was not touched. So this module reads the flags of such a signature itself.

use std::time::SystemTime;

use flagkit_core::source::Confirmation;
use ssh_key::{Algorithm, HashAlg, LineEnding, SshSig};

use super::approver::is_hardware;
use super::timestamp::Timestamp;
use super::{Approver, Approvers, Refusal, Statement};

/// The namespace of the signatures: `ssh-keygen -Y sign -n flagkit-approval`.
///
/// It prevents that a signature for another purpose, such as that of a commit, counts as an approval.
pub const NAMESPACE: &str = "flagkit-approval";

/// A valid signature of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signature {
    /// The name of the person, as the statement has it.
    pub principal: String,
    /// The fingerprint of the key: `SHA256:…`.
    pub fingerprint: String,
    /// How the person confirmed: [`Signed`](Confirmation::Signed), or more if the signature proves it.
    pub confirmation: Confirmation,
    /// Whether the key is one of a FIDO device.
    pub is_by_hardware: bool,
}

/// How far the clocks of two systems may differ, in seconds.
const MAX_SKEW: u64 = 600;

/// How far a serial may be ahead of the time of its statement, in seconds. Serials are times, so that the newest is the
/// largest.
const MAX_LEAD: u64 = 86_400;

/// The end of a FIDO signature: one byte of flags, and a counter of four bytes.
const TRAILER: usize = 5;
/// A person touched the key.
const USER_PRESENT: u8 = 0x01;
/// The key verified the person, by a PIN or a fingerprint.
const USER_VERIFIED: u8 = 0x04;

/// The length of a line of a signature in PEM, which the parser requires.
const PEM_LINE: usize = 70;
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

impl Approvers {
    /// Verifies the signature of a statement: that this person made it, with a key of theirs, and when it was valid.
    ///
    /// The time of the statement decides whether the key is valid. A statement that is more than ten minutes in the
    /// future is refused.
    ///
    /// # Errors
    ///
    /// Returns the reason if the signature does not count.
    pub fn verify(&self, statement: &Statement, signature: &str) -> Result<Signature, Refusal> {
        self.verify_at(statement, signature, Self::now())
    }

    /// Like [`verify`](Self::verify), for a clock that shows `now`.
    pub(super) fn verify_at(
        &self,
        statement: &Statement,
        signature: &str,
        now: SystemTime,
    ) -> Result<Signature, Refusal> {
        let text = statement.to_text()?;
        let reason = "it is not a time in UTC with whole seconds";
        let at = Timestamp::from_rfc3339(&statement.at).ok_or(Refusal::InvalidField { name: "at", reason })?;
        if at > Timestamp::from(now).plus(MAX_SKEW) {
            return Err(Refusal::FromTheFuture { at: statement.at.clone() });
        }
        if statement.serial > at.plus(MAX_LEAD).seconds() {
            let reason = "it is more than a day after the time of the statement, and would block later releases";
            return Err(Refusal::InvalidField { name: "serial", reason });
        }
        if self.named(&statement.by).next().is_none() {
            return Err(Refusal::UnknownPerson);
        }
        let signature = parse(signature)?;
        let approver = self.signer(&statement.by, &signature, at)?;
        approver.key().verify(NAMESPACE, text.as_bytes(), &signature).map_err(|_| Refusal::Altered)?;
        Ok(Signature {
            principal: statement.by.clone(),
            fingerprint: approver.fingerprint().to_owned(),
            confirmation: confirmation(&signature),
            is_by_hardware: approver.is_hardware_key(),
        })
    }

    /// Returns the line of the list that lets this person sign with the key of the signature at this time.
    fn signer(&self, name: &str, signature: &SshSig, at: Timestamp) -> Result<&Approver, Refusal> {
        let lines: Vec<_> = self.with_key(signature.public_key()).collect();
        let fingerprint = || signature.public_key().fingerprint(HashAlg::Sha256).to_string();
        if lines.is_empty() {
            return Err(Refusal::UnknownKey { fingerprint: fingerprint() });
        }
        let own = lines.iter().filter(|line| line.names().any(|own| own == name));
        let mut reason = None;
        for line in own {
            match line.invalid_at(at) {
                None => return Ok(line),
                Some(invalid) => reason = Some(invalid),
            }
        }
        if let Some(reason) = reason {
            return Err(Refusal::KeyNotValid { reason });
        }
        let names: Vec<_> = lines.iter().flat_map(|line| line.names()).collect();
        Err(Refusal::KeyOfAnotherPerson { fingerprint: fingerprint(), owner: names.join(", ") })
    }
}

/// Parses a signature, and rejects those that OpenSSH does not verify.
fn parse(text: &str) -> Result<SshSig, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::Unsigned);
    }
    let body = text.strip_prefix(BEGIN).and_then(|text| text.strip_suffix(END)).ok_or(Refusal::MalformedSignature)?;
    // Programs other than `ssh-keygen` write lines of other lengths.
    let data: Vec<char> = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let lines: Vec<String> = data.chunks(PEM_LINE).map(|line| line.iter().collect()).collect();
    let pem = format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"));
    let signature = SshSig::from_pem(&pem).map_err(|_| Refusal::MalformedSignature)?;
    let is_of_key = match (signature.public_key().algorithm(), signature.signature().algorithm()) {
        (Algorithm::Rsa { .. }, Algorithm::Rsa { hash }) => hash.is_some(),
        (key, signature) => key == signature,
    };
    // The parser accepts lengths that are too large, which change nothing, and OpenSSH rejects them. The crate cannot
    // encode a signature of the last type, so there the lengths are not checked.
    let is_exact = signature.to_pem(LineEnding::LF).is_ok_and(|exact| exact == pem)
        || signature.algorithm() == Algorithm::SkEcdsaSha2NistP256;
    let has_extras = signature.version() != SshSig::VERSION || !signature.reserved().is_empty();
    if has_extras || !is_of_key || !is_exact {
        return Err(Refusal::MalformedSignature);
    }
    if signature.namespace() != NAMESPACE {
        return Err(Refusal::WrongNamespace { namespace: signature.namespace().escape_debug().to_string() });
    }
    Ok(signature)
}

/// Returns what a valid signature proves.
fn confirmation(signature: &SshSig) -> Confirmation {
    let bytes = signature.signature_bytes();
    let flags = bytes.len().checked_sub(TRAILER).and_then(|index| bytes.get(index)).copied();
    let has =
        |flag: u8| is_hardware(&signature.public_key().algorithm()) && flags.is_some_and(|flags| flags & flag != 0);
    match (has(USER_PRESENT), has(USER_VERIFIED)) {
        (true, true) => Confirmation::TouchAndPin,
        (true, false) => Confirmation::Touch,
        (false, _) => Confirmation::Signed,
    }
}
