use flagkit_core::flag;

fn main() {
    flag!("new-checkout", id = 17, plan = "beta", plan = "free");
}
