//! The same in JSON.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use flagkit_core::FlagKey;
use jsonc_parser::ast::{Object, ObjectProp, Value as Node};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

use super::{Cut, cut, short};
use crate::report::{Exit, Failure, Result};
use crate::state::State;

pub(super) fn set(text: &str, states: &BTreeMap<&str, State>) -> Result<String> {
    let root = parse(text)?;
    let flags = flags(&root)?;
    let known: HashMap<&str, &ObjectProp<'_>> =
        flags.iter().flat_map(|flags| &flags.properties).map(|flag| (flag.name.as_str(), flag)).collect();
    let (mut cuts, mut missing) = (Vec::new(), Vec::new());
    for (key, state) in states {
        match known.get(key) {
            Some(flag) => cuts.extend(changed(text, flag, *state)),
            None => missing.push(format!("\"{key}\": {}", short(*state))),
        }
    }
    if !missing.is_empty() {
        cuts.extend(raised_count(text, &root, known.len(), missing.len()));
        cuts.push(match flags {
            Some(flags) => insertion(text, flags, &missing),
            None => insertion(text, &root, &[format!("\"flags\": {{{}}}", missing.join(", "))]),
        });
    }
    Ok(cut(text, cuts))
}

pub(super) fn all_off(text: &str, more: &BTreeSet<String>) -> Option<String> {
    let known = names(text, "flags");
    let keys = known.iter().map(|(key, _)| key.as_str()).chain(more.iter().map(String::as_str));
    set(text, &keys.map(|key| (key, State::Off)).collect()).ok()
}

/// The number of flags that a document says it has, with so many more.
fn raised_count(text: &str, root: &Object<'_>, count: usize, more: usize) -> Option<Cut> {
    let said = get(get(root, "meta")?.value.as_object()?, "flags")?.value.as_number_lit()?;
    let number: usize = text.get(said.start()..said.end())?.parse().ok()?;
    (number == count).then(|| (said.start()..said.end(), (count + more).to_string()))
}

pub(super) fn of_off(keys: &BTreeSet<String>) -> String {
    let flags: serde_json::Map<String, Value> = keys.iter().map(|key| (key.clone(), false.into())).collect();
    format!("{:#}\n", serde_json::json!({ "flags": flags }))
}

pub(super) fn names(text: &str, table: &str) -> Vec<(String, usize)> {
    let Ok(root) = parse(text) else { return Vec::new() };
    let table = get(&root, table).and_then(|table| table.value.as_object());
    let properties = table.into_iter().flat_map(|table| &table.properties);
    properties.map(|property| (property.name.as_str().to_owned(), property.name.start())).collect()
}

pub(super) fn declare(text: &str, key: &FlagKey, fields: &[(&str, Value)]) -> Result<(String, String)> {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    let entry = format!("\"{key}\": {{ {} }}", fields.join(", "));
    let root = parse(text)?;
    let entries = [entry.clone()];
    let flags = flags(&root)?;
    let count = flags.map_or(0, |flags| flags.properties.len());
    let mut cuts: Vec<Cut> = raised_count(text, &root, count, 1).into_iter().collect();
    cuts.push(match flags {
        Some(flags) => insertion(text, flags, &entries),
        None => insertion(text, &root, &[format!("\"flags\": {{ {entry} }}")]),
    });
    Ok((cut(text, cuts), entry + "\n"))
}

/// The keys of flags that can be made out in a text that is not well-formed: names two levels deep, in `flags`.
pub(super) fn salvaged(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let (mut depth, mut section) = (0_usize, "");
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}', '"']) {
        let (mark, behind) = (rest.as_bytes()[at], &rest[at + 1..]);
        rest = behind;
        match mark {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {
                // Keys need no escapes, and a text that is broken off ends with its line.
                let end = behind.find(['"', '\n']).unwrap_or(behind.len());
                let name = &behind[..end];
                rest = behind.get(end + 1..).unwrap_or_default();
                if rest.trim_start().starts_with(':') {
                    match depth {
                        1 => section = name,
                        2 if section == "flags" => keys.push(name.to_owned()),
                        _ => {}
                    }
                }
            }
        }
    }
    keys
}

