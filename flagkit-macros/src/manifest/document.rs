//! A document that may be a flag file, parsed for its keys.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The keys of a document.
///
/// Programs other than flagkit have files named `flags.toml`, so a document may declare no flags at all.
pub(super) struct Document {
    keys: BTreeMap<String, Declared>,
    has_flags: bool,
    is_flag_file: bool,
}

/// What a document says of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    Flag,
    /// A migration, with the stage that the document states.
    Migration(Option<String>),
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
    pub(super) fn keys(&self) -> &BTreeMap<String, Declared> {
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
    let none = || Document { keys: BTreeMap::new(), has_flags: false, is_flag_file: false };
    Ok(match root.get("flags").map(Spanned::get_ref) {
        Some(DeValue::Table(flags)) => Document {
            keys: flags.iter().map(|(key, value)| (key.get_ref().to_string(), declared(value.get_ref()))).collect(),
            has_flags: true,
            is_flag_file: flags.is_empty() || flags.values().any(|value| has_form_of_a_flag(value.get_ref())),
        },
        _ => none(),
    })
}

/// Returns whether a value declares a migration: its kind says so, or it has a stage.
fn declared(value: &DeValue<'_>) -> Declared {
    let DeValue::Table(table) = value else { return Declared::Flag };
    let text = |key: &str| match table.get(key).map(Spanned::get_ref) {
        Some(DeValue::String(text)) => Some(text.to_string()),
        _ => None,
    };
    match (text("kind").as_deref(), text("stage")) {
        (Some("migration"), stage) | (None, stage @ Some(_)) => Declared::Migration(stage),
        _ => Declared::Flag,
    }
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
