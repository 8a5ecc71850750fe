//! Edits of flag files, which change the state of flags and nothing else.
//!
//! The parser returns the ranges of the values, and an edit replaces such ranges in the text. Nothing is formatted
//! again, so comments, order, spaces and line ends stay.
//!
//! `toml` and `json` contain the differences between the formats: how to write a flag and where to insert one.
//! `stage` edits the stage of a migration, and `approvals` the approvals of a flag. `recovery` finds the keys of a text that no parser accepts.

mod approvals;
mod json;
#[cfg(test)]
mod laws;
mod recovery;
#[cfg(test)]
mod recovery_laws;
mod stage;
mod toml;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use flagkit_core::FlagKey;
use flagkit_core::source::Location;
use flagkit_sources::document::Format;
use flagkit_sources::document::tree::{self, Entry, Lines, Table};
use serde_json::Value;

pub(crate) use self::approvals::{remove_approvals, set_approvals};
pub(crate) use self::recovery::Recovered;
pub(crate) use self::stage::{has_stage, render_one_stage, set_stage};
use crate::report::{Exit, Failure, Result};
use crate::state::State;
use crate::tree::{BYTE_ORDER_MARK, invalid};

/// Returns the text with the flag in this state. Adds the flag if it does not exist.
pub(crate) fn set(format: Format, text: &str, key: &str, state: State) -> Result<String> {
    set_all(format, text, &BTreeMap::from([(key, state)]))
}

/// Returns the text with a flag that inherits everything but this state from the layer below.
///
/// The text has no entry of the flag, or only one that turns it off in the short form.
pub(crate) fn set_inheriting(format: Format, text: &str, key: &str, state: State) -> Result<String> {
    let (mark, text) = split_mark(text);
    let document = tree::parse(format, text).map_err(|error| invalid(&error))?;
    let root = document.as_table().ok_or_else(|| unexpected("the document", &document))?;
    let flags = flags_entry(root)?;
    let table = flags.and_then(|flags| flags.node.as_table());
    // The rollout of the layer below would count otherwise.
    let fields = [("inherit", "true".to_owned()), ("on", "true".to_owned()), ("rollout", state.number())];
    let mut edits = Vec::new();
    if let Some(flag) = table.and_then(|table| table.entry(key)) {
        let assign = if format == Format::Json { ": " } else { " = " };
        let quote = if format == Format::Json { "\"" } else { "" };
        let fields: Vec<String> =
            fields.iter().map(|(name, value)| [quote, name, quote, assign, value].concat()).collect();
        edits.push((flag.node.span(), format!("{{ {} }}", fields.join(", "))));
    } else {
        edits.extend(bump_declared_count(text, root, table.map_or(0, |table| table.len()), 1));
        edits.push(match format {
            Format::Json => json::add_table(text, &document, flags, key, &fields),
            _ => toml::add_table(text, flags, key, &fields),
        });
    }
    Ok(mark.to_owned() + &apply(text, edits))
}

/// Returns whether the text has no entry of the flag, or only `false` in the short form.
pub(crate) fn states_no_parts(format: Format, text: &str, key: &str) -> bool {
    let root = tree::parse(format, split_mark(text).1).ok();
    let flags = root.as_ref().and_then(|root| root.as_table()?.entry("flags")?.node.as_table());
    let flag = flags.and_then(|flags| flags.entry(key));
    flag.is_none_or(|flag| matches!(flag.node.value, tree::Value::Bool(false)))
}

/// Returns the text with each of these flags in its state. Adds flags that do not exist.
pub(crate) fn set_all(format: Format, text: &str, states: &BTreeMap<&str, State>) -> Result<String> {
    let (mark, text) = split_mark(text);
    let document = tree::parse(format, text).map_err(|error| invalid(&error))?;
    let root = document.as_table().ok_or_else(|| unexpected("the document", &document))?;
    let flags = flags_entry(root)?;
    let table = flags.and_then(|flags| flags.node.as_table());
    let known: HashMap<&str, &Entry<'_>> = table.into_iter().flatten().map(|flag| (&*flag.name, flag)).collect();
    let (mut edits, mut missing) = (Vec::new(), Vec::new());
    for (key, state) in states {
        match (known.get(key), format) {
            (Some(flag), Format::Json) => edits.extend(json::change(text, flag, *state)),
            (Some(flag), _) => edits.extend(toml::change(text, flag, *state)),
            (None, _) => missing.push((*key, *state)),
        }
        // A flag that is off needs no approval, and an older one must not approve its next release.
        if let (Some(flag), State::Off) = (known.get(key), state) {
            edits.extend(approvals::removal(format, text, flag));
        }
    }
    if !missing.is_empty() {
        edits.extend(bump_declared_count(text, root, known.len(), missing.len()));
        edits.push(match format {
            Format::Json => json::add(text, &document, flags, &missing),
            _ => toml::add(text, flags, &missing),
        });
    }
    let new = apply(text, edits);
    match find_unchanged(format, &new, states) {
        None => Ok(mark.to_owned() + &new),
        Some(key) => Err(Failure::new(Exit::Conflict, format!("cannot edit {key}: its syntax is not supported"))
            .with_help("write it as `[flags.NAME]` with one line for each field, and try again")),
    }
}

