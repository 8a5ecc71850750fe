//! What a document says, whether or not it means anything: for comparing it with what it says later.
//!
//! Numbers that a program would round stay as they are written.

use flagkit_sources::document::Format;
use jsonc_parser::ast::Value as Node;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::{Value, json};
use toml::de::{DeTable, DeValue};

/// All that a document says; null, if it is not well-formed.
pub(crate) fn raw(format: Format, text: &str) -> Value {
    match format {
        Format::Json => parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default())
            .ok()
            .and_then(|parsed| parsed.value.as_ref().map(of_json))
            .unwrap_or_default(),
        _ => DeTable::parse(text).map(|table| of_table(table.get_ref())).unwrap_or_default(),
    }
}

fn of_json(value: &Node<'_>) -> Value {
    match value {
        Node::StringLit(text) => json!(text.value),
        Node::NumberLit(number) => of_number(number.value, 10),
        Node::BooleanLit(value) => json!(value.value),
        Node::NullKeyword(_) => Value::Null,
        Node::Array(items) => items.elements.iter().map(of_json).collect(),
        Node::Object(object) => {
            object.properties.iter().map(|entry| (entry.name.as_str().to_owned(), of_json(&entry.value))).collect()
        }
    }
}

fn of_table(table: &DeTable<'_>) -> Value {
    table.iter().map(|(name, value)| (name.get_ref().to_string(), of_toml(value.get_ref()))).collect()
}

/// All that a value of TOML says.
pub(crate) fn of_toml(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => json!(text),
        DeValue::Integer(number) => of_number(number.as_str(), number.radix()),
        DeValue::Float(number) => of_number(number.as_str(), 10),
        DeValue::Boolean(value) => json!(value),
        DeValue::Datetime(datetime) => json!({ "datetime": datetime.to_string() }),
        DeValue::Array(items) => items.iter().map(|item| of_toml(item.get_ref())).collect(),
        DeValue::Table(table) => of_table(table),
    }
}

/// A number, or what stands for one that would not be written again as it is: unlike a text of the same characters.
fn of_number(text: &str, radix: u32) -> Value {
    if let Ok(integer) = i64::from_str_radix(text, radix) {
        return Value::from(integer);
    }
    let float = Value::from(text.parse::<f64>().unwrap_or(f64::NAN));
    let again = float.to_string();
    if radix == 10 && again == text { float } else { json!({ "number": text, "radix": radix }) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn different_values_differ_and_the_same_are_the_same() {
        let both = [
            "1",
            "2",
            "1.0",
            "1.5",
            "1.50",
            "9007199254740993.0",
            "9007199254740992.0",
            "\"1\"",
            "\"1.5\"",
            "true",
            "[1]",
            "[]",
            "99999999999999999999",
            "99999999999999999998",
            "170141183460469231731687303715884105726",
        ];
        let toml =
            [both.as_slice(), &["1979-05-27", "'1979-05-27'", "{ exists = true }", "{ exists = false }"]].concat();
        let json = [both.as_slice(), &["null", "{\"exists\": true}"]].concat();
        let of_toml = |value: &str| raw(Format::Toml, &format!("a = {value}")).to_string();
        let of_json = |value: &str| raw(Format::Json, &format!("{{\"a\": {value}}}")).to_string();
        assert_eq!(toml.iter().map(|value| of_toml(value)).collect::<BTreeSet<_>>().len(), toml.len());
        assert_eq!(json.iter().map(|value| of_json(value)).collect::<BTreeSet<_>>().len(), json.len());
        for value in both {
            assert_eq!(of_toml(value), of_json(value));
        }
        assert_eq!((of_toml("0x10"), of_toml("\"\\u0061\"")), (of_toml("16"), of_toml("'a'")));
    }
}
