use std::marker::PhantomData;

use flagkit_core::{Id, Subject, Value};

#[derive(Subject)]
#[subject(anonymous)]
struct Account {
    seats: u32,
}

struct NoAttribute;

#[derive(Subject)]
struct User<I, P, A, F, T, X> {
    #[subject(id)]
    id: I,
    plan: P,
    #[subject(nested)]
    account: A,
    #[subject(flatten)]
    other: F,
    #[subject(text)]
    text: T,
    #[subject(skip)]
    #[allow(dead_code)]
    mark: PhantomData<X>,
}

fn main() {
    let account = || Account { seats: 12 };
    let mark = PhantomData::<NoAttribute>;
    let user = User { id: 7_u64, plan: "free", account: account(), other: account(), text: "x", mark };
    assert_eq!(user.id(), Some(Id::from(7)));
    assert_eq!(user.attribute("account.seats"), Some(Value::Integer(12)));
}
