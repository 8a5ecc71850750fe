use flagkit_core::flag;

fn main() {
    let _: u8 = flag!("new-checkout");
}
