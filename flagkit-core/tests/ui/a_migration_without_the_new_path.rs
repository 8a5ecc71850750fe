use flagkit_core::migration;

migration! { static SPLIT: "split", range = Full }

fn main() {
    let plan = SPLIT.plan().expect("a plan");
    let _ = plan.write(|| Ok::<_, ()>("old"));
}
