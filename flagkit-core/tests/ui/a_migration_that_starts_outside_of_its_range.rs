use flagkit_core::migration;

migration! { static FULL: "split", range = Full, start = Contracted }
migration! { static CONTRACTED: "split", range = Contracted, start = Off }
migration! { static MISSPELLED: "split", range = Full, start = Dual }

fn main() {
    let _ = (FULL.plan(), CONTRACTED.plan(), MISSPELLED.plan());
}
