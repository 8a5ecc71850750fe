//! Reads of flags as functions that are not inlined, for `scripts/assembly` to show.

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
