//! Nested and flattened subjects, and structs of every form.

use std::path::PathBuf;

use flagkit_core::{Attribute, Id, Subject, Value, flag};

use super::fields::{Plan, elements, text};

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
    direct: u8,
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
        direct: 1,
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
    assert_eq!(without.id(), Some(Id::from(7)), "a nested subject does not set the id");
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
    assert_eq!(without.attribute("account.seats"), Some(Value::Integer(1)), "a field of exactly that name wins");

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
    assert_eq!(with.attribute("country"), Some(text("FR")), "the first flattened subject that has the attribute wins");
    assert_eq!(with.attribute("plan"), Some(text("free")), "own fields win over flattened ones");
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
fn structs_of_every_form_are_derived() {
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

/// Fields with names that the expansion uses, or could use.
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
