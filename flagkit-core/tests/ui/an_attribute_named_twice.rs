use flagkit_core::Subject;

#[derive(Subject)]
struct User {
    #[subject(id)]
    number: u64,
    email: String,
    #[subject(rename = "email")]
    address: String,
}

fn main() {}
