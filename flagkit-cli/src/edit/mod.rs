//! Where flags stand in the text of a document, and changing their state and not a byte beside it.
//!
//! The text is parsed for the places of values, and then cut there: nothing is printed anew, so comments, order, spaces
//! and line ends stay as they are.

mod json;
#[cfg(test)]
mod laws;
mod toml;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use flagkit_core::FlagKey;
use flagkit_core::source::Location;
use flagkit_sources::document::Format;
use serde_json::Value;

use crate::report::Result;
use crate::state::State;

/// The text with the flag in this state. A flag that is not there is added.
pub(crate) fn set(format: Format, text: &str, key: &str, state: State) -> Result<String> {
    set_all(format, text, &BTreeMap::from([(key, state)]))
}

/// The same for many flags.
pub(crate) fn set_all(format: Format, text: &str, states: &BTreeMap<&str, State>) -> Result<String> {
    match format {
        Format::Json => json::set(text, states),
        _ => toml::set(text, states),
    }
}

/// The text with every flag off, and those that are named beside. `None` where that cannot be done in what is there; see
/// [`of_off`].
pub(crate) fn all_off(format: Format, text: &str, more: &BTreeSet<String>) -> Option<String> {
    match format {
        Format::Json => json::all_off(text, more),
        _ => toml::all_off(text, more),
    }
}

/// A new text with nothing but these flags, off. Of keys that cannot be, it knows nothing.
pub(crate) fn of_off(format: Format, mut keys: BTreeSet<String>) -> String {
    keys.retain(|key| FlagKey::new(key).is_ok());
    match format {
        Format::Json => json::of_off(&keys),
        _ => toml::of_off(&keys),
    }
}

/// The keys of flags that can be made out in a text, also if it is not well-formed.
pub(crate) fn salvaged(format: Format, text: &str) -> BTreeSet<String> {
    let names = names(format, text, "flags").into_iter().map(|(key, _)| key);
    let made_out = match format {
        Format::Json => json::salvaged(text),
        _ => toml::salvaged(text),
    };
    names.chain(made_out).collect()
}

/// The text with a flag more, which has these fields, and how the flag is written there.
pub(crate) fn declare(format: Format, text: &str, key: &FlagKey, fields: &[(&str, Value)]) -> Result<(String, String)> {
    match format {
        Format::Json => json::declare(text, key, fields),
        _ => Ok(toml::declare(text, key, fields)),
    }
}

/// The names in a table of the document, `flags` say, and where each stands first; nothing of a text that is not
/// well-formed.
pub(crate) fn names(format: Format, text: &str, table: &str) -> Vec<(String, Location)> {
    let mut names = match format {
        Format::Json => json::names(text, table),
        _ => toml::names(text, table),
    };
    names.sort_by_key(|(_, offset)| *offset);
    // Each line is counted once.
    let (mut line, mut column, mut at) = (1, 1, 0);
    let located = names.into_iter().map(|(name, offset)| {
        let between = text.get(at..offset).unwrap_or_default();
        match between.rfind('\n') {
            Some(end) => {
                line += between.matches('\n').count();
                column = between[end + 1..].chars().count() + 1;
            }
            None => column += between.chars().count(),
        }
        at = offset;
        (name, Location { line, column })
    });
    located.collect()
}

/// A part of a text, and what comes in its place.
type Cut = (Range<usize>, String);

fn cut(text: &str, mut cuts: Vec<Cut>) -> String {
    cuts.sort_by_key(|(range, _)| range.start);
    let mut new = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for (range, with) in cuts {
        new += &text[at..range.start];
        new += &with;
        at = range.end;
    }
    new + &text[at..]
}

/// A state in the short form.
fn short(state: State) -> String {
    match state {
        State::Off => "false".to_owned(),
        State::ON => "true".to_owned(),
        State::At(percent) => format!("\"{percent}\""),
    }
}
