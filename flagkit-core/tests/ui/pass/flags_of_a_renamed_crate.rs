#![no_std]

extern crate flagkit_core as fk;
extern crate std;

/// The caller may use the name `flagkit_core` for another item.
mod flagkit_core {}

fn main() {
    let flags = fk::Flags::new();
    assert!(!fk::flag!("a") && !fk::flag!("a", 7) && !fk::flag!("a", id = 7, plan = "beta"));
    assert!(!fk::flag!(in flags, "a") && !fk::flag!(in flags, "a", id = 7, plan = "beta"));
}
