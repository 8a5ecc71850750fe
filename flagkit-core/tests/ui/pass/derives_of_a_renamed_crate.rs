#![no_std]

extern crate flagkit_core as fk;
extern crate std;

/// The caller may use the name `flagkit_core` for another item.
mod flagkit_core {}

mod deep {
    pub(crate) mod down {
        pub(crate) use fk as there;
    }
}

#[derive(fk::Attribute)]
#[attribute(crate = "fk")]
enum Plan {
    Free,
}

#[derive(fk::Attribute)]
#[attribute(crate = "crate::deep::down::there")]
struct Email(&'static str);

#[derive(fk::Subject)]
#[subject(crate = "::fk", anonymous)]
struct Account<T> {
    country: T,
}

#[derive(fk::Subject)]
#[subject(crate = "deep::down::there")]
struct User {
    #[subject(id)]
    number: u64,
    plan: Plan,
    email: Email,
    #[subject(nested)]
    account: Account<&'static str>,
    #[subject(flatten)]
    owner: Option<Account<u8>>,
}

fn main() {
    use fk::Subject as _;

    let user = User { number: 7, plan: Plan::Free, email: Email("a"), account: Account { country: "PT" }, owner: None };
    assert!(!fk::flag!("a", user) && fk::variant!("a", user).is_none());
    assert!(fk::variant!(in fk::Flags::new(), "a", id = user.number, plan = user.plan).is_none());
    assert!(user.attribute("email").is_some() && user.attribute("account.country").is_some());
    assert!(user.attribute("country").is_none());
}
