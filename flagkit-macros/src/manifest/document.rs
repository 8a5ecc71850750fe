//! A document that may be a flag file, parsed for its keys.

use std::collections::BTreeSet;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The keys of a document.
///
/// Programs other than flagkit have files named `flags.toml`, so a document may declare no flags at all.
pub(super) struct Document {
    keys: BTreeSet<String>,
    has_flags: bool,
    is_flag_file: bool,
}

/// The reason why a text is not a document.
#[derive(Clone)]
pub(super) struct SyntaxError {
    /// Line and column, from 1.
    pub(super) location: Option<(usize, usize)>,
    pub(super) reason: String,
}

impl Document {
    /// Returns the keys that it declares, with those of invalid flags.
    pub(super) fn keys(&self) -> &BTreeSet<String> {
        &self.keys
    }

    /// Returns whether it has a table `flags`.
    pub(super) fn has_flags(&self) -> bool {
        self.has_flags
    }

    /// Returns whether it has a table `flags` of ours: an empty one, or one with an entry that has the form of a flag.
    pub(super) fn is_flag_file(&self) -> bool {
        self.is_flag_file
    }
}

/// Parses a document. The name of the file is part of its format.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Document, SyntaxError> {
    let error = |location, reason: &str| Err(SyntaxError { location, reason: reason.to_owned() });
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        return error(None, "got JSON, expected TOML: only a TOML file can be checked at compile time");
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(_) if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) => {
            return error(None, "got UTF-16, expected UTF-8");
        }
        Err(invalid) => {
            let valid = bytes.get(..invalid.valid_up_to()).unwrap_or_default();
            let location = location(&String::from_utf8_lossy(valid));
            return error(Some(location), "got a byte that is not UTF-8");
        }
    };
    let root = match DeTable::parse(text) {
        Ok(root) => root.into_inner(),
        Err(error) => {
            let location = error.span().and_then(|span| text.get(..span.start)).map(location);
            return Err(SyntaxError { location, reason: error.message().to_owned() });
        }
    };
    let none = || Document { keys: BTreeSet::new(), has_flags: false, is_flag_file: false };
    Ok(match root.get("flags").map(Spanned::get_ref) {
        Some(DeValue::Table(flags)) => Document {
            keys: flags.keys().map(|key| key.get_ref().to_string()).collect(),
            has_flags: true,
            is_flag_file: flags.is_empty() || flags.values().any(|value| has_form_of_a_flag(value.get_ref())),
        },
        _ => none(),
    })
}

/// Returns whether a flag can be written as this value: a table, `true`, `false` or a percentage in quotes.
fn has_form_of_a_flag(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Boolean(_) | DeValue::Table(_) => true,
        DeValue::String(text) => text.trim_end().ends_with('%'),
        _ => false,
    }
}

/// Returns the line and the column after a text, from 1, in characters.
fn location(before: &str) -> (usize, usize) {
    (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or("").chars().count() + 1)
}
