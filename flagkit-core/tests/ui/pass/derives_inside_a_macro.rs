use flagkit_core::{Subject, Value};

macro_rules! user {
    ($name:ident { $($(#[$option:meta])* $field:ident: $type:ident,)* }) => {
        #[derive(flagkit_core::Subject)]
        struct $name {
            $($(#[$option])* $field: $type,)*
        }
    };
}

user!(Account {
    #[subject(id)]
    number: u64,
    seats: u32,
});

user!(User {
    #[subject(id)]
    number: u64,
    #[subject(text)]
    plan: String,
    email: String,
    #[subject(nested)]
    account: Account,
    #[subject(flatten)]
    other: Account,
});

fn main() {
    let account = || Account { number: 1, seats: 12 };
    let user = User { number: 7, plan: String::new(), email: String::new(), account: account(), other: account() };
    assert_eq!(user.attribute("account.seats"), Some(Value::Integer(12)));
    assert_eq!(user.attribute("seats"), Some(Value::Integer(12)));
}
