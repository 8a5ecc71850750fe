use flagkit_core::variant;

fn main() {
    let flags = "flags.toml";
    let _ = variant!(in flags, "theme", 7);
}
