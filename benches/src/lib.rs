//! Reads of flags as functions that are not inlined, for `scripts/assembly` to show and for the benchmarks to time.

use flagkit_core::flag;

/// A boolean flag.
#[inline(never)]
pub fn boolean() -> bool {
    flag!("boolean")
}

/// A percentage, of a text id.
#[inline(never)]
pub fn percentage(id: &str) -> bool {
    flag!("percentage", id)
}

/// A percentage, of an integer id.
#[inline(never)]
pub fn percentage_of_integer(id: u64) -> bool {
    flag!("percentage", id)
}
