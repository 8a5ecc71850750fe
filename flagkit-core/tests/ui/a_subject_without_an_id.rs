use flagkit_core::Subject;

#[derive(Subject)]
struct User {
    plan: String,
    seats: u32,
}

fn main() {
    let user = User { plan: String::new(), seats: 1 };
    let _ = user.attribute("plan");
}
