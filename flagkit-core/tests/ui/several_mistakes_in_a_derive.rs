use flagkit_core::{Attribute, Subject};

#[derive(Subject)]
#[subject(anonymous, hidden)]
struct User {
    #[subject(id, rename = "user")]
    number: u64,
    #[subject(id)]
    email: String,
    #[subject(rename = "plan")]
    tariff: String,
    plan: String,
    #[subject(text, nested, skip)]
    account: String,
}

#[derive(Subject)]
struct Pair(u64, #[subject(secret)] u64);

#[derive(Attribute)]
enum Plan {
    Free(u32),
    #[attribute(name = "paid")]
    Paid { seats: u32 },
}

fn main() {
    let _ = [Plan::Free(1), Plan::Paid { seats: 1 }].map(|plan| plan.value().is_some());
}
