//! From bytes to text: UTF-8, with or without a byte-order mark.

use flagkit_core::source::{LoadError, Problem};

use super::lines::Lines;

const UTF8_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// Takes the bytes as UTF-8, less one byte-order mark at the start.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, LoadError> {
    let bytes = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
    if bytes.starts_with(UTF8_MARK) {
        let problem = Problem::new("", "a second byte-order mark", "one at the most").at(1, 1);
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
        let good = error.valid_up_to();
        let valid = bytes.get(..good).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default();
        let byte = bytes.get(good).copied().unwrap_or_default();
        LoadError::new("the document is not UTF-8")
            .with_problems([Lines::new(valid)
                .problem(good, "", format!("the byte 0x{byte:02X} at offset {good}"), "UTF-8")
                .with_help("save the file as UTF-8")])
            .with_cause(error)
    })
}
