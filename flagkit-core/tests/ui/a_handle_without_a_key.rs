use flagkit_core::flag;

fn main() {
    let flags = flagkit_core::Flags::new();
    flag!(in flags);
}
