use flagkit_core::Subject;

#[derive(Subject)]
struct User {
    #[subject(id)]
    number: u64,
    #[subject(nested, flatten)]
    account: Option<u64>,
}

fn main() {}
