use flagkit_core::flag;

fn main() {
    let key = "new-checkout";
    flag!(key);
}
