//! The expansions use the items of flagkit-core, whatever items of the caller have the same names.

#![allow(dead_code, non_camel_case_types, non_snake_case)]

use std::option::Option as Maybe;
use std::string::String as Text;

mod core {}
mod option {}
struct Option;
struct Some;
struct None;
struct str;
struct String;
struct Value;
struct Id;
struct Subject;
struct Attribute;
type Result = ();

fn value() {}
fn name() {}
fn id() {}

#[derive(flagkit_core::Attribute)]
enum Plan {
    Option,
    Some,
    None,
    Value,
    r#Text,
}

#[derive(flagkit_core::Subject)]
#[subject(anonymous)]
struct Account {
    name: Text,
    value: u8,
}

#[derive(flagkit_core::Subject)]
struct User {
    #[subject(id)]
    id: u64,
    name: Plan,
    value: Maybe<Text>,
    attribute: bool,
    r#Self_: u8,
    r#type: u8,
    #[subject(nested)]
    r#match: Account,
    #[subject(flatten)]
    flatten: Account,
    #[subject(text)]
    text: Text,
    #[subject(skip)]
    skip: Option,
}

fn main() {
    use flagkit_core::{Subject as _, Value};

    let account = || Account { name: Text::from("a"), value: 1 };
    let user = User {
        id: 7,
        name: Plan::None,
        value: Maybe::None,
        attribute: true,
        Self_: 1,
        r#type: 2,
        r#match: account(),
        flatten: account(),
        text: Text::new(),
        skip: Option,
    };
    assert_eq!(user.attribute("name"), Maybe::Some(Value::Text("none")));
    assert_eq!(user.attribute("type"), Maybe::Some(Value::Integer(2)));
    assert_eq!(user.attribute("match.name"), Maybe::Some(Value::Text("a")));
    assert_eq!(user.attribute("value"), Maybe::None);
    assert!(!flagkit_core::flag!("a", user) && flagkit_core::variant!("a", user).is_none());
    let value = 7;
    assert!(flagkit_core::variant!("a", id = value, name = "x", value = value).is_none());
}
