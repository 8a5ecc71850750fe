use flagkit_core::flag;

fn main() {
    flag!("new-checkout" 17);
}
