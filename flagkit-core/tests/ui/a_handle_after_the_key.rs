use flagkit_core::flag;

fn main() {
    let flags = flagkit_core::Flags::new();
    flag!("new-checkout", in flags);
}
