//! What `derive(Subject)` and `derive(Attribute)` make of every sort of field.

use std::borrow::Cow;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use flagkit_core::{Attribute, Id, List, Subject, Value, flag};

#[derive(Attribute)]
enum Plan {
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

/// A text of a foreign sort.
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
    too_large: u128,
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
        too_large: u128::MAX,
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

fn text(text: &str) -> Value<'_> {
    Value::Text(text)
}

/// How the elements of a list look.
fn elements<S: Subject>(subject: &S, name: &str) -> Vec<Option<String>> {
    match subject.attribute(name) {
        Some(Value::List(list)) => {
            assert_eq!(list.get(list.len()), None);
            (0..list.len()).map(|index| list.get(index).map(|value| value.to_string())).collect()
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
        ("too_large", None),
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
    let shown = |of: &[&str]| of.iter().map(|element| Some((*element).to_owned())).collect::<Vec<_>>();
    assert_eq!(elements(&user, "list"), shown(&["\"a\"", "\"b\""]));
    assert_eq!(elements(&user, "array"), shown(&["1", "2"]));
    assert_eq!(elements(&user, "plans"), shown(&["\"free\"", "\"PAID (yearly)\""]));
    assert_eq!(elements(&user, "holes"), [Some("true".to_owned()), None]);
    assert_eq!(elements(&user, "nested_list"), shown(&["[1]"]));
    assert_eq!(elements(&user, "maybe_list"), shown(&["1", "2", "3"]));
    assert!(!user.list.is_empty() && List::is_empty(&Vec::<u8>::new()));
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
fn a_struct_of_one_field_stands_for_it() {
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
    assert_eq!(id_of!(String, String::new()).as_deref(), Some(""), "which names nobody");
}

#[derive(Subject)]
#[subject(anonymous)]
struct Owner {
    country: &'static str,
    #[subject(rename = "post code")]
    post_code: u16,
}

#[derive(Subject)]
struct Account {
    #[subject(id)]
    #[allow(dead_code)]
    number: u64,
    seats: u32,
    #[subject(nested)]
    owner: Owner,
    #[subject(nested)]
    payer: Option<Owner>,
}

#[derive(Subject)]
struct Device {
    #[subject(id)]
    #[allow(dead_code)]
    serial: &'static str,
    os: &'static str,
    country: &'static str,
    plan: &'static str,
}

#[derive(Subject)]
struct User {
    #[subject(id)]
    number: u64,
    plan: &'static str,
    #[subject(nested)]
    account: Account,
    #[subject(nested, rename = "org")]
    organisation: Option<Box<Account>>,
    #[subject(rename = "account.seats")]
    beside: u8,
    #[subject(flatten)]
    device: Option<Device>,
    #[subject(flatten)]
    owner: Owner,
}

fn user(payer: Option<Owner>, organisation: Option<Box<Account>>, device: Option<Device>) -> User {
    User {
        number: 7,
        plan: "free",
        account: account(payer),
        organisation,
        beside: 1,
        device,
        owner: Owner { country: "DE", post_code: 10_115 },
    }
}

fn account(payer: Option<Owner>) -> Account {
    Account { number: 17, seats: 12, owner: Owner { country: "PT", post_code: 1_000 }, payer }
}

#[test]
fn nested_subjects_are_reached_by_their_path() {
    let without = user(None, None, None);
    assert_eq!(without.id(), Some(Id::from(7)), "ids of nested subjects are no ids of this one");
    assert_eq!(without.attribute("account.owner.country"), Some(text("PT")));
    assert_eq!(without.attribute("account.owner.post code"), Some(Value::Integer(1_000)));
    for name in [
        "account",
        "account.",
        "account.owner",
        "account.owner.",
        "account.owner.country.",
        "account.number",
        "account.payer.country",
        "accountXseats",
        ".account.seats",
        "organisation.seats",
        "org.seats",
        "org.owner.country",
        "os",
    ] {
        assert_eq!(without.attribute(name), None, "{name}");
    }
    assert_eq!(without.attribute("account.seats"), Some(Value::Integer(1)), "a field of that very name comes first");

    let with = user(Some(Owner { country: "ES", post_code: 1 }), Some(Box::new(account(None))), None);
    assert_eq!(with.attribute("account.payer.country"), Some(text("ES")));
    assert_eq!(with.attribute("org.seats"), Some(Value::Integer(12)));
    assert_eq!(with.attribute("org.owner.country"), Some(text("PT")));
    assert_eq!(with.attribute("org.payer.country"), None);
}

#[test]
fn a_flattened_subject_adds_the_attributes_that_are_missing() {
    let without = user(None, None, None);
    assert_eq!(without.attribute("country"), Some(text("DE")));
    assert_eq!(without.attribute("post code"), Some(Value::Integer(10_115)));
    let device = Device { serial: "d1", os: "linux", country: "FR", plan: "paid" };
    let with = user(None, None, Some(device));
    assert_eq!(with.id(), Some(Id::from(7)));
    assert_eq!(with.attribute("os"), Some(text("linux")));
    assert_eq!(with.attribute("country"), Some(text("FR")), "the first that has it");
    assert_eq!(with.attribute("plan"), Some(text("free")), "its own come before those it takes in");
    assert_eq!(with.attribute("serial"), None);
}

#[derive(Subject)]
struct Generic<'a, T, U: Attribute, const N: usize>
where
    T: Clone,
{
    #[subject(id)]
    number: u64,
    plan: &'a T,
    list: [U; N],
    maybe: Option<T>,
}

#[derive(Subject)]
struct Tuple<'a>(
    #[subject(id)] &'a str,
    #[subject(rename = "plan")] &'a str,
    #[subject(skip)]
    #[allow(dead_code)]
    PathBuf,
    #[subject(nested, rename = "owner")] Owner,
    #[subject(flatten)] Owner,
);

#[derive(Subject)]
#[subject(anonymous)]
struct Unit;

#[test]
fn structs_of_every_form() {
    let plan = "free".to_owned();
    let generic = Generic { number: 7, plan: &plan, list: [0.5; 2], maybe: None };
    assert_eq!((generic.id(), generic.attribute("plan")), (Some(Id::from(7)), Some(text("free"))));
    assert_eq!(elements(&generic, "list"), [Some("0.5".to_owned()), Some("0.5".to_owned())]);
    assert_eq!(generic.attribute("maybe"), None);

    let owner = |country| Owner { country, post_code: 1 };
    let tuple = Tuple("u1", "free", PathBuf::new(), owner("PT"), owner("ES"));
    assert_eq!((tuple.id(), tuple.attribute("plan")), (Some(Id::from("u1")), Some(text("free"))));
    assert_eq!((tuple.attribute("owner.country"), tuple.attribute("country")), (Some(text("PT")), Some(text("ES"))));
    for name in ["0", "1", "2", "3.country"] {
        assert_eq!(tuple.attribute(name), None);
    }
    assert_eq!((Unit.id(), Unit.attribute("plan")), (None, None));
}

/// Names that the expansion uses, or might.
#[derive(Subject)]
struct Names {
    #[subject(id)]
    id: u8,
    name: u8,
    value: u8,
    attribute: u8,
    text: u8,
    self_: u8,
    r#match: u8,
    r#_x: u8,
    #[subject(nested, rename = "nested")]
    rest: Owner,
    #[subject(rename = "id")]
    also_id: &'static str,
    #[subject(rename = "")]
    empty: u8,
    #[subject(rename = "país \"x\" {}")]
    odd: u8,
}

#[test]
fn names_of_fields_do_not_conflict_with_the_expansion() {
    let names = Names {
        id: 1,
        name: 2,
        value: 3,
        attribute: 4,
        text: 5,
        self_: 6,
        r#match: 7,
        r#_x: 8,
        rest: Owner { country: "PT", post_code: 1 },
        also_id: "an attribute called id",
        empty: 9,
        odd: 10,
    };
    assert_eq!(names.id(), Some(Id::from(1)));
    for (name, number) in [
        ("name", 2),
        ("value", 3),
        ("attribute", 4),
        ("text", 5),
        ("self_", 6),
        ("match", 7),
        ("_x", 8),
        ("", 9),
        ("país \"x\" {}", 10),
    ] {
        assert_eq!(names.attribute(name), Some(Value::Integer(number)), "{name}");
    }
    assert_eq!(names.attribute("nested.country"), Some(text("PT")));
    assert_eq!(names.attribute("id"), Some(text("an attribute called id")));
}

#[test]
fn derived_subjects_work_in_every_form_of_the_macro() {
    let user = user(None, None, None);
    assert!(!flag!("beta-ui", &user) && !flag!("beta-ui", user) && !flag!("beta-ui", Some(&user)));
    assert!(!flag!("beta-ui", id = user.number, plan = Plan::Paid, owner = user.owner.country));
    assert!(!flag!("beta-ui", &user as &dyn Subject) && !flag!("beta-ui", Unit));
}
