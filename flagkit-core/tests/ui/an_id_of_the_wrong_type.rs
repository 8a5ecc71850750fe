use flagkit_core::flag;

fn main() {
    flag!("new-checkout", id = [1, 2], plan = "beta");
}
