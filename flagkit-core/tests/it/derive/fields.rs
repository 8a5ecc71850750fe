//! The derives with every kind of field, enum and id.

use std::borrow::Cow;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use flagkit_core::{Attribute, Id, List, Subject, Value};

#[derive(Attribute)]
pub(super) enum Plan {
    Free,
    FreeTrial,
    #[attribute(rename = "PAID (yearly)")]
    Paid,
    #[allow(non_camel_case_types)]
    r#type,
    V2,
    HTTPServer,
    #[allow(non_camel_case_types)]
    Already_Snake,
}

#[derive(Attribute)]
struct Email(String);

#[derive(Attribute)]
struct Named {
    seats: Option<u32>,
}

#[derive(Attribute)]
enum Never {}

#[derive(Attribute)]
struct Borrowed<'a>(&'a str);

#[derive(Attribute)]
struct Wrapper<T>(T);

#[derive(Subject)]
struct UserId(#[subject(id)] u64);

/// A text type of another crate, which is no attribute.
struct Locale(&'static str);

impl AsRef<str> for Locale {
    fn as_ref(&self) -> &str {
        self.0
    }
}

#[derive(Subject)]
struct Everything<'a> {
    #[subject(id)]
    key: &'a str,
    boolean: bool,
    small: i8,
    large: u64,
    largest: u128,
    fraction: f64,
    text: String,
    slice: &'a str,
    cow: Cow<'a, str>,
    boxed: Box<str>,
    shared: Arc<String>,
    counted: Rc<i32>,
    there: Option<&'a str>,
    missing: Option<u8>,
    plan: Plan,
    email: Email,
    named: Named,
    list: Vec<String>,
    array: [i64; 2],
    plans: Vec<Plan>,
    holes: Vec<Option<bool>>,
    nested_list: Vec<Vec<u8>>,
    maybe_list: Option<Vec<u8>>,
    #[subject(text)]
    locale: Locale,
    #[subject(text)]
    also_a_text: String,
    #[subject(rename = "e-mail address")]
    renamed: &'a str,
    #[subject(text, rename = "language")]
    renamed_text: Locale,
    r#type: &'a str,
    r#fn: u8,
    #[subject(skip)]
    #[allow(dead_code)]
    skipped: PathBuf,
}

fn everything() -> Everything<'static> {
    Everything {
        key: "u1",
        boolean: true,
        small: -7,
        large: u64::MAX,
        largest: u128::MAX,
        fraction: 0.5,
        text: "a text".to_owned(),
        slice: "a slice",
        cow: Cow::Borrowed("a cow"),
        boxed: "a box".into(),
        shared: Arc::new("an arc".to_owned()),
        counted: Rc::new(3),
        there: Some("there"),
        missing: None,
        plan: Plan::FreeTrial,
        email: Email("user@example.com".to_owned()),
        named: Named { seats: Some(12) },
        list: vec!["a".to_owned(), "b".to_owned()],
        array: [1, 2],
        plans: vec![Plan::Free, Plan::Paid],
        holes: vec![Some(true), None],
        nested_list: vec![vec![1]],
        maybe_list: Some(vec![1, 2, 3]),
        locale: Locale("pt-PT"),
        also_a_text: "text".to_owned(),
        renamed: "user@example.org",
        renamed_text: Locale("pt"),
        r#type: "raw",
        r#fn: 1,
        skipped: PathBuf::from("secret"),
    }
}

pub(super) fn text(text: &str) -> Value<'_> {
    Value::Text(text)
}

/// The elements of a list as text.
pub(super) fn elements<S: Subject>(subject: &S, name: &str) -> Vec<Option<String>> {
    match subject.attribute(name) {
        Some(Value::List(list)) => {
            assert_eq!(list.element(list.count()), None);
            (0..list.count()).map(|index| list.element(index).map(|value| value.to_string())).collect()
        }
        other => panic!("{other:?} is no list"),
    }
}

