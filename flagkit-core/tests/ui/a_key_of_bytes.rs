use flagkit_core::flag;

fn main() {
    flag!(b"new-checkout");
}
