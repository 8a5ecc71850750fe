use flagkit_core::Subject;

#[derive(Subject)]
struct User {
    #[subject(id)]
    number: u64,
    #[subject(text)]
    seats: u32,
}

fn main() {}
