#![deny(unused_must_use)]

use flagkit_core::migration;

migration! { static SPLIT: "split", range = Full }

fn main() -> Result<(), flagkit_core::migrate::PlanError> {
    SPLIT.plan()?;
    let plan = SPLIT.plan()?;
    plan.read(|| Ok::<_, ()>(1), || Ok::<_, ()>(2));
    let _ = plan.read(|| Ok::<_, ()>(1), || Ok::<_, ()>(2)).compare(|a, b| a == b).run(|shadow| {
        shadow;
    });
    Ok(())
}
