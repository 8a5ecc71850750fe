//! One line of the list of approvers, in OpenSSH's format `allowed_signers`.
//!
//! A line has names, options and a public key:
//!
//! ```text
//! alice@example.com,alice namespaces="flagkit-approval",valid-before="20270101Z" ssh-ed25519 AAAA… a comment
//! ```
//!
//! OpenSSH accepts more than this module: patterns as names, certificate authorities, old keys, and invisible characters
//! in names. Such a line is rejected here, because more people could approve than a reader of the list counts.

use std::fmt;
use std::time::SystemTime;

use ssh_key::{Algorithm, EcdsaCurve, HashAlg, PublicKey};

use super::NAMESPACE;
use super::pattern::matches_list;
use super::timestamp::Timestamp;

/// A person who may approve flags, with one key.
///
/// A person with two keys has two lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    line: usize,
    names: Vec<String>,
    key: PublicKey,
    fingerprint: String,
    validity: Validity,
}

/// A line of the list of approvers that does not count, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedLine {
    pub(super) line: usize,
    pub(super) reason: String,
}

/// When a key may sign. Both ends are inclusive, as in OpenSSH.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Validity {
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

/// The sizes of RSA keys in bits. Shorter ones are weak, and the crate `rsa` verifies no longer ones.
const RSA_BITS: std::ops::RangeInclusive<usize> = 3072..=4096;

impl Approver {
    /// Parses a line that is neither empty nor a comment.
    pub(super) fn parse(line: usize, text: &str) -> Result<Self, String> {
        let (names, rest) = split_field(text);
        let names = parse_names(names)?;
        let (options, key) = if is_key_type(rest) { ("", rest) } else { split_options(rest) };
        let validity = parse_options(options)?;
        if key.is_empty() {
            return Err("it has no key".into());
        }
        let key = parse_key(key)?;
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        Ok(Self { line, names, key, fingerprint, validity })
    }

    /// Returns the number of the line in the list, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns the names of the person.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Returns the fingerprint of the key, as `ssh-keygen -l` shows it: `SHA256:…`.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Returns the type of the key, such as `ssh-ed25519`.
    pub fn key_type(&self) -> String {
        self.key.algorithm().to_string()
    }

    /// Returns the comment after the key. Empty if there is none.
    pub fn comment(&self) -> &str {
        self.key.comment()
    }

    /// Returns whether the key is one of a FIDO device, which can prove that a person touched it.
    pub fn is_hardware_key(&self) -> bool {
        is_hardware(&self.key.algorithm())
    }

    /// Returns from when on the key may sign, if the line restricts it.
    pub fn valid_after(&self) -> Option<SystemTime> {
        self.validity.after.map(Into::into)
    }

    /// Returns until when the key may sign, if the line restricts it.
    pub fn valid_before(&self) -> Option<SystemTime> {
        self.validity.before.map(Into::into)
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Returns why the key may not sign at this time.
    pub(super) fn invalid_at(&self, at: Timestamp) -> Option<String> {
        let Validity { after, before } = self.validity;
        let too_early = after.filter(|after| at < *after).map(|after| format!("it is valid after {after}"));
        too_early.or_else(|| before.filter(|before| at > *before).map(|before| format!("it is valid before {before}")))
    }
}

impl RejectedLine {
    /// Returns the number of the line in the list, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns why the line does not count.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for RejectedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

pub(super) fn is_hardware(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256)
}

const SPACES: [char; 2] = [' ', '\t'];

/// Splits at the first spaces.
fn split_field(text: &str) -> (&str, &str) {
    text.split_once(SPACES).map_or((text, ""), |(field, rest)| (field, rest.trim_start_matches(SPACES)))
}

/// Splits the options from the key. Spaces within quotes belong to an option.
fn split_options(text: &str) -> (&str, &str) {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let end = text.find(|c| {
        let is_end = !is_quoted && SPACES.contains(&c);
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    });
    let (options, rest) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""));
    (options, rest.trim_start_matches(SPACES))
}

/// Returns whether the text begins with a type of key, and not with options.
fn is_key_type(text: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-", "rsa-", "webauthn-"].iter().any(|prefix| text.starts_with(prefix))
}

