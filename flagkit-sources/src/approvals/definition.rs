//! The digest of a definition with a state, which a statement signs.
//!
//! The definition is all that decides which subjects a flag includes, without its state: the declarations of all
//! layers, and the segments that the rules name. A reader of a document computes the digests of the declarations from
//! its text. So any edit of the definition voids an approval, and an edit of the description or of the owner does not.
//!
//! The state is added as text. So the digest of the definition in effect and the digest of the approved one differ only
//! by the state, and an approval of 50 % covers 10 % as well.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use flagkit_core::Flag;
use flagkit_core::source::{Digest, Reference, Rule};
use sha2::{Digest as _, Sha256};

use super::{Refusal, State};

/// Returns the state of a flag that inherits nothing, as text: `off`, `on`, `10%`, `live` or `live@25%`.
pub fn state_of(flag: &Flag) -> String {
    State::of(flag).to_string()
}

/// Returns the digest of a flag's definition with this state: `sha256:` and 64 hexadecimal digits.
///
/// The flag must inherit nothing, as the flags of a snapshot. `segment` returns the digest of a segment.
///
/// # Errors
///
/// Returns an error if a part of the definition has no digest, because it was built in code.
pub fn definition_digest(
    key: &str,
    flag: &Flag,
    segment: impl Fn(&str) -> Option<Digest>,
    state: &str,
) -> Result<String, Refusal> {
    if flag.digests().is_empty() && has_definition(flag) {
        return Err(Refusal::NoDigest { what: "the flag".into() });
    }
    let mut text = format!("flagkit-definition-v1\nflag: {key}\nstate: {state}\n");
    for digest in flag.digests() {
        let _ = writeln!(text, "declaration: {}", hex(digest));
    }
    for name in segments(flag) {
        if name.contains(char::is_control) {
            return Err(Refusal::InvalidField { name: "segment", reason: "its name contains a control character" });
        }
        let digest = segment(name).ok_or_else(|| Refusal::NoDigest { what: format!("the segment {name:?}") })?;
        let _ = writeln!(text, "segment {name}: {}", hex(&digest));
    }
    Ok(format!("sha256:{}", hex(&Sha256::digest(text).into())))
}

/// Returns the names of the segments that the rules of a flag refer to, sorted, each once.
pub(super) fn segments(flag: &Flag) -> BTreeSet<&str> {
    flag.rules().iter().flat_map(Rule::segments).map(Reference::name).collect()
}

/// Returns whether anything other than the state decides which subjects the flag includes, or how.
fn has_definition(flag: &Flag) -> bool {
    let has_targeting = !flag.rules().is_empty() || !flag.prerequisites().is_empty();
    let has_variants = flag.variants().is_some() || flag.off_variant().is_some();
    let has_bucketing =
        flag.salt().is_some() || flag.bucket_by().is_some() || flag.bucketing() != Flag::off().bucketing();
    has_targeting || has_variants || has_bucketing
}

pub(super) fn hex(digest: &Digest) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_one_of_the_documented_text() {
        let flag = Flag::on().with_digest([0xab; 32]).with_rules([Rule::new().with_segments([
            Reference::new("b"),
            Reference::new("a"),
            Reference::new("b"),
        ])]);
        let digest = definition_digest("new-checkout", &flag, |name| Some([name.as_bytes()[0]; 32]), "10%");
        let text = format!(
            "flagkit-definition-v1\nflag: new-checkout\nstate: 10%\ndeclaration: {}\nsegment a: {}\nsegment b: {}\n",
            "ab".repeat(32),
            "61".repeat(32),
            "62".repeat(32)
        );
        assert_eq!(digest, Ok(format!("sha256:{}", hex(&Sha256::digest(text).into()))));
    }

    #[test]
    fn a_flag_that_was_built_in_code_has_no_digest() {
        let none = |_: &str| None;
        assert!(definition_digest("a", &Flag::on(), none, "on").is_ok());
        let with_rule = Flag::on().with_rules([Rule::new()]);
        for flag in [Flag::on().with_salt("x"), Flag::on().with_bucket_by("x"), with_rule.clone()] {
            assert_eq!(definition_digest("a", &flag, none, "on"), Err(Refusal::NoDigest { what: "the flag".into() }));
        }
        let named = with_rule.with_rules([Rule::new().with_segments([Reference::new("s")])]).with_digest([0; 32]);
        let refusal = definition_digest("a", &named, none, "on").expect_err("the segment has no digest");
        assert!(refusal.to_string().contains("the segment \"s\""), "{refusal}");
    }
}
