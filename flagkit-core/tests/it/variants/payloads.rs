//! The value of a variant is deserialised into a type of the caller. An error names the mismatch.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use flagkit_core::source::Payload;
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Variant, Variants, variant};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Debug, Deserialize, PartialEq)]
struct Theme {
    primary: String,
    #[serde(default)]
    radius: u8,
    shadow: Option<f64>,
    #[serde(rename = "font-size")]
    font_size: Option<u32>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Strict {
    #[allow(dead_code)]
    primary: String,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Layout {
    Grid,
    WideGrid,
    Columns(u8),
    Pair(u8, String),
    Cards { rows: u8, title: Option<String> },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "kind")]
enum Tagged {
    Grid { rows: u8 },
    List,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Either {
    Number(i64),
    Text(String),
    Many(Vec<Either>),
}

#[derive(Debug, Deserialize, PartialEq)]
struct Pixels(u32);

#[derive(Debug, Deserialize, PartialEq)]
struct Size(u32, u32);

#[derive(Debug, Deserialize, PartialEq)]
struct Unit;

#[derive(Debug, Deserialize, PartialEq)]
struct Borrowed<'a> {
    primary: &'a str,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Outer {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, i64>,
}

fn text(text: &str) -> Payload {
    Payload::Text(text.into())
}

fn list<const N: usize>(values: [Payload; N]) -> Payload {
    Payload::List(values.into())
}

fn table<const N: usize>(entries: [(&str, Payload); N]) -> Payload {
    Payload::Table(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn read<T: DeserializeOwned>(payload: Payload) -> Result<T, String> {
    Variant::with_payload("blue", payload).value().map_err(|error| error.to_string())
}

fn assert_reads<T: DeserializeOwned + Debug + PartialEq>(payload: Payload, expected: T) {
    assert_eq!(read(payload), Ok(expected));
}

fn assert_rejects<T: DeserializeOwned + Debug + PartialEq>(payload: Payload, names: &[&str]) {
    let shown = format!("{payload:?}");
    let error = read::<T>(payload).expect_err(&shown);
    for name in names {
        assert!(error.contains(name), "{error:?} of {shown} does not contain {name:?}");
    }
}

#[test]
fn scalars_are_read() {
    assert_reads(Payload::Bool(true), true);
    assert_reads(Payload::Integer(-7), -7_i8);
    assert_reads(Payload::Integer(i64::MAX), i64::MAX);
    assert_reads(Payload::Integer(7), 7_u128);
    assert_reads(Payload::Integer(7), 7.0_f64);
    assert_reads(Payload::Float(0.5), 0.5_f32);
    assert_reads(text("a text"), "a text".to_owned());
    assert_reads(text("ß"), 'ß');
    assert_reads(Payload::Null, ());
    assert_reads(Payload::Null, Unit);
    assert_reads(Payload::Integer(7), Pixels(7));
}

#[test]
fn options_are_read() {
    assert_reads(Payload::Null, None::<u8>);
    assert_reads(Payload::Integer(7), Some(7_u8));
    assert_reads(Payload::Integer(7), Some(Some(Pixels(7))));
    assert_reads(list([Payload::Null, text("a")]), vec![None, Some("a".to_owned())]);
}

#[test]
fn lists_tuples_and_maps_are_read() {
    assert_reads(list([]), Vec::<u8>::new());
    assert_reads(list([Payload::Integer(1), Payload::Integer(2)]), vec![1_u8, 2]);
    assert_reads(list([Payload::Integer(1), text("a")]), (1_u8, "a".to_owned()));
    assert_reads(list([Payload::Integer(3), Payload::Integer(4)]), Size(3, 4));
    assert_reads(list([Payload::Integer(3), Payload::Integer(4)]), [3_i32, 4]);
    assert_reads(
        table([("b", Payload::Integer(2)), ("a", Payload::Integer(1))]),
        BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]),
    );
    assert_reads(table([]), BTreeMap::<String, u8>::new());
    assert_reads(table([("grid", Payload::Integer(1))]), BTreeMap::from([(Layout2::Grid, 1)]));
    let nested = table([("sizes", list([table([("s", Payload::Integer(1))])]))]);
    assert_reads(nested, BTreeMap::from([("sizes".to_owned(), vec![BTreeMap::from([("s".to_owned(), 1_u8)])])]));
}

#[derive(Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "lowercase")]
enum Layout2 {
    Grid,
}

#[test]
fn structs_are_read() {
    assert_reads(
        table([
            ("shadow", Payload::Float(0.5)),
            ("primary", text("#00f")),
            ("unknown", list([Payload::Null])),
            ("font-size", Payload::Integer(12)),
        ]),
        Theme { primary: "#00f".to_owned(), radius: 0, shadow: Some(0.5), font_size: Some(12) },
    );
    assert_reads(
        table([("primary", text("")), ("radius", Payload::Integer(255)), ("shadow", Payload::Null)]),
        Theme { primary: String::new(), radius: 255, shadow: None, font_size: None },
    );
    assert_reads(
        table([("name", text("a")), ("x", Payload::Integer(1))]),
        Outer { name: "a".to_owned(), rest: BTreeMap::from([("x".to_owned(), 1)]) },
    );
}

#[test]
fn enums_are_read() {
    assert_reads(text("grid"), Layout::Grid);
    assert_reads(text("wide-grid"), Layout::WideGrid);
    assert_reads(table([("wide-grid", Payload::Null)]), Layout::WideGrid);
    assert_reads(table([("columns", Payload::Integer(3))]), Layout::Columns(3));
    assert_reads(table([("pair", list([Payload::Integer(3), text("a")]))]), Layout::Pair(3, "a".to_owned()));
    assert_reads(table([("cards", table([("rows", Payload::Integer(2))]))]), Layout::Cards { rows: 2, title: None });
    assert_reads(table([("kind", text("Grid")), ("rows", Payload::Integer(2))]), Tagged::Grid { rows: 2 });
    assert_reads(table([("kind", text("List"))]), Tagged::List);
    assert_reads(
        list([Payload::Integer(1), text("a"), list([])]),
        Either::Many(vec![Either::Number(1), Either::Text("a".to_owned()), Either::Many(vec![])]),
    );
}

#[test]
fn texts_may_be_borrowed() {
    let variant = Variant::with_payload("blue", table([("primary", text("#00f"))]));
    assert_eq!(variant.value::<Borrowed<'_>>().ok(), Some(Borrowed { primary: "#00f" }));
    let words = Variant::with_payload("blue", list([text("a"), text("b")]));
    assert_eq!(words.value::<Vec<&str>>().ok(), Some(vec!["a", "b"]));
}

#[test]
fn reading_a_variant_without_a_value_is_an_error() {
    let bare = Variant::new("blue");
    assert_eq!(bare.payload(), None);
    let error = bare.value::<Theme>().expect_err("no value");
    assert_eq!(error.to_string(), "cannot read the value of the variant: \"blue\" has none");
    assert!(bare.value::<Option<Theme>>().is_err(), "absent is not null");
    assert!(bare.value::<()>().is_err());
    let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(error);
    assert!(boxed.source().is_none());
}

#[test]
fn an_error_names_the_mismatch() {
    assert_rejects::<Theme>(table([("radius", Payload::Integer(1))]), &["missing field", "`primary`"]);
    assert_rejects::<Theme>(table([("primary", Payload::Integer(1))]), &["integer `1`", "a string"]);
    assert_rejects::<Theme>(table([("primary", text("")), ("radius", Payload::Integer(256))]), &["256", "u8"]);
    assert_rejects::<Theme>(table([("primary", text("")), ("primary", text(""))]), &["duplicate field", "`primary`"]);
    assert_rejects::<Theme>(text("#00f"), &["string \"#00f\"", "struct Theme"]);
    assert_rejects::<Strict>(
        table([("primary", text("")), ("secondary", text(""))]),
        &["unknown field", "`secondary`", "`primary`"],
    );
    assert_rejects::<bool>(text("true"), &["string \"true\"", "a boolean"]);
    assert_rejects::<u32>(Payload::Integer(-1), &["-1", "u32"]);
    assert_rejects::<u32>(Payload::Float(1.0), &["floating point", "1.0", "u32"]);
    assert_rejects::<String>(Payload::Null, &["unit value", "a string"]);
    assert_rejects::<char>(text("ab"), &["\"ab\"", "a character"]);
    assert_rejects::<Vec<u8>>(table([]), &["map", "a sequence"]);
    assert_rejects::<(u8, u8)>(list([Payload::Integer(1)]), &["length 1", "a tuple of size 2"]);
    assert_rejects::<(u8, u8)>(list([Payload::Null, Payload::Null]), &["unit value", "u8"]);
    assert_rejects::<(u8,)>(list([Payload::Integer(1), Payload::Integer(2)]), &["length 2", "1"]);
    assert_rejects::<Size>(list([Payload::Integer(1)]), &["length 1", "tuple struct Size"]);
    assert_rejects::<BTreeMap<String, u8>>(list([]), &["sequence", "a map"]);
    assert_rejects::<Layout>(text("rows"), &["unknown variant", "`rows`", "`wide-grid`"]);
    assert_rejects::<Layout>(text("columns"), &["unit variant", "newtype variant"]);
    assert_rejects::<Layout>(table([("cards", table([]))]), &["missing field", "`rows`"]);
    assert_rejects::<Layout>(table([("grid", Payload::Integer(1))]), &["integer `1`"]);
    assert_rejects::<Layout>(table([("pair", list([Payload::Integer(1)]))]), &["length 1", "Layout::Pair"]);
    assert_rejects::<Layout>(table([("pair", text("a"))]), &["string \"a\"", "Layout::Pair"]);
    assert_rejects::<Layout>(table([]), &["one entry"]);
    assert_rejects::<Layout>(table([("grid", Payload::Null), ("columns", Payload::Null)]), &["one entry"]);
    assert_rejects::<Layout>(Payload::Integer(1), &["a text or a table"]);
    assert_rejects::<Tagged>(table([("rows", Payload::Integer(1))]), &["kind"]);
}

#[test]
fn a_subject_gets_the_declared_value() {
    let theme = |primary: &str| table([("primary", text(primary)), ("radius", Payload::Integer(4))]);
    let variants = Variants::new([
        (Variant::with_payload("blue", theme("#00f")), 1),
        (Variant::with_payload("red", theme("#f00")), 1),
        (Variant::new("plain"), 1),
    ]);
    let flag = Flag::on().with_variants(variants.expect("variants"));
    let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("theme").expect("a key"), flag)]));
    let mut names = BTreeSet::new();
    for id in 0..100 {
        let variant = variant!(in flags, "theme", id).expect("every subject gets one");
        let primary = variant.value::<Theme>().map(|theme| theme.primary).map_err(|error| error.to_string());
        let expected = match variant.name() {
            "blue" => Ok("#00f".to_owned()),
            "red" => Ok("#f00".to_owned()),
            _ => Err("cannot read the value of the variant: \"plain\" has none".to_owned()),
        };
        assert_eq!(primary, expected);
        names.insert(variant.name().to_owned());
    }
    assert_eq!(names.len(), 3);
}
