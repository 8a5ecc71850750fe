use flagkit_core::flag;

fn main() {
    flag!("new-checkout", 1.5);
}
