//! Edits of TOML.

use std::collections::BTreeMap;
use std::ops::Range;

use flagkit_core::FlagKey;
use flagkit_sources::document::Format;
use flagkit_sources::document::tree::{self, Entry, Node, Origin, Value as Tree};
use serde_json::Value;

use super::approvals::Fields;
use super::{Edit, apply, bump_declared_count, render_short};
use crate::state::State;

/// Returns the edits that bring a flag of the document into this state.
pub(super) fn change(text: &str, flag: &Entry<'_>, state: State) -> Vec<Edit> {
    let Some(table) = flag.node.as_table() else { return vec![(flag.node.span(), render_short(state))] };
    let on = state != State::Off;
    let mut edits: Vec<Edit> = Vec::new();
    let mut missing = Vec::new();
    match table.entry("on") {
        Some(switch) => edits.push((switch.node.span(), on.to_string())),
        None => missing.push(("on", on.to_string())),
    }
    match table.entry("rollout") {
        // A flag that is off keeps its rollout, which records how far it was.
        Some(rollout) if on => edits.push((rollout.node.span(), state.number())),
        None if on && state != State::ON => missing.push(("rollout", state.number())),
        _ => {}
    }
    edits.extend(add_fields(text, flag, &missing, "on"));
    edits
}

/// Returns the edit that adds fields to a flag of the document. `first` is the field after which they go if it has its
/// own line.
pub(super) fn add_fields(text: &str, flag: &Entry<'_>, fields: &[(&str, String)], first: &str) -> Option<Edit> {
    if fields.is_empty() {
        return None;
    }
    let first = flag.node.as_table().and_then(|table| table.entry(first)).map(|entry| entry.node.span());
    let entries: Vec<String> = fields.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let all = |prefix: &str| entries.iter().fold(String::new(), |all, entry| all + prefix + entry + "\n");
    let key = quoted(&flag.name);
    Some(match (TableForm::of(text, flag), first) {
        (TableForm::Header(_), Some(first)) => {
            let line = &text[line_start(text, first.start)..first.start];
            let indent: String = line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
            insert_lines(text, next_line(text, first.end), &all(&indent))
        }
        (TableForm::Header(at), None) => insert_lines(text, at, &all("")),
        (TableForm::Inline(at), _) => {
            let is_empty = flag.node.as_table().is_some_and(|table| table.is_empty());
            (at..at, format!(" {}{}", entries.join(", "), if is_empty { " " } else { "," }))
        }
        (TableForm::InnerHeader(at), _) => insert_lines(text, at, &format!("[flags.{key}]\n{}", all(""))),
        (TableForm::Dotted(at, prefix), first) => {
            let at = first.map_or(at, |first| next_line(text, first.end));
            insert_lines(text, at, &all(&format!("{prefix}{key}.")))
        }
        (TableForm::DottedInline(at), _) => {
            (at..at, entries.iter().fold(String::new(), |all, entry| format!("{all}{key}.{entry}, ")))
        }
    })
}

/// Returns the edit that adds a flag with these fields to a document with this table of flags.
pub(super) fn add_table(text: &str, flags: Option<&Entry<'_>>, key: &str, fields: &[(&str, String)]) -> Edit {
    let entries: Vec<String> = fields.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let key = quoted(key);
    // A table in braces cannot get more entries by a header.
    if let Some(TableForm::Inline(at)) = flags.map(|flags| TableForm::of(text, flags)) {
        let is_empty = flags.and_then(|flags| flags.node.as_table()).is_some_and(|table| table.is_empty());
        let end = if is_empty { " " } else { "," };
        return (at..at, format!(" {key} = {{ {} }}{end}", entries.join(", ")));
    }
    let gap = if text.trim().is_empty() { "" } else { "\n" };
    insert_lines(text, text.len(), &format!("{gap}[flags.{key}]\n{}\n", entries.join("\n")))
}

