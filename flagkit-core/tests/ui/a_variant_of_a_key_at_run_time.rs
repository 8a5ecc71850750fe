use flagkit_core::variant;

fn main() {
    let key = "theme";
    let _ = variant!(key, 7);
}
