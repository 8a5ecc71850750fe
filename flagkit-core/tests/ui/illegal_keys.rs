//! The list is shared with `the_macro_and_the_type_agree_on_keys.rs`.

macro_rules! each {
    ($($key:literal),* $(,)?) => {{ $(flagkit_core::flag!($key);)* }};
}

fn main() {
    include!("illegal_keys.in")
}