/// Returns the edits that turn the short form of a flag into a table with the same state.
///
/// Dotted keys keep the line and its comment, and inner tables can follow them.
pub(super) fn expand(text: &str, flags: &Entry<'_>, flag: &Entry<'_>) -> Vec<Edit> {
    if flag.node.as_table().is_some() {
        return Vec::new();
    }
    let span = flag.node.span();
    let (switch, rollout) = match &text[span.clone()] {
        switch @ ("true" | "false") => (switch, None),
        rollout => ("true", Some(rollout)),
    };
    if flags.node.as_table().is_some_and(|flags| flags.origin == Origin::Braces) {
        let rollout = rollout.map(|rollout| format!(", rollout = {rollout}")).unwrap_or_default();
        return vec![(span, format!("{{ on = {switch}{rollout} }}"))];
    }
    let key = text[flag.offset..span.start].trim_end().trim_end_matches('=').trim_end();
    let key_end = flag.offset + key.len();
    let mut edits = vec![(key_end..key_end, ".on".to_owned()), (span.clone(), switch.to_owned())];
    if let Some(rollout) = rollout {
        let prefix = &text[line_start(text, flag.offset)..key_end];
        edits.push(insert_lines(text, next_line(text, span.end), &format!("{prefix}.rollout = {rollout}\n")));
    }
    edits
}

/// Returns the edits that add an array of tables to a flag, after the last line of its other fields.
pub(super) fn add_tables(text: &str, [flags, flag]: [&Entry<'_>; 2], name: &str, tables: &[Fields]) -> Vec<Edit> {
    let origin = |entry: &Entry<'_>| entry.node.as_table().map(|table| table.origin);
    if let TableForm::Inline(_) | TableForm::DottedInline(_) = TableForm::of(text, flag) {
        let tables: Vec<String> = tables
            .iter()
            .map(|fields| {
                let fields = fields.iter().map(|(name, value)| format!("{name} = {}", literal(name, value)));
                format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
            })
            .collect();
        return add_fields(text, flag, &[(name, format!("[{}]", tables.join(", ")))], "on").into_iter().collect();
    }
    let header = format!("[[flags.{}.{name}]]\n", quoted(&flag.name));
    let blocks = tables.iter().map(|fields| {
        fields.iter().fold(header.clone(), |block, (name, value)| {
            let value = match value.as_str().filter(|value| *name == "signature" && !value.contains(['\\', '"'])) {
                Some(signature) => format!("\"\"\"\n{}\n\"\"\"", signature.trim_end()),
                None => literal(name, value),
            };
            block + &format!("{name} = {value}\n")
        })
    });
    // A header ends the table before it, so the tables follow the last line of that table.
    let end = match (origin(flag), origin(flags)) {
        (Some(Origin::Header), _) => own_end(&flag.node),
        (_, Some(Origin::Header)) => own_end(&flags.node),
        _ => text.len(),
    };
    vec![insert_lines(text, next_line(text, end), &blocks.collect::<String>())]
}

/// Returns a value in the form of TOML. A JSON string without control characters is valid TOML.
fn literal(name: &str, value: &Value) -> String {
    match value.as_str() {
        Some(time) if name == "at" => time.to_owned(),
        _ => value.to_string(),
    }
}

/// Returns the range of the lines of a table with a header of its own, without comments after its last value.
pub(super) fn section(text: &str, table: &Node<'_>) -> Range<usize> {
    line_start(text, table.offset())..next_line(text, own_end(table))
}

/// Returns the range of the lines of an entry that is not within braces.
pub(super) fn lines(text: &str, entry: &Entry<'_>) -> Range<usize> {
    line_start(text, entry.offset)..next_line(text, entry.node.span().end)
}

/// Returns the end of the last value that follows the header of a table, before the next header.
fn own_end(table: &Node<'_>) -> usize {
    let entries = table.as_table().into_iter().flatten();
    let ends = entries.map(|entry| match &entry.node.value {
        Tree::Table(inner) if inner.origin == Origin::Header => 0,
        Tree::Table(inner) if inner.origin != Origin::Braces => own_end(&entry.node),
        Tree::Array(items) if items.iter().any(is_section) => 0,
        _ => entry.node.span().end,
    });
    let header = table.as_table().filter(|table| table.origin == Origin::Header).map_or(0, |_| table.span().end);
    ends.max().unwrap_or(0).max(header)
}

/// Returns whether a node is a table with a header of its own.
pub(super) fn is_section(node: &Node<'_>) -> bool {
    node.as_table().is_some_and(|table| table.origin == Origin::Header)
}

/// Returns the edit that adds flags to a document with this table of flags.
pub(super) fn add(text: &str, flags: Option<&Entry<'_>>, missing: &[(&str, State)]) -> Edit {
    let all: String = missing.iter().map(|(key, state)| render_entry(key, *state)).collect();
    let Some(flags) = flags else {
        let gap = if text.trim().is_empty() { "" } else { "\n" };
        return insert_lines(text, text.len(), &format!("{gap}[flags]\n{all}"));
    };
    let inline: Vec<String> =
        missing.iter().map(|(key, state)| format!("{} = {}", quoted(key), render_short(*state))).collect();
    match TableForm::of(text, flags) {
        TableForm::Header(at) => insert_lines(text, at, &all),
        TableForm::Inline(at) => {
            let is_empty = flags.node.as_table().is_some_and(|table| table.is_empty());
            (at..at, format!(" {}{}", inline.join(", "), if is_empty { " " } else { "," }))
        }
        // Only the inner tables have headers, so this header is new.
        TableForm::InnerHeader(_) => insert_lines(text, text.len(), &format!("\n[flags]\n{all}")),
        TableForm::Dotted(at, prefix) => {
            let lines = all.lines().fold(String::new(), |all, line| all + &prefix + "flags." + line + "\n");
            insert_lines(text, at, &lines)
        }
        TableForm::DottedInline(at) => {
            (at..at, inline.iter().fold(String::new(), |all, entry| all + "flags." + entry + ", "))
        }
    }
}

pub(super) fn render<'a>(tables: impl Iterator<Item = (&'a str, &'a BTreeMap<&'a str, Value>)>) -> String {
    let tables = tables.map(|(name, entries)| {
        // A boolean and a JSON string without control characters are valid TOML.
        entries.iter().fold(format!("[{name}]\n"), |text, (key, value)| text + &format!("{} = {value}\n", quoted(key)))
    });
    tables.collect::<Vec<_>>().join("\n")
}