fn parse(text: &str) -> Result<Object<'_>> {
    // As strict as whoever reads the document.
    let options = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options);
    let parsed = parsed.map_err(|error| Failure::new(Exit::Findings, error.to_string()))?;
    match parsed.value {
        Some(Node::Object(root)) => Ok(root),
        _ => Err(Failure::new(Exit::Findings, "the document is no object")),
    }
}

fn flags<'n, 't>(root: &'n Object<'t>) -> Result<Option<&'n Object<'t>>> {
    match get(root, "flags").map(|flags| &flags.value) {
        Some(Node::Object(flags)) => Ok(Some(flags)),
        Some(_) => Err(Failure::new(Exit::Findings, "`flags` is no object")),
        None => Ok(None),
    }
}

fn get<'n, 't>(object: &'n Object<'t>, name: &str) -> Option<&'n ObjectProp<'t>> {
    object.properties.iter().find(|property| property.name.as_str() == name)
}

/// What changes of a flag that is there.
fn changed(text: &str, flag: &ObjectProp<'_>, state: State) -> Vec<Cut> {
    let range = |node: &Node<'_>| node.start()..node.end();
    let Node::Object(table) = &flag.value else { return vec![(range(&flag.value), short(state))] };
    let on = state != State::Off;
    let mut cuts = Vec::new();
    let mut missing = Vec::new();
    match get(table, "on") {
        Some(switch) => cuts.push((range(&switch.value), on.to_string())),
        None if on => missing.push("\"on\": true".to_owned()),
        None => {}
    }
    match get(table, "rollout") {
        // Off is off, and what it was at is worth knowing.
        Some(rollout) if on => cuts.push((range(&rollout.value), state.number())),
        None if on && state != State::ON => missing.push(format!("\"rollout\": {}", state.number())),
        _ => {}
    }
    if !missing.is_empty() {
        cuts.push(insertion(text, table, &missing));
    }
    cuts
}

/// Puts entries in before the first that is there, apart by what is before that one.
fn insertion(text: &str, object: &Object<'_>, entries: &[String]) -> Cut {
    let open = object.start() + 1;
    match object.properties.first() {
        Some(first) => {
            let at = first.start();
            let space = text.get(open..at).unwrap_or_default();
            let space = if space.is_empty() { " " } else { space };
            (at..at, entries.join(&format!(",{space}")) + "," + space)
        }
        None => (open..open, entries.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use flagkit_sources::document::Format;

    use super::super::{of_off, salvaged};
    use super::{BTreeMap, BTreeSet, State, Value, all_off, set};

    #[track_caller]
    fn check(before: &str, key: &str, to: State, after: &str) {
        assert_eq!(set(before, &BTreeMap::from([(key, to)])).expect("it can be set"), after);
        let read = serde_json::from_str::<Value>(after);
        assert!(read.is_ok(), "{read:?}");
    }

    fn at(percent: &str) -> State {
        percent.parse().expect(percent)
    }

    #[test]
    fn values_change_and_nothing_beside() {
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
    fn everything_goes_off_also_in_what_cannot_be_read() {
        let text = "{\"flags\": {\"x\": true, \"y\": {\"on\": true, \"rollout\": 5}, \"z\": \"5%\"}}";
        let off = "{\"flags\": {\"x\": false, \"y\": {\"on\": false, \"rollout\": 5}, \"z\": false}}";
        assert_eq!(all_off(text, &BTreeSet::new()).as_deref(), Some(off));
        let broken =
            "{\"segments\": {\"s\": {}}, \"flags\": {\"x\": true, \"y\": {\"on\": true, \"z.1\": {\"owner\": \"a\nb";
        let expected = "{\n  \"flags\": {\n    \"below\": false,\n    \"x\": false,\n    \"y\": false\n  }\n}\n";
        assert_eq!(all_off(broken, &BTreeSet::new()), None);
        let mut keys = salvaged(Format::Json, broken);
        keys.insert("below".to_owned());
        assert_eq!(of_off(Format::Json, keys), expected);
    }
}
