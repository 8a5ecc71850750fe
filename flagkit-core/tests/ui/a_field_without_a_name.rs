use flagkit_core::Subject;

#[derive(Subject)]
struct User(#[subject(id)] u64, String);

fn main() {}
