use flagkit_core::migration;

migration! { static SPLIT: "split" }
migration! { static OTHER: "other", range = Half, begin = Off, second_write = Ignore }

fn main() {
    let _ = (SPLIT.plan(), OTHER.plan());
}
