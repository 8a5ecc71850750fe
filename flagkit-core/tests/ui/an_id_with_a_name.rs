use flagkit_core::Subject;

#[derive(Subject)]
struct User {
    #[subject(id, rename = "user")]
    number: u64,
}

fn main() {}
