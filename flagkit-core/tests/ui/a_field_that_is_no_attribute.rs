use std::time::SystemTime;

use flagkit_core::Subject;

#[derive(Subject)]
struct User {
    #[subject(id)]
    number: u64,
    since: SystemTime,
}

fn main() {}