/// Returns the text with all of its flags off, and also the flags in `more`. Migrations have no such state.
///
/// Returns `None` if the text cannot be edited; [`render_all_off`] then replaces it.
pub(crate) fn turn_all_off(
    format: Format,
    text: &str,
    more: &BTreeSet<String>,
    migrations: &BTreeSet<String>,
) -> Option<String> {
    let known = names(format, text, "flags");
    let keys = known.iter().map(|(key, _)| key.as_str()).chain(more.iter().map(String::as_str));
    let keys = keys.filter(|key| !migrations.contains(*key));
    set_all(format, text, &keys.map(|key| (key, State::Off)).collect()).ok()
}

/// Returns a new text with only these names: flags that are off, and invalid migrations and segments. Skips invalid
/// keys.
///
/// Programs keep the stage of an invalid migration. `false` would be the stage `off`, at which they read the old data.
pub(crate) fn render_all_off(format: Format, names: &Recovered) -> String {
    let keys = names.keys.iter().map(String::as_str).filter(|key| FlagKey::new(key).is_ok());
    let value = |key: &str| if names.migrations.contains(key) { Value::from(UNREADABLE) } else { Value::from(false) };
    render(format, &keys.map(|key| (key, value(key))).collect(), &names.segments)
}

/// Returns a new text with one flag off, and with invalid definitions of the other names.
pub(crate) fn render_one_off(format: Format, key: &str, others: &Recovered) -> String {
    let invalid = others.keys.iter().map(|other| (other.as_str(), Value::from(UNREADABLE)));
    render(format, &invalid.chain([(key, Value::from(false))]).collect(), &others.segments)
}

/// The invalid definition of a flag or a segment. Programs keep the definition that they have.
///
/// A segment that the new text omits would get the definition of a lower layer, which may include more subjects.
const UNREADABLE: &str = "unreadable";

fn render(format: Format, flags: &BTreeMap<&str, Value>, segments: &BTreeSet<String>) -> String {
    let segments = segments.iter().map(|segment| (segment.as_str(), Value::from(UNREADABLE))).collect();
    let tables = [("flags", flags), ("segments", &segments)];
    let tables = tables.into_iter().filter(|(name, table)| *name == "flags" || !table.is_empty());
    match format {
        Format::Json => json::render(&tables.collect()),
        _ => toml::render(tables),
    }
}

/// Returns whether the text turns a flag off explicitly, so that no reading of the flag's other fields matters.
pub(crate) fn is_off(format: Format, text: &str, key: &str) -> bool {
    let (_, text) = split_mark(text);
    find_unchanged(format, text, &BTreeMap::from([(key, State::Off)])).is_none()
}

/// Returns the names in a document. If programs reject the document, returns every name that it may declare.
///
/// The parser returns a tree for a text with duplicate names or deep nesting, but none for a text that violates the
/// grammar. A scan finds the names of such a text, and of one without a table `flags`.
pub(crate) fn recover(format: Format, bytes: &[u8]) -> Recovered {
    let text = String::from_utf8_lossy(bytes);
    let root = tree::parse_partially(format, split_mark(&text).1);
    let parsed = |table| root.as_table().into_iter().flat_map(move |root| table_entries(root, table));
    // An invalid migration is one too: `false` would be the stage `off`.
    let migrations = parsed("flags").filter(|entry| is_migration(entry)).map(|entry| entry.name.to_string());
    let migrations = migrations.filter(|key| FlagKey::new(key).is_ok());
    if let Ok(load) = format.read(bytes) {
        let keys = load.flags().keys().map(ToString::to_string).collect();
        let segments = names(format, &text, "segments").into_iter().map(|(name, _)| name).collect();
        return Recovered { keys, migrations: migrations.collect(), segments };
    }
    let mut recovered = recovery::scan(format, bytes);
    let keys = parsed("flags").map(|entry| entry.name.to_string());
    recovered.keys.extend(keys.filter(|key| FlagKey::new(key).is_ok()));
    recovered.migrations.extend(migrations);
    recovered.segments.extend(parsed("segments").map(|entry| entry.name.to_string()));
    recovered
}

/// Returns whether a flag has a field that only migrations have, valid or not.
fn is_migration(entry: &Entry<'_>) -> bool {
    let field = |name| entry.node.as_table().and_then(|table| table.entry(name));
    let is_kind = |kind: &Entry<'_>| matches!(&kind.node.value, tree::Value::Text(text) if text == "migration");
    field("kind").is_some_and(is_kind) || field("stage").or_else(|| field("partition")).is_some()
}

