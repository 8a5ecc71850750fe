//! Edits of JSON.

use std::collections::BTreeMap;

use flagkit_core::FlagKey;
use flagkit_sources::document::Format;
use flagkit_sources::document::tree::{self, Entry, Node};
use serde_json::Value;

use super::approvals::Fields;
use super::{Edit, apply, bump_declared_count, flags_entry, render_short, unexpected};
use crate::report::Result;
use crate::state::State;
use crate::tree::invalid;

/// Returns the edits that bring a flag of the document into this state.
pub(super) fn change(text: &str, flag: &Entry<'_>, state: State) -> Vec<Edit> {
    let Some(table) = flag.node.as_table() else { return vec![(flag.node.span(), render_short(state))] };
    let on = state != State::Off;
    let mut edits = Vec::new();
    let mut missing = Vec::new();
    match table.entry("on") {
        Some(switch) => edits.push((switch.node.span(), on.to_string())),
        None => missing.push(format!("\"on\": {on}")),
    }
    match table.entry("rollout") {
        // A flag that is off keeps its rollout, which records how far it was.
        Some(rollout) if on => edits.push((rollout.node.span(), state.number())),
        None if on && state != State::ON => missing.push(format!("\"rollout\": {}", state.number())),
        _ => {}
    }
    if !missing.is_empty() {
        edits.push(insert(text, &flag.node, &missing));
    }
    edits
}

/// Returns the edit that adds fields to a flag of the document.
pub(super) fn add_fields(text: &str, flag: &Entry<'_>, fields: &[(&str, String)]) -> Option<Edit> {
    (!fields.is_empty()).then(|| insert(text, &flag.node, &render_fields(fields)))
}

/// Returns the edit that adds a flag with these fields to the document with this root.
pub(super) fn add_table(
    text: &str,
    root: &Node<'_>,
    flags: Option<&Entry<'_>>,
    key: &str,
    fields: &[(&str, String)],
) -> Edit {
    let entry = format!("\"{key}\": {{{}}}", render_fields(fields).join(", "));
    match flags {
        Some(flags) => insert(text, &flags.node, &[entry]),
        None => insert(text, root, &[format!("\"flags\": {{{entry}}}")]),
    }
}

/// Returns the edits that turn the short form of a flag into an object with the same state.
pub(super) fn expand(text: &str, flag: &Entry<'_>) -> Vec<Edit> {
    if flag.node.as_table().is_some() {
        return Vec::new();
    }
    let value = match &text[flag.node.span()] {
        switch @ ("true" | "false") => format!("{{\"on\": {switch}}}"),
        rollout => format!("{{\"on\": true, \"rollout\": {rollout}}}"),
    };
    vec![(flag.node.span(), value)]
}

/// Returns the edit that adds an array of objects after the last field of an object.
pub(super) fn append(text: &str, object: &Node<'_>, name: &str, items: &[Fields]) -> Edit {
    let last = object.as_table().and_then(|table| table.last());
    let first = object.as_table().and_then(|table| table.first());
    let space = first.map(|first| &text[object.offset() + 1..first.offset]).unwrap_or_default();
    let indent = space.rfind('\n').map(|at| &space[at + 1..]);
    let line_end = if space.contains("\r\n") { "\r\n" } else { "\n" };
    let items = items.iter().map(|fields| {
        let fields = fields.iter().map(|(name, value)| format!("\"{name}\": {value}"));
        match indent {
            None => format!("{{{}}}", fields.collect::<Vec<_>>().join(", ")),
            Some(indent) => {
                let fields: Vec<String> = fields.map(|field| format!("{line_end}{indent}    {field}")).collect();
                format!("{line_end}{indent}  {{{}{line_end}{indent}  }}", fields.join(","))
            }
        }
    });
    let items = items.collect::<Vec<_>>().join(if indent.is_some() { "," } else { ", " });
    let end = indent.map(|indent| format!("{line_end}{indent}")).unwrap_or_default();
    let field = format!("\"{name}\": [{items}{end}]");
    match (last, indent) {
        (None, _) => (object.offset() + 1..object.offset() + 1, field),
        (Some(last), indent) => {
            let at = last.node.span().end;
            let gap = indent.map_or_else(|| " ".to_owned(), |indent| format!("{line_end}{indent}"));
            (at..at, format!(",{gap}{field}"))
        }
    }
}

fn render_fields(fields: &[(&str, String)]) -> Vec<String> {
    fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect()
}

/// Returns the edit that adds flags to the document with this root.
pub(super) fn add(text: &str, root: &Node<'_>, flags: Option<&Entry<'_>>, missing: &[(&str, State)]) -> Edit {
    let entries: Vec<String> =
        missing.iter().map(|(key, state)| format!("\"{key}\": {}", render_short(*state))).collect();
    match flags {
        Some(flags) => insert(text, &flags.node, &entries),
        None => insert(text, root, &[format!("\"flags\": {{{}}}", entries.join(", "))]),
    }
}

