//! From bytes to text: UTF-8, with or without a byte-order mark.
//!
//! Editors of Windows write a byte-order mark or UTF-16, and tools of old write Latin-1. A mark is skipped. Text in any
//! other encoding is refused with its name, if it can be recognised, or with the first byte that is not UTF-8. Guessing
//! would read a name differently than its author wrote it.

use flagkit_core::source::{LoadError, Problem};

use super::lines::Lines;

/// The byte-order mark U+FEFF in UTF-8.
const UTF8_BOM: &[u8] = &[0xEF, 0xBB, 0xBF];

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