fn parse_names(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<_> = text.split(',').map(String::from).collect();
    for name in &names {
        let reason = match name.as_str() {
            "" => "a name is empty",
            _ if name.contains(['*', '?', '!']) => "a name is a pattern, which could stand for anyone",
            _ if name.contains(['"', '\\']) => "a name has a quote or a backslash",
            // Two names that look the same would be two people.
            _ if !name.bytes().all(|byte| byte.is_ascii_graphic()) => {
                "a name has a character that is not printable ASCII"
            }
            _ => continue,
        };
        return Err(format!("{reason}: {name:?}"));
    }
    Ok(names)
}

/// Parses options such as `namespaces="flagkit-approval",valid-before="20270101Z"`.
fn parse_options(mut text: &str) -> Result<Validity, String> {
    let mut seen = Vec::new();
    let mut validity = Validity::default();
    while !text.is_empty() {
        let end = text.find(['=', ',']).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        let name = name.to_ascii_lowercase();
        let known = ["namespaces", "valid-after", "valid-before"].contains(&name.as_str());
        if name == "cert-authority" {
            return Err("a certificate authority cannot approve, because it could name anyone".into());
        } else if !known {
            return Err(format!("the option {name:?} is unknown"));
        } else if seen.contains(&name) {
            return Err(format!("the option {name:?} is repeated"));
        }
        let (value, rest) = rest
            .strip_prefix('=')
            .and_then(split_quoted)
            .ok_or_else(|| format!("the option {name:?} has no value in quotes, such as {name}=\"…\""))?;
        let time = || {
            let expected = "YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with an optional Z";
            Timestamp::from_openssh(&value).ok_or_else(|| format!("{name}: got {value:?}, expected {expected}"))
        };
        match name.as_str() {
            "valid-after" => validity.after = Some(time()?),
            "valid-before" => validity.before = Some(time()?),
            _ if !matches_list(NAMESPACE, &value) => {
                return Err(format!("the namespaces {value:?} do not include {NAMESPACE:?}"));
            }
            _ => {}
        }
        text = match rest.strip_prefix(',') {
            Some("") => return Err("the options end with a comma".into()),
            Some(rest) => rest,
            None if rest.is_empty() => rest,
            None => return Err(format!("got {rest:?} after the option {name:?}, expected a comma")),
        };
        seen.push(name);
    }
    match validity {
        Validity { after: Some(after), before: Some(before) } if before <= after => {
            Err("the key is never valid: valid-before is not later than valid-after".into())
        }
        validity => Ok(validity),
    }
}

/// Splits a quoted value from the rest. `\"` stands for a quote.
fn split_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' if chars.as_str().starts_with('"') => value.extend(chars.next()),
            c => value.push(c),
        }
    }
}

/// Parses a public key: its type, its data in base64, and a comment.
fn parse_key(text: &str) -> Result<PublicKey, String> {
    let (key_type, rest) = split_field(text);
    let (data, comment) = split_field(rest);
    if !is_key_type(key_type) {
        return Err(format!("got {key_type:?}, expected a type of key, such as ssh-ed25519"));
    }
    let mut key = PublicKey::from_openssh(&format!("{key_type} {data}"))
        .map_err(|_| format!("the key of the type {key_type:?} is unsupported or damaged"))?;
    key.set_comment(comment.trim());
    match key.algorithm() {
        Algorithm::Ed25519
        | Algorithm::SkEd25519
        | Algorithm::SkEcdsaSha2NistP256
        | Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 | EcdsaCurve::NistP384 } => Ok(key),
        Algorithm::Rsa { .. } => match rsa_bits(&key) {
            bits if RSA_BITS.contains(&bits) => Ok(key),
            bits => {
                let (min, max) = (RSA_BITS.start(), RSA_BITS.end());
                Err(format!("the RSA key has {bits} bits, expected {min} to {max}"))
            }
        },
        algorithm => Err(format!("keys of the type {:?} cannot approve", algorithm.as_str())),
    }
}

/// Returns the length of the modulus. 0 for a modulus that is not positive.
fn rsa_bits(key: &PublicKey) -> usize {
    let modulus = key.key_data().rsa().and_then(|key| key.n.as_positive_bytes()).unwrap_or_default();
    let first = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    (modulus.len() * 8).saturating_sub(first)
}
