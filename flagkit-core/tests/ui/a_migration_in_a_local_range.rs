use flagkit_core::migrate::Range;
use flagkit_core::source::Stage;

struct Anything;

impl Range for Anything {
    const FIRST: Stage = Stage::Off;
    const LAST: Stage = Stage::Contracted;
    const NAME: &'static str = "anything";
}

fn main() {}
