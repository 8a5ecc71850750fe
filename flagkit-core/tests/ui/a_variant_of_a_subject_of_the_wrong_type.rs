use flagkit_core::variant;

struct User {
    number: u64,
}

fn main() {
    let user = User { number: 7 };
    let _ = (variant!("theme", user), user.number);
}
