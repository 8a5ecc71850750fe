use flagkit_core::Subject;

#[derive(Subject)]
struct User {
    #[subject(id)]
    number: u64,
    #[subject(flatten)]
    tags: Vec<String>,
}

fn main() {}
