use flagkit_core::migration;

migration! { static SPLIT: "split", range = Contracted }

fn main() {
    let plan = SPLIT.plan().expect("a plan");
    let _ = plan.write(|| Ok::<_, ()>("old"), || Ok("new"));
    let _ = plan.read(|| "old", || "new");
    if plan.writes_old() {}
}
