use flagkit_core::Subject;

#[derive(Subject)]
#[subject(crate = "flagkit core")]
struct User {
    #[subject(id)]
    number: u64,
}

fn main() {}
