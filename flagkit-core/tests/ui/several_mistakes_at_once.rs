use flagkit_core::flag;

fn main() {
    flag!("-new checkout"suffix, id = 17, plan = "beta", plan = "free", id = 18);
    flag!("");
    flag!("new-checkout", 17, 18);
}
