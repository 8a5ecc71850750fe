use flagkit_core::migrate::Plan;
use flagkit_core::migration;
use flagkit_core::source::Stage;

migration! { static SPLIT: "split", range = Full }

fn main() {
    let _ = SPLIT.plan_at(Stage::Off);
    let _: Plan<flagkit_core::migrate::Full> = Plan { stage: Stage::Off };
}
