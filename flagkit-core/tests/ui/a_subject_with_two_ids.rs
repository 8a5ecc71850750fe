use flagkit_core::Subject;

#[derive(Subject)]
struct User {
    #[subject(id)]
    number: u64,
    #[subject(id)]
    email: String,
}

fn main() {}
