//! Generated documents of two layers, in either format and in any layout.

use std::fmt::{self, Write as _};

use flagkit_core::Percent;
use flagkit_core::source::Load;
use flagkit_sources::document::Format;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use crate::support::quote::{json_text, toml_text};

/// The documents of two layers, lowest first, as values.
#[derive(Clone, Debug)]
pub(super) struct Documents {
    pub(super) layers: [Value; 2],
    /// The layout of each layer: its format, and a seed for the order of keys, for spaces and comments.
    pub(super) layouts: [(Format, u64); 2],
}

/// The text of one layer.
pub(super) struct Text {
    format: Format,
    text: String,
}

impl Text {
    /// Loads the text. A flag of an edited document may have problems, so that it is refused.
    pub(super) fn load(&self) -> Load {
        self.format.read(self.text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{}", self.text))
    }
}

impl Documents {
    pub(super) fn texts(&self) -> impl Iterator<Item = Text> + '_ {
        self.layers.iter().zip(self.layouts).map(|(layer, (format, seed))| {
            let text = Layout { seed }.document(format, layer);
            Text { format, text }
        })
    }

    /// Returns the documents in one layout, with sorted keys. The proof of effects compares conditions in their order.
    pub(super) fn in_one_layout(&self) -> impl Iterator<Item = Text> + '_ {
        self.layers.iter().map(|layer| Text { format: Format::Json, text: layer.to_string() })
    }

    /// Returns the table of a flag in a layer.
    pub(super) fn flag(&mut self, layer: usize, key: &str) -> Option<&mut Map<String, Value>> {
        self.layers[layer]["flags"].get_mut(key)?.as_object_mut()
    }

    /// Returns the flag in the highest layer that declares it, which states its state.
    pub(super) fn highest(&mut self, key: &str) -> Option<&mut Map<String, Value>> {
        let layer = (0..2).rev().find(|layer| self.layers[*layer]["flags"].get(key).is_some())?;
        self.flag(layer, key)
    }

    /// Returns the state of a flag in its only form.
    pub(super) fn state(&self, key: &str) -> String {
        let mut documents = self.clone();
        let flag = documents.highest(key).expect("declared");
        match flag.get("rollout").and_then(Value::as_u64) {
            Some(100) | None => "on".to_owned(),
            Some(rollout) => Percent::new(rollout.try_into().expect("a percentage")).expect("in range").to_string(),
        }
    }

    pub(super) fn set_approval(&mut self, key: &str, approval: &Value) {
        self.highest(key).expect("declared").insert("approval".to_owned(), json!([approval]));
    }
}

impl fmt::Display for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.texts().try_for_each(|text| writeln!(f, "--- {:?} ---\n{}", text.format, text.text))
    }
}

/// Returns documents in which `x` is on at some rollout, and `y` is on for half of the subjects.
pub(super) fn documents() -> impl Strategy<Value = Documents> {
    let upper = prop_oneof![
        1 => Just(None),
        2 => declaration().prop_map(Some),
        2 => Just(Some(json!({}))),
    ];
    let parts =
        (declaration(), upper, any::<bool>(), rollout(), option::of(rollout()), segments(), option::of(segment()));
    (parts, layouts()).prop_map(|((mut lower, upper, inherits, rollout, below, mut segments, above), layouts)| {
        let state = |flag: &mut Value, rollout: u64| {
            flag["on"] = json!(true);
            flag["rollout"] = json!(rollout);
        };
        let mut flags = [json!({}), json!({})];
        if let Some(mut upper) = upper {
            state(&mut upper, rollout);
            if inherits {
                upper["inherit"] = json!(true);
            }
            flags[1]["x"] = upper;
            if let Some(below) = below {
                state(&mut lower, below);
            }
        } else {
            state(&mut lower, rollout);
        }
        flags[0]["x"] = lower;
        flags[0]["y"] = json!({ "on": true, "rollout": 50, "salt": "y" });
        let [lower, upper] = flags;
        let above = above.map_or(json!({}), |segment| json!({ "s1": segment }));
        segments["unused"] = json!({ "included": ["u1"] });
        Documents {
            layers: [json!({ "flags": lower, "segments": segments }), json!({ "flags": upper, "segments": above })],
            layouts,
        }
    })
}

pub(super) fn layouts() -> impl Strategy<Value = [(Format, u64); 2]> {
    let layout = || (select(vec![Format::Toml, Format::Json]), any::<u64>());
    [layout(), layout()]
}

pub(super) fn rollout() -> impl Strategy<Value = u64> {
    select(vec![0, 25, 50, 75, 100])
}

fn segments() -> impl Strategy<Value = Value> {
    [segment(), segment()].prop_map(|[s1, s2]| json!({ "s1": s1, "s2": s2 }))
}

fn ids() -> impl Strategy<Value = Value> {
    subsequence(vec!["u1", "u2", "u3", "u4", "u5", "u6"], 0..4).prop_map(|ids| json!(ids))
}

pub(super) fn segment() -> impl Strategy<Value = Value> {
    (ids(), option::of(ids()), option::of(conditions())).prop_map(|(included, excluded, conditions)| {
        with(json!({ "included": included }), [("excluded", excluded), ("if", conditions)])
    })
}

