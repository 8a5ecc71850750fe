use flagkit_core::flag;

fn main() {
    struct Plan;
    flag!("new-checkout", id = 17, plan = Plan);
}
