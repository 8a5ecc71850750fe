#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(future_incompatible, nonstandard_style, rust_2018_idioms, unused, unused_qualifications, unreachable_pub)]

use ::flagkit_core::Subject as _;

#[derive(::flagkit_core::Attribute)]
enum Plan {
    Free,
    #[attribute(rename = "paid for")]
    Paid,
}

#[derive(::flagkit_core::Attribute)]
struct Email(::std::string::String);

#[derive(::flagkit_core::Subject)]
#[subject(anonymous)]
struct Account<'a> {
    country: &'a str,
}

#[derive(::flagkit_core::Subject)]
struct User<'a> {
    #[subject(id)]
    number: u64,
    plan: Plan,
    email: ::std::option::Option<Email>,
    #[subject(text)]
    locale: ::std::string::String,
    #[subject(nested)]
    account: Account<'a>,
    #[subject(flatten)]
    owner: Account<'a>,
    #[subject(skip)]
    _secret: &'a str,
}

fn user(plan: Plan) -> User<'static> {
    User {
        number: 7,
        plan,
        email: ::std::option::Option::Some(Email(::std::string::String::new())),
        locale: ::std::string::String::new(),
        account: Account { country: "PT" },
        owner: Account { country: "ES" },
        _secret: "",
    }
}

fn main() {
    let (free, paid) = (user(Plan::Free), user(Plan::Paid));
    let flags = ::flagkit_core::Flags::new();
    let theme = ::flagkit_core::variant!("a", free);
    let others = (
        ::flagkit_core::variant!("a", &paid),
        ::flagkit_core::variant!("a", id = 7, plan = Plan::Free),
        ::flagkit_core::variant!(in flags, "a", free),
        ::flagkit_core::variant!(in flags.snapshot(), "a", id = "u1", email = paid.email,),
    );
    ::std::assert!(theme.is_none() && others.0.is_none() && others.1.is_none());
    ::std::assert!(others.2.is_none() && others.3.is_none());
    ::std::assert!(!::flagkit_core::flag!("a", free) && !::flagkit_core::flag!(in flags, "a", paid));
    ::std::assert!(free.attribute("account.country").is_some() && free.attribute("country").is_some());
    ::std::assert!(free.attribute("account.seats").is_none() && free.attribute("email").is_some());
}