pub(super) fn declare(text: &str, key: &FlagKey, comment: Option<&str>, fields: &[(&str, Value)]) -> (String, String) {
    let key = quoted(key.as_str());
    let fields = fields.iter().map(|(name, value)| {
        // A JSON string without control characters is valid TOML. A date has no quotes.
        let value = match value.as_str().filter(|_| matches!(*name, "created" | "expires")) {
            Some(day) => day.to_owned(),
            None => value.to_string(),
        };
        format!("{name} = {value}")
    });
    let root = tree::parse(Format::Toml, text).ok();
    let root = root.as_ref().and_then(|root| root.as_table());
    let flags = root.and_then(|root| root.entry("flags"));
    let count = flags.and_then(|flags| flags.node.as_table()).map_or(0, |flags| flags.len());
    let bump = root.and_then(|root| bump_declared_count(text, root, count, 1));
    // A table in braces cannot get more entries by a header.
    if let Some(TableForm::Inline(at)) = flags.map(|flags| TableForm::of(text, flags)) {
        let entry = format!("{key} = {{ {} }}", fields.collect::<Vec<_>>().join(", "));
        let insert = (at..at, format!(" {entry}{}", if count == 0 { " " } else { "," }));
        return (apply(text, bump.into_iter().chain([insert]).collect()), entry + "\n");
    }
    let comment = comment.map(|comment| format!("# {comment}\n")).unwrap_or_default();
    let entry = fields.fold(format!("[flags.{key}]\n{comment}"), |entry, field| entry + &field + "\n");
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { newline(text) };
    let new = apply(text, bump.into_iter().collect());
    (format!("{new}{end}{}{}", newline(text), entry.replace('\n', newline(text))), entry)
}

/// Returns the line end of a text.
fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Returns a key in the form of TOML.
fn quoted(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { Value::from(key).to_string() }
}

fn render_entry(key: &str, state: State) -> String {
    format!("{} = {}\n", quoted(key), render_short(state))
}

/// The written form of a table, and the offset at which to insert entries.
enum TableForm {
    /// A header. Entries go on the lines after it.
    Header(usize),
    /// `{ … }`. Entries go after the opening brace.
    Inline(usize),
    /// Only headers of inner tables. A new header goes before the line of the first one.
    InnerHeader(usize),
    /// Dotted keys on lines of their own. Entries go before the first line, with this prefix before the table's name.
    Dotted(usize, String),
    /// Dotted keys within `{ … }`. Entries go before the first.
    DottedInline(usize),
}