#[test]
fn each_field_is_an_attribute_of_its_name() {
    let user = everything();
    assert_eq!(user.id(), Some(Id::from("u1")));
    for (name, value) in [
        ("boolean", Some(Value::Bool(true))),
        ("small", Some(Value::Integer(-7))),
        ("large", Some(Value::Integer(u64::MAX.into()))),
        ("largest", Some(Value::Unsigned(u128::MAX))),
        ("fraction", Some(Value::Float(0.5))),
        ("text", Some(text("a text"))),
        ("slice", Some(text("a slice"))),
        ("cow", Some(text("a cow"))),
        ("boxed", Some(text("a box"))),
        ("shared", Some(text("an arc"))),
        ("counted", Some(Value::Integer(3))),
        ("there", Some(text("there"))),
        ("missing", None),
        ("plan", Some(text("free_trial"))),
        ("email", Some(text("user@example.com"))),
        ("named", Some(Value::Integer(12))),
        ("locale", Some(text("pt-PT"))),
        ("also_a_text", Some(text("text"))),
        ("e-mail address", Some(text("user@example.org"))),
        ("language", Some(text("pt"))),
        ("type", Some(text("raw"))),
        ("fn", Some(Value::Integer(1))),
    ] {
        assert_eq!(user.attribute(name), value, "{name}");
    }
    for name in ["key", "id", "skipped", "renamed", "renamed_text", "r#type", "", "Boolean", "boolean ", "named.seats"]
    {
        assert_eq!(user.attribute(name), None, "{name:?}");
    }
}

#[test]
fn lists_are_lists() {
    let user = everything();
    let expected = |elements: &[&str]| elements.iter().map(|element| Some((*element).to_owned())).collect::<Vec<_>>();
    assert_eq!(elements(&user, "list"), expected(&["\"a\"", "\"b\""]));
    assert_eq!(elements(&user, "array"), expected(&["1", "2"]));
    assert_eq!(elements(&user, "plans"), expected(&["\"free\"", "\"PAID (yearly)\""]));
    assert_eq!(elements(&user, "holes"), [Some("true".to_owned()), None]);
    assert_eq!(elements(&user, "nested_list"), expected(&["[1]"]));
    assert_eq!(elements(&user, "maybe_list"), expected(&["1", "2", "3"]));
    assert!(!user.list.is_empty() && List::count(&Vec::<u8>::new()) == 0);
}

#[test]
fn an_enum_is_its_name_in_snake_case() {
    for (plan, name) in [
        (Plan::Free, "free"),
        (Plan::FreeTrial, "free_trial"),
        (Plan::Paid, "PAID (yearly)"),
        (Plan::r#type, "type"),
        (Plan::V2, "v2"),
        (Plan::HTTPServer, "http_server"),
        (Plan::Already_Snake, "already_snake"),
    ] {
        assert_eq!(plan.value(), Some(text(name)));
    }
    assert_eq!(None::<Never>.value(), None);
}

#[test]
fn a_struct_of_one_field_has_the_value_of_its_field() {
    assert_eq!(Email("a".to_owned()).value(), Some(text("a")));
    assert_eq!(Named { seats: None }.value(), None);
    assert_eq!(Borrowed("a").value(), Some(text("a")));
    assert_eq!(Wrapper(Wrapper(7_u8)).value(), Some(Value::Integer(7)));
    assert_eq!(Wrapper(None::<f64>).value(), None);
}

#[test]
fn an_id_field_may_be_any_type_that_has_an_id() {
    macro_rules! id_of {
        ($type:ty, $value:expr) => {{
            #[derive(Subject)]
            struct User {
                #[subject(id)]
                number: $type,
            }
            User { number: $value }.id().map(|id| id.to_string())
        }};
    }
    assert_eq!(id_of!(String, "u1".to_owned()).as_deref(), Some("u1"));
    assert_eq!(id_of!(&'static str, "u1").as_deref(), Some("u1"));
    assert_eq!(id_of!(u64, 17).as_deref(), Some("17"));
    assert_eq!(id_of!(i128, i128::MIN), Some(i128::MIN.to_string()));
    assert_eq!(id_of!(UserId, UserId(17)).as_deref(), Some("17"));
    assert_eq!(id_of!(Option<UserId>, Some(UserId(17))).as_deref(), Some("17"));
    assert_eq!(id_of!(Option<String>, None), None);
    assert_eq!(id_of!(Option<Arc<str>>, Some("u1".into())).as_deref(), Some("u1"));
    assert_eq!(id_of!(Box<dyn Subject>, Box::new(17)).as_deref(), Some("17"));
    assert_eq!(id_of!(String, String::new()).as_deref(), Some(""), "the empty id, which is no id");
}
