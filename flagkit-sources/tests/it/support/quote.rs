//! Texts in the syntax of both formats. The fuzz target `twins` uses this file too.

use std::fmt::Write as _;

/// Quotes a text for TOML.
pub fn toml_text(text: &str) -> String {
    quoted(text, |quoted, c| write!(quoted, "\\U{:08X}", u32::from(c)).expect("memory"))
}

/// Quotes a text for JSON.
pub fn json_text(text: &str) -> String {
    quoted(text, |quoted, c| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(quoted, "\\u{unit:04x}").expect("memory");
        }
    })
}

/// Puts a text in double quotes. Printable ASCII stays, every other character is escaped.
fn quoted(text: &str, escape: fn(&mut String, char)) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        if matches!(c, ' '..='~') && c != '"' && c != '\\' {
            quoted.push(c);
        } else {
            escape(&mut quoted, c);
        }
    }
    quoted + "\""
}
