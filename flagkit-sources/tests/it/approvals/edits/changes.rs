//! Edits of documents: of any part of a flag, of segments, of approvals, and of what has no effect.

use flagkit_sources::document::Format;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::documents::{Documents, declaration, layouts, rollout, rule, segment};

/// One edit.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Other spaces, comments, orders of keys and formats.
    Layouts([(Format, u64); 2]),
    /// A key of the metadata, in one layer.
    Metadata(usize, &'static str, Value),
    /// Another flag, and a segment that no rule names.
    Others(usize, Value),
    /// A rollout that is no more than the approved one.
    Lower(u64),
    Off,
    /// Any part of the flag, or none if the value is null.
    Part(usize, &'static str, Value),
    Rule(usize, usize, Option<Value>),
    /// The whole declaration, with the approval and the state that it had.
    Declaration(usize, Value),
    Segment(usize, &'static str, Value),
    /// The flag is removed from a layer.
    Removed(usize),
    /// The layers swap their declarations.
    Swapped,
    /// The declaration moves to the other layer, together with its approval.
    Moved(usize),
    Prerequisite(&'static str, Value),
    Approval(&'static str, Value),
}

/// The metadata of a flag, and valid values.
fn metadata() -> impl Strategy<Value = (&'static str, Value)> {
    select(vec![
        ("description", json!("a description")),
        ("owner", json!("search@example.com")),
        ("kind", json!("release")),
        ("created", json!("2026-11-20")),
        ("expires", json!("2027-02-01")),
        ("allow", json!({ "unused": "for drills" })),
        ("description", Value::Null),
    ])
}

fn part() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        select(vec![
            ("on", json!(true)),
            ("on", Value::Null),
            ("inherit", json!(true)),
            ("inherit", json!(false)),
            ("inherit", Value::Null),
            ("salt", json!("s")),
            ("salt", json!("other")),
            ("salt", Value::Null),
            ("by", json!("plan")),
            ("by", Value::Null),
            ("requires", Value::Null),
            ("requires", json!([])),
            ("rules", Value::Null),
            ("rules", json!([])),
            ("variants", json!({ "a": 2, "b": 1 })),
            ("variants", Value::Null),
            ("values", json!({ "a": 1 })),
            ("future", json!(true)),
        ]),
        rollout().prop_map(|rollout| ("rollout", rollout.into())),
    ]
}

fn field() -> impl Strategy<Value = (&'static str, Value)> {
    select(vec![
        ("to", json!("on")),
        ("to", json!("50%")),
        ("serial", json!(1)),
        ("serial", json!(4_102_444_800_u64)),
        ("humans", json!(2)),
        ("confirm", json!("terminal")),
        ("by", json!("bob@example.com")),
        ("at", json!("2026-11-29T10:03:12Z")),
        ("release", json!("3f2c9d1")),
        ("signature", json!("")),
    ])
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    let layer = || 0..2_usize;
    let state_of_prerequisite = select(vec![("on", json!(false)), ("rollout", json!(100)), ("salt", json!("z"))]);
    prop_oneof![
        3 => layouts().prop_map(Change::Layouts),
        3 => (layer(), metadata()).prop_map(|(layer, (key, value))| Change::Metadata(layer, key, value)),
        3 => (layer(), declaration()).prop_map(|(layer, flag)| Change::Others(layer, flag)),
        2 => rollout().prop_map(Change::Lower),
        1 => Just(Change::Off),
        6 => (layer(), part()).prop_map(|(layer, (key, value))| Change::Part(layer, key, value)),
        4 => (layer(), 0..4_usize, proptest::option::of(rule())).prop_map(|(layer, i, rule)| Change::Rule(layer, i, rule)),
        2 => (layer(), declaration()).prop_map(|(layer, flag)| Change::Declaration(layer, flag)),
        4 => (layer(), select(vec!["s1", "s2"]), segment()).prop_map(|(layer, name, s)| Change::Segment(layer, name, s)),
        2 => layer().prop_map(Change::Removed),
        1 => Just(Change::Swapped),
        2 => layer().prop_map(Change::Moved),
        1 => state_of_prerequisite.prop_map(|(key, value)| Change::Prerequisite(key, value)),
        2 => field().prop_map(|(key, value)| Change::Approval(key, value)),
    ]
}

impl Change {
    /// Returns whether the edit cannot include another subject, so that the approval stays.
    pub(super) fn is_harmless(&self) -> bool {
        matches!(self, Self::Layouts(_) | Self::Metadata(..) | Self::Others(..) | Self::Lower(_) | Self::Off)
    }

    pub(super) fn apply(&self, documents: &mut Documents) {
        match self.clone() {
            Self::Layouts(layouts) => documents.layouts = layouts,
            Self::Metadata(layer, key, value) | Self::Part(layer, key, value) => {
                if let Some(flag) = documents.flag(layer, "x") {
                    flag.remove(key);
                    flag.extend((!value.is_null()).then(|| (key.to_owned(), value)));
                }
            }
            Self::Others(layer, flag) => {
                documents.layers[layer]["flags"]["other"] = flag;
                documents.layers[layer]["segments"]["unused"] = json!({ "included": ["u2"] });
            }
            Self::Lower(limit) => {
                if let Some(flag) = documents.highest("x") {
                    let lower = flag.get("rollout").and_then(Value::as_u64).unwrap_or(100).min(limit);
                    flag.insert("rollout".to_owned(), lower.into());
                }
            }
            Self::Off => {
                documents.highest("x").and_then(|flag| flag.insert("on".to_owned(), json!(false)));
            }
            Self::Rule(layer, index, rule) => {
                let Some(flag) = documents.flag(layer, "x") else { return };
                let rules = flag.entry("rules").or_insert(json!([])).as_array_mut().expect("rules");
                match rule {
                    Some(rule) => rules.insert(index.min(rules.len()), rule),
                    None if index < rules.len() => drop(rules.remove(index)),
                    None => {}
                }
            }
            Self::Declaration(layer, declaration) => {
                if let Some(flag) = documents.flag(layer, "x") {
                    flag.retain(|key, _| matches!(key.as_str(), "on" | "rollout" | "inherit" | "approval"));
                    flag.extend(declaration.as_object().cloned().expect("a table"));
                }
            }
            Self::Segment(layer, name, segment) => documents.layers[layer]["segments"][name] = segment,
            Self::Removed(layer) => {
                documents.layers[layer]["flags"].as_object_mut().expect("flags").remove("x");
            }
            Self::Swapped => swap(&mut documents.layers),
            Self::Moved(layer) => {
                let from = documents.layers[layer]["flags"].as_object_mut().expect("flags");
                if let Some(flag) = from.remove("x") {
                    documents.layers[1 - layer]["flags"]["x"] = flag;
                }
            }
            Self::Prerequisite(key, value) => {
                documents.flag(0, "y").and_then(|flag| flag.insert(key.to_owned(), value));
            }
            Self::Approval(key, value) => {
                let Some(flag) = documents.highest("x") else { return };
                if let Some(approval) = flag.get_mut("approval").and_then(|approvals| approvals.get_mut(0)) {
                    approval[key] = value;
                }
            }
        }
    }
}

/// Swaps the declarations of the flag in two layers.
fn swap([lower, upper]: &mut [Value; 2]) {
    let [lower, upper] = [lower, upper].map(|layer| layer["flags"].as_object_mut().expect("flags"));
    let [below, above] = [lower.remove("x"), upper.remove("x")];
    lower.extend(above.map(|flag| ("x".to_owned(), flag)));
    upper.extend(below.map(|flag| ("x".to_owned(), flag)));
}
