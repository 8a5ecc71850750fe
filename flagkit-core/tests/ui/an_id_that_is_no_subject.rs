use flagkit_core::Subject;

#[derive(Subject)]
struct User {
    #[subject(id)]
    number: f64,
}

fn main() {}
