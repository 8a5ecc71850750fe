use flagkit_core::flag;

fn main() {
    struct User;
    flag!("new-checkout", User);
}
