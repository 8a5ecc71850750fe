use flagkit_core::flag;

fn main() {
    flag!(in "flags", "new-checkout");
}
