use flagkit_core::migration;

migration! { static SPLIT: "split", range = Full }

fn main() {
    let plan = SPLIT.plan().expect("a plan");
    plan.write_new(|| "new");
    let _ = plan.read_new(|| "new");
}
