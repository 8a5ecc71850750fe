use flagkit_core::flag;

fn main() {
    struct Tier;
    flag!("new-checkout", id = 17, plan = Tier);
}
