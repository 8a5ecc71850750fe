use flagkit_core::Subject;

#[derive(Subject)]
#[subject(anonymous)]
struct User {
    #[subject(id)]
    number: u64,
}

fn main() {}
