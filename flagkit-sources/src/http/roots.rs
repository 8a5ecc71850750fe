//! The trusted certificates of a client, read from PEM.
//!
//! They are checked when they are set, so that a wrong file is an error at startup and not a failed request later.
//!
//! # How it works
//!
//! `Http::root_certificates` parses a PEM text, and the settings of the client keep the result. TLS then trusts these
//! certificates instead of those of the platform. A text passes three checks:
//!
//! 1. Each item is readable PEM. One bad item is an error, because the author may rely on exactly that one.
//! 2. At least one item is a certificate. An empty list stands for the certificates of the platform, so it would trust
//!    more servers than the user allows.
//! 3. Each certificate is one value of DER. A PEM block can hold any bytes, such as a text that was encoded by mistake.
//!
//! Signatures, names and dates are not checked. They depend on the server and on the time of the request.

use ureq::tls::{PemItem, parse_pem};

use crate::error::Error;

/// Returns the certificates of a PEM text, in DER. Other items of the text, such as keys, are skipped.
pub(super) fn parse(pem: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let items = parse_pem(pem).collect::<Result<Vec<_>, _>>().map_err(|_| Error::certificate("the text is not PEM"))?;
    let roots = items.iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate.der().to_vec()),
        _ => None,
    });
    let roots: Vec<_> = roots.collect();
    if roots.is_empty() {
        return Err(Error::certificate("the PEM holds no certificate"));
    }
    if !roots.iter().all(|der| is_sequence(der)) {
        return Err(Error::certificate("a certificate in the PEM is not DER"));
    }
    Ok(roots)
}

/// Returns whether the bytes are one DER sequence (X.690), as every certificate is. Its content is checked on first use.
///
/// `0x30` is the tag of a sequence. A length below 128 is one byte. A greater length is in the bytes that follow, and
/// `0x81` to `0x84` give their number. DER forbids `0x80`, the unknown length. No certificate needs 4 GiB.
fn is_sequence(der: &[u8]) -> bool {
    let Some((0x30, rest)) = der.split_first().map(|(tag, rest)| (*tag, rest)) else { return false };
    let Some((&first, rest)) = rest.split_first() else { return false };
    let (len, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let Some((bytes, rest)) = rest.split_at_checked(usize::from(first & 0x7F)) else { return false };
            (bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
        }
        _ => return false,
    };
    // A certificate has no bytes after its sequence.
    rest.len() == len
}
