//! From bytes to text: UTF-8, with or without a byte-order mark.
//!
//! Editors of Windows write a byte-order mark or UTF-16, and tools of old write Latin-1. A mark is skipped. Text in any
//! other encoding is refused with its name, if it can be recognised, or with the first byte that is not UTF-8. Guessing
//! would read a name differently than its author wrote it.
//!
//! A text is borrowed from the bytes and never copied. Line ends stay in it, because locations refer to it; the parsers
//! make them irrelevant.

use flagkit_core::source::{LoadError, Problem};
use xxhash_rust::xxh3::Xxh3;

use super::lines::Lines;

/// The byte-order mark U+FEFF in UTF-8.
const UTF8_BOM: &[u8] = &[0xEF, 0xBB, 0xBF];

/// Returns the digest of a document: that of its bytes with LF line ends.
///
/// A stream of server-sent events cannot carry CRLF, and git may convert line ends. The meaning of a document does not
/// depend on them, so its digest must not either: a source that compared bytes would publish the same flags again.
///
/// Files and servers both compare documents by this digest. The hash is fast and not cryptographic: an author who can
/// write a document has no reason to search for a collision.
pub(crate) fn digest(bytes: &[u8]) -> u128 {
    let mut hasher = Xxh3::new();
    let mut from = 0;
    // The hasher receives the pieces between carriage returns, so that no copy of the document is needed.
    for (at, pair) in bytes.windows(2).enumerate() {
        if pair == b"\r\n" {
            hasher.update(bytes.get(from..at).unwrap_or_default());
            from = at + 1;
        }
    }
    hasher.update(bytes.get(from..).unwrap_or_default());
    hasher.digest128()
}

/// Returns the bytes as UTF-8, without a byte-order mark at the start.
///
/// The error has a problem at the line and column of the first bad byte, or at the start for a mark of UTF-16. A second
/// mark is an error as well: it is part of the text then, and in no format a document may begin with it.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, LoadError> {
    let bytes = bytes.strip_prefix(UTF8_BOM).unwrap_or(bytes);
    if bytes.starts_with(UTF8_BOM) {
        let problem = Problem::new("", "a second byte-order mark", "at most one").at(1, 1);
        return Err(LoadError::new("the document begins with two byte-order marks").with_problems([problem]));
    }
    if let [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] = bytes {
        return Err(LoadError::new("the document is not UTF-8").with_problems([Problem::new(
            "",
            "the byte-order mark of UTF-16",
            "UTF-8",
        )
        .at(1, 1)
        .with_help("save the file as UTF-8")]));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let valid_len = error.valid_up_to();
        let valid = bytes.get(..valid_len).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default();
        let byte = bytes.get(valid_len).copied().unwrap_or_default();
        LoadError::new("the document is not UTF-8")
            .with_problems([Lines::new(valid)
                .problem(valid_len, "", format!("the byte 0x{byte:02X} at offset {valid_len}"), "UTF-8")
                .with_help("save the file as UTF-8")])
            .with_cause(error)
    })
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_128;

    use super::*;

    #[test]
    fn line_ends_do_not_change_the_digest() {
        for text in ["", "\n", "[flags]\na = true\n", "a\n\nb\n\n", "a\rb"] {
            let digest = digest(text.as_bytes());
            assert_eq!(digest, xxh3_128(text.as_bytes()), "{text:?}");
            assert_eq!(digest, super::digest(text.replace('\n', "\r\n").as_bytes()), "{text:?}");
        }
        assert_ne!(digest(b"a\rb"), digest(b"a\nb"), "a carriage return by itself is no line end of TOML");
    }
}
