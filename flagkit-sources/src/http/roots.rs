//! Certificates that are trusted, from PEM.

use std::fmt;

use ureq::tls::{PemItem, parse_pem};

/// The reason why certificates cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateError(&'static str);

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for CertificateError {}

/// Reads the certificates, in DER.
pub(super) fn parse(pem: &[u8]) -> Result<Vec<Vec<u8>>, CertificateError> {
    let items = parse_pem(pem).collect::<Result<Vec<_>, _>>().map_err(|_| CertificateError("not PEM"))?;
    let roots = items.iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate.der().to_vec()),
        _ => None,
    });
    let roots: Vec<_> = roots.collect();
    if roots.is_empty() {
        return Err(CertificateError("no certificate in the PEM"));
    }
    if !roots.iter().all(|der| is_sequence(der)) {
        return Err(CertificateError("a certificate in the PEM that is none"));
    }
    Ok(roots)
}

/// Whether the bytes are one sequence of DER (X.690), as every certificate is. What is in it shows when it is used.
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
