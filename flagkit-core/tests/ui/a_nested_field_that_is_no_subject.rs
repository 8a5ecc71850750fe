use flagkit_core::Subject;

struct Account {
    seats: u32,
}

#[derive(Subject)]
struct User {
    #[subject(id)]
    number: u64,
    #[subject(nested)]
    account: Account,
}

fn main() {
    let _ = Account { seats: 1 }.seats;
}