impl TableForm {
    fn of(text: &str, entry: &Entry<'_>) -> Self {
        let begin = line_start(text, entry.offset);
        let prefix = &text[begin..entry.offset];
        match entry.node.as_table().map(|table| table.origin) {
            Some(Origin::Braces) => Self::Inline(entry.node.offset() + 1),
            Some(Origin::Header) => Self::Header(next_line(text, entry.node.span().end)),
            Some(Origin::InnerHeader) => Self::InnerHeader(begin),
            // A dotted key may add to the table of an inner header.
            _ if prefix.trim_start().starts_with('[') => Self::InnerHeader(begin),
            _ if prefix.contains('{') => Self::DottedInline(entry.offset),
            _ => Self::Dotted(begin, prefix.to_owned()),
        }
    }
}

/// Returns the beginning of the line that contains an offset.
fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

/// Returns the beginning of the line after an offset.
fn next_line(text: &str, offset: usize) -> usize {
    text[offset..].find('\n').map_or(text.len(), |at| offset + at + 1)
}

/// Returns the edit that inserts lines at the beginning of a line, or at the end of the text.
fn insert_lines(text: &str, at: usize, lines: &str) -> Edit {
    let is_line_start = text[..at].is_empty() || text[..at].ends_with('\n');
    let lines = lines.replace('\n', newline(text));
    // A last line without a line end remains without one, unless a table is added.
    let lines = if is_line_start || lines.starts_with(newline(text)) { lines } else { lines.trim_end().to_owned() };
    (at..at, if is_line_start { lines } else { newline(text).to_owned() + &lines })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use flagkit_sources::document::Format;

    use super::super::{recover, render_all_off, set_all, turn_all_off};
    use super::{BTreeMap, State};

    fn state(percent: &str) -> State {
        if percent == "0" { State::Off } else { percent.parse().expect(percent) }
    }

    #[track_caller]
    fn check(before: &str, key: &str, to: &str, after: &str) {
        let states = BTreeMap::from([(key, state(to))]);
        assert_eq!(set_all(Format::Toml, before, &states).expect("a text that can be edited"), after);
        let read = ::toml::from_str::<::toml::Table>(after);
        assert!(read.is_ok(), "{read:?}");
    }

    #[test]
    fn the_short_form_keeps_its_comment() {
        check("# a\n[flags]\nx = false   # why\ny = true\n", "x", "100", "# a\n[flags]\nx = true   # why\ny = true\n");
        check("[flags]\nx = true\n", "x", "12.5", "[flags]\nx = \"12.5%\"\n");
        check("[flags]\nx = \"12.5%\"", "x", "0", "[flags]\nx = false");
        check("flags = { x = false, y = true }\n", "x", "100", "flags = { x = true, y = true }\n");
    }

    #[test]
    fn the_long_form_changes_where_it_says_so() {
        check(
            "[flags.x]\non = true # c\nrollout = 25 # d\n",
            "x",
            "50",
            "[flags.x]\non = true # c\nrollout = 50 # d\n",
        );
        check("[flags.x]\non = true\nrollout = 25\n", "x", "0", "[flags.x]\non = false\nrollout = 25\n");
        check("[flags.x]\non = true\nrollout = 25\n", "x", "100", "[flags.x]\non = true\nrollout = 100\n");
        check("[flags.x]\non = false\n", "x", "100", "[flags.x]\non = true\n");
        check("[flags.x]\nowner = \"me\"\n", "x", "10", "[flags.x]\non = true\nrollout = 10\nowner = \"me\"\n");
        check("[flags.x]\r\nowner = \"me\"\r\n", "x", "100", "[flags.x]\r\non = true\r\nowner = \"me\"\r\n");
        check("[flags]\nx = { on = true }\n", "x", "10", "[flags]\nx = { rollout = 10, on = true }\n");
        check("[flags]\nx = {}\n", "x", "100", "[flags]\nx = { on = true }\n");
        check("[flags]\nx.owner = \"me\"\n", "x", "100", "[flags]\nx.on = true\nx.owner = \"me\"\n");
        check("[flags.x]\n[flags.x.values]\n", "x", "100", "[flags.x]\non = true\n[flags.x.values]\n");
        check("[flags.\"a.b\"]\n\n[meta]\n", "a.b", "100", "[flags.\"a.b\"]\non = true\n\n[meta]\n");
        check(
            "[flags.x]\non = true\n[[flags.x.rules]]\nrollout = 7\n",
            "x",
            "10",
            "[flags.x]\non = true\nrollout = 10\n[[flags.x.rules]]\nrollout = 7\n",
        );
    }

    #[test]
    fn a_rollout_is_written_after_the_switch() {
        check("[flags.x]\non = true # c\na = 1\n", "x", "10", "[flags.x]\non = true # c\nrollout = 10\na = 1\n");
        check("[flags.x]\na = 1\non = true", "x", "10", "[flags.x]\na = 1\non = true\nrollout = 10");
        check("[flags]\r\nx.on = true\r\n", "x", "10", "[flags]\r\nx.on = true\r\nx.rollout = 10\r\n");
    }

    #[test]
    fn a_missing_flag_is_added() {
        check("[flags]\n", "x", "100", "[flags]\nx = true\n");
        check("[flags]\na = true\n", "x", "0", "[flags]\nx = false\na = true\n");
        check("", "x", "10", "[flags]\nx = \"10%\"\n");
        check("[flags]\n", "a.b", "100", "[flags]\n\"a.b\" = true\n");
        check("[flags.a]\non = true", "x", "10", "[flags.a]\non = true\n\n[flags]\nx = \"10%\"\n");
    }

    #[test]
    fn every_form_of_a_table_can_be_edited() {
        check(
            "[flags.x]\non = true\n[flags.y]\non = true\r\n",
            "x",
            "10",
            "[flags.x]\non = true\nrollout = 10\r\n[flags.y]\non = true\r\n",
        );
        let text = "[meta]\nd = \"\"\"\n[flags]\n\"\"\"\n[flags.y]\non = false\n";
        check(text, "x", "0", &format!("{text}\n[flags]\nx = false\n"));
        check("flags = {y=true}", "x", "0", "flags = { x = false,y=true}");
        check("flags = {}", "x", "0", "flags = { x = false }");
        check("flags = { x.on = true }", "x", "10", "flags = { x.rollout = 10, x.on = true }");
        check("flags.y = true\na = 1\n", "x", "10", "flags.x = \"10%\"\nflags.y = true\na = 1\n");
        check("flags.x.on = true\n", "x", "10", "flags.x.on = true\nflags.x.rollout = 10\n");
        check(
            "[[flags.x.rules]]\nrollout = 7\n",
            "x",
            "10",
            "[flags.x]\non = true\nrollout = 10\n[[flags.x.rules]]\nrollout = 7\n",
        );
        check("[ flags ]  # c\n  y = true", "x", "0", "[ flags ]  # c\nx = false\n  y = true");
        check(
            "[meta]\nflags = 1 # c\n[flags]\ny = true\n",
            "x",
            "0",
            "[meta]\nflags = 2 # c\n[flags]\nx = false\ny = true\n",
        );
        check("[flags.x]\non = true\nrollout = \"abc\"\n", "x", "0", "[flags.x]\non = false\nrollout = \"abc\"\n");
    }

    #[test]
    fn every_flag_is_turned_off_even_in_an_invalid_text() {
        let text = "# c\n[flags]\nx = true\ny = \"10%\" # d\n[flags.z]\non = true\nrollout = 5\n";
        let off = "# c\n[flags]\nx = false\ny = false # d\n[flags.z]\non = false\nrollout = 5\n";
        assert_eq!(turn_all_off(Format::Toml, text, &BTreeSet::new(), &BTreeSet::new()).as_deref(), Some(off));
        let invalid = "[flags]\nx = true\n\"a.b\" = = true\ny = { on = tru\n[flags.z]\non = true\n[[flags.w.rules]]\n";
        let expected = "[flags]\n\"a.b\" = false\nbelow = false\nw = false\nx = false\ny = false\nz = false\n";
        assert_eq!(turn_all_off(Format::Toml, invalid, &BTreeSet::new(), &BTreeSet::new()), None);
        let mut names = recover(Format::Toml, invalid.as_bytes());
        names.segments.clear();
        names.keys.insert("below".to_owned());
        assert_eq!(render_all_off(Format::Toml, &names), expected);
    }
}
