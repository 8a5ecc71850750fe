use flagkit_core::variant;

fn main() {
    if variant!("theme", 7) {}
}
