#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(future_incompatible, nonstandard_style, rust_2018_idioms, unused, unused_qualifications, unreachable_pub)]

fn main() {
    let flags = ::flagkit_core::Flags::new();
    let lit = ::flagkit_core::flag!("a")
        || ::flagkit_core::flag!("a", 7)
        || ::flagkit_core::flag!("a", id = 7, plan = "beta")
        || ::flagkit_core::flag!("a", plan = "beta",)
        || ::flagkit_core::flag!(in flags, "a")
        || ::flagkit_core::flag!(in flags, "a", "user-1")
        || ::flagkit_core::flag!(in flags.snapshot(), "a", id = "user-1", plan = 7);
    ::std::assert!(!lit);
}