fn conditions() -> impl Strategy<Value = Value> {
    let plan = select(vec![json!("free"), json!("paid"), json!(["free", "paid"]), json!({ "not": "free" })]);
    let seats = select(vec![json!(1), json!({ "gte": 5 }), json!({ "lt": 5 }), json!({ "exists": false })]);
    prop_oneof![
        plan.clone().prop_map(|plan| json!({ "plan": plan })),
        seats.clone().prop_map(|seats| json!({ "seats": seats })),
        (plan, seats).prop_map(|(plan, seats)| json!({ "plan": plan, "seats": seats })),
    ]
}

pub(super) fn rule() -> impl Strategy<Value = Value> {
    let segment = select(vec![json!("s1"), json!("s2"), json!(["s1", "s2"])]);
    let variant = select(vec![json!("a"), json!("b")]);
    let parts = (
        option::of(ids()),
        option::of(segment),
        option::of(conditions()),
        option::of(rollout().prop_map(Value::from)),
        option::weighted(0.2, Just(json!("seats"))),
        option::of(variant),
    );
    parts.prop_map(|(subjects, segment, conditions, rollout, by, variant)| {
        let parts = [
            ("subjects", subjects),
            ("segment", segment),
            ("if", conditions),
            ("rollout", rollout),
            ("by", by),
            ("variant", variant),
        ];
        with(json!({}), parts)
    })
}

/// Returns the parts of a declaration that decide who the flag is on for, without its state.
pub(super) fn declaration() -> impl Strategy<Value = Value> {
    let variants = select(vec![json!({ "a": 1, "b": 1 }), json!({ "a": 1, "b": 2 }), json!({ "a": 0, "b": 1 })]);
    let parts = (
        option::of(select(vec![json!("s"), json!("t")])),
        option::weighted(0.2, Just(json!("seats"))),
        option::weighted(0.3, Just(json!(["y"]))),
        vec(rule(), 0..4),
        option::of(variants),
        option::of("[a-z]{1,8}".prop_map(Value::from)),
    );
    parts.prop_map(|(salt, by, requires, mut rules, variants, description)| {
        if variants.is_none() {
            for rule in &mut rules {
                rule.as_object_mut().expect("a rule").remove("variant");
            }
        }
        let rules = (!rules.is_empty()).then(|| Value::from(rules));
        let parts = [
            ("salt", salt),
            ("by", by),
            ("requires", requires),
            ("rules", rules),
            ("variants", variants),
            ("description", description),
        ];
        with(json!({}), parts)
    })
}

fn with<const N: usize>(mut table: Value, parts: [(&str, Option<Value>); N]) -> Value {
    for (name, value) in parts {
        if let Some(value) = value {
            table[name] = value;
        }
    }
    table
}

/// Chooses the layout of a text: the order of keys, spaces and comments.
struct Layout {
    seed: u64,
}

impl Layout {
    /// Returns the next number below the limit.
    fn next(&mut self, limit: u64) -> u64 {
        // The generator of Knuth's MMIX. Its high bits are random enough.
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % limit
    }

    fn document(&mut self, format: Format, document: &Value) -> String {
        let mut text = String::new();
        if format == Format::Json {
            self.value(&mut text, format, document);
            return text;
        }
        for (table, entries) in self.shuffled(document) {
            writeln!(text, "[{table}] # a table").expect("memory");
            for (name, value) in self.shuffled(entries) {
                let value = value.as_object().expect("a table");
                if self.next(2) == 0 {
                    write!(text, "# a comment\n\n").expect("memory");
                }
                writeln!(text, "[{table}.{}]", toml_text(name)).expect("memory");
                for (key, value) in self.shuffled(&Value::from(value.clone())) {
                    let (space, comment) = ([" ", "  "][self.pick()], ["", " # why not"][self.pick()]);
                    write!(text, "{}{space}={space}", toml_text(key)).expect("memory");
                    self.value(&mut text, format, value);
                    writeln!(text, "{comment}").expect("memory");
                }
            }
        }
        text
    }

    fn pick(&mut self) -> usize {
        usize::from(self.next(2) == 1)
    }

    fn value(&mut self, text: &mut String, format: Format, value: &Value) {
        let (quote, colon): (fn(&str) -> String, _) =
            if format == Format::Json { (json_text, ":") } else { (toml_text, "=") };
        match value {
            Value::String(string) => text.push_str(&quote(string)),
            Value::Array(items) => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    text.push_str(if index > 0 { "," } else { "" });
                    text.push_str(["", " ", "\n  "][self.pick()]);
                    self.value(text, format, item);
                }
                text.push(']');
            }
            Value::Object(_) => {
                text.push('{');
                for (index, (key, item)) in self.shuffled(value).into_iter().enumerate() {
                    text.push_str(if index > 0 { "," } else { "" });
                    text.push_str([" ", "  "][self.pick()]);
                    write!(text, "{}{colon} ", quote(key)).expect("memory");
                    self.value(text, format, item);
                }
                text.push('}');
            }
            other => write!(text, "{other}").expect("memory"),
        }
    }

    fn shuffled<'v>(&mut self, table: &'v Value) -> Vec<(&'v str, &'v Value)> {
        let mut entries: Vec<_> =
            table.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value)).collect();
        for last in (1..entries.len()).rev() {
            let other = usize::try_from(self.next(last as u64 + 1)).expect("an index");
            entries.swap(last, other);
        }
        entries
    }
}