pub(super) fn render(tables: &BTreeMap<&str, &BTreeMap<&str, Value>>) -> String {
    format!("{:#}\n", serde_json::json!(tables))
}

pub(super) fn declare(text: &str, key: &FlagKey, fields: &[(&str, Value)]) -> Result<(String, String)> {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    let entry = format!("\"{key}\": {{ {} }}", fields.join(", "));
    let root = tree::parse(Format::Json, text).map_err(|error| invalid(&error))?;
    let table = root.as_table().ok_or_else(|| unexpected("the document", &root))?;
    let flags = flags_entry(table)?;
    let count = flags.and_then(|flags| flags.node.as_table()).map_or(0, |flags| flags.len());
    let mut edits: Vec<Edit> = bump_declared_count(text, table, count, 1).into_iter().collect();
    edits.push(match flags {
        Some(flags) => insert(text, &flags.node, std::slice::from_ref(&entry)),
        None => insert(text, &root, &[format!("\"flags\": {{ {entry} }}")]),
    });
    Ok((apply(text, edits), entry + "\n"))
}

/// Returns the edit that inserts entries before the first entry of an object.
///
/// The space before that entry also separates the new entries.
fn insert(text: &str, object: &Node<'_>, entries: &[String]) -> Edit {
    let open = object.offset() + 1;
    match object.as_table().and_then(|table| table.first()) {
        Some(first) => {
            let at = first.offset;
            let space = text.get(open..at).unwrap_or_default();
            let space = if space.is_empty() { " " } else { space };
            (at..at, entries.join(&format!(",{space}")) + "," + space)
        }
        None => (open..open, entries.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use flagkit_sources::document::Format;

    use super::super::{recover, render_all_off, set_all, turn_all_off};
    use super::{BTreeMap, State, Value};

    #[track_caller]
    fn check(before: &str, key: &str, to: State, after: &str) {
        assert_eq!(
            set_all(Format::Json, before, &BTreeMap::from([(key, to)])).expect("a text that can be edited"),
            after
        );
        let read = serde_json::from_str::<Value>(after);
        assert!(read.is_ok(), "{read:?}");
    }

    fn at(percent: &str) -> State {
        percent.parse().expect(percent)
    }

    #[test]
    fn values_change_and_nothing_else() {
        check("{\"flags\": {\"x\" : true,\n \"y\":1}}", "x", at("12.5"), "{\"flags\": {\"x\" : \"12.5%\",\n \"y\":1}}");
        check(
            "{\"flags\":{\"x\":{\"rollout\":5}}}",
            "x",
            at("10"),
            "{\"flags\":{\"x\":{\"on\": true, \"rollout\":10}}}",
        );
        check("{\"flags\":{\"x\":{\"on\":true}}}", "x", at("10"), "{\"flags\":{\"x\":{\"rollout\": 10, \"on\":true}}}");
        check(
            "{\"flags\":{\"x\":{\"on\":true, \"rollout\": 3}}}",
            "x",
            State::Off,
            "{\"flags\":{\"x\":{\"on\":false, \"rollout\": 3}}}",
        );
        check("{\"flags\":{\"x\":{}}}", "x", State::ON, "{\"flags\":{\"x\":{\"on\": true}}}");
        check(
            "{\n  \"flags\": {\n    \"y\": true\n  }\n}\n",
            "x",
            State::ON,
            "{\n  \"flags\": {\n    \"x\": true,\n    \"y\": true\n  }\n}\n",
        );
        check(
            "{\"meta\": {\"flags\": 1}, \"flags\": {\"y\": 1}}",
            "x",
            State::Off,
            "{\"meta\": {\"flags\": 2}, \"flags\": {\"x\": false, \"y\": 1}}",
        );
        check("{}", "a.b", State::ON, "{\"flags\": {\"a.b\": true}}");
    }

    #[test]
    fn every_flag_is_turned_off_even_in_an_invalid_text() {
        let text = "{\"flags\": {\"x\": true, \"y\": {\"on\": true, \"rollout\": 5}, \"z\": \"5%\"}}";
        let off = "{\"flags\": {\"x\": false, \"y\": {\"on\": false, \"rollout\": 5}, \"z\": false}}";
        assert_eq!(turn_all_off(Format::Json, text, &BTreeSet::new(), &BTreeSet::new()).as_deref(), Some(off));
        let invalid =
            "{\"segments\": {\"s\": {}}, \"flags\": {\"x\": true, \"y\": {\"on\": true, \"z.1\": {\"owner\": \"a\nb";
        let expected = "{\n  \"flags\": {\n    \"below\": false,\n    \"s\": false,\n    \"x\": false,\n    \"y\": false,\n    \"z.1\": false\n  }\n}\n";
        assert_eq!(turn_all_off(Format::Json, invalid, &BTreeSet::new(), &BTreeSet::new()), None);
        let mut names = recover(Format::Json, invalid.as_bytes());
        names.segments.clear();
        names.keys.insert("below".to_owned());
        assert_eq!(render_all_off(Format::Json, &names), expected);
    }
}
