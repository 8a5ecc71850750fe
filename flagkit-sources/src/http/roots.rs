//! The trusted certificates of a client, read from PEM.
//!
//! They are checked when they are set, so that a wrong file is an error at startup and not a failed request later.

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
    rest.len() == len
}