/// Returns the text with a new flag that has these fields, and the added lines. JSON has no comments.
pub(crate) fn declare(
    format: Format,
    text: &str,
    key: &FlagKey,
    comment: Option<&str>,
    fields: &[(&str, Value)],
) -> Result<(String, String)> {
    let (mark, text) = split_mark(text);
    let (new, added) = match format {
        Format::Json => json::declare(text, key, fields)?,
        _ => toml::declare(text, key, comment, fields),
    };
    Ok((mark.to_owned() + &new, added))
}

/// Returns the names in a top-level table of the document, such as `flags`, with the location of each.
///
/// The names are in the order of the text. Returns nothing if the text is not well-formed.
pub(crate) fn names(format: Format, text: &str, table: &str) -> Vec<(String, Location)> {
    let (_, text) = split_mark(text);
    let Ok(root) = tree::parse(format, text) else { return Vec::new() };
    let mut entries: Vec<&Entry<'_>> =
        root.as_table().into_iter().flat_map(|root| table_entries(root, table)).collect();
    entries.sort_by_key(|entry| entry.offset);
    let lines = Lines::new(text);
    entries.into_iter().map(|entry| (entry.name.to_string(), lines.location(entry.offset))).collect()
}

/// Splits off a byte-order mark, which is not part of the document.
fn split_mark(text: &str) -> (&str, &str) {
    text.split_at(if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 })
}

/// Returns the entries of a top-level table, or nothing if the value is not a table.
fn table_entries<'n, 't>(root: &'n Table<'t>, name: &str) -> impl Iterator<Item = &'n Entry<'t>> + use<'n, 't> {
    root.entry(name).and_then(|entry| entry.node.as_table()).into_iter().flatten()
}

/// Returns the entry `flags` of a document, if it has one.
fn flags_entry<'n, 't>(root: &'n Table<'t>) -> Result<Option<&'n Entry<'t>>> {
    match root.entry("flags") {
        Some(flags) if flags.node.as_table().is_none() => Err(unexpected("`flags`", &flags.node)),
        flags => Ok(flags),
    }
}

/// Returns the failure for a value that is not a table.
fn unexpected(what: &str, node: &tree::Node<'_>) -> Failure {
    Failure::new(Exit::Findings, format!("cannot edit {what}: got {}, expected a table", node.describe()))
}

/// A range of a text, and its replacement.
type Edit = (Range<usize>, String);

/// Returns the text with the edits, which do not overlap.
fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut new = String::with_capacity(text.len() + 64);
    let mut end = 0;
    for (range, replacement) in edits {
        new += &text[end..range.start];
        new += &replacement;
        end = range.end;
    }
    new + &text[end..]
}

/// Returns a state in the short form of a flag.
fn render_short(state: State) -> String {
    match state {
        State::Off => "false".to_owned(),
        State::ON => "true".to_owned(),
        State::At(percent) => format!("\"{percent}\""),
    }
}

/// Returns the edit that adds `more` to the number of flags in `meta.flags`.
///
/// Returns `None` if there is no such number, or if it differs from the number of flags in the document.
fn bump_declared_count(text: &str, root: &Table<'_>, count: usize, more: usize) -> Option<Edit> {
    let declared = root.entry("meta")?.node.as_table()?.entry("flags")?.node.span();
    let number: usize = text.get(declared.clone())?.parse().ok()?;
    (number == count).then(|| (declared, (count + more).to_string()))
}

/// Returns the first flag in `states` that does not have its state in the text.
fn find_unchanged<'k>(format: Format, text: &str, states: &BTreeMap<&'k str, State>) -> Option<&'k str> {
    let root = tree::parse(format, text).ok();
    let flags = root.as_ref().and_then(|root| root.as_table()?.entry("flags")?.node.as_table());
    let flags: HashMap<&str, &Entry<'_>> = flags.into_iter().flatten().map(|flag| (&*flag.name, flag)).collect();
    let mut keys = states.iter();
    keys.find(|(key, state)| !flags.get(*key).is_some_and(|flag| has_state(text, flag, **state))).map(|(key, _)| *key)
}

/// Returns whether a flag has the state, even if its other fields are invalid.
fn has_state(text: &str, flag: &Entry<'_>, state: State) -> bool {
    let Some(table) = flag.node.as_table() else { return text[flag.node.span()] == render_short(state) };
    let written = |name| table.entry(name).map(|entry| &text[entry.node.span()]);
    match state {
        State::Off => written("on") == Some("false"),
        State::At(_) => {
            written("on") == Some("true")
                && written("rollout").map_or_else(|| State::ON.number(), str::to_owned) == state.number()
        }
    }
}
