//! `tests/it/keys.rs` uses the same list.

macro_rules! each {
    ($($key:literal),* $(,)?) => {{ $(flagkit_core::flag!($key);)* }};
}

fn main() {
    include!("illegal_keys.in")
}
