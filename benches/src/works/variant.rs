//! W4: four variants of equal weight.

use std::hint::black_box;

use flagkit_core::{Flags, variant};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{UUID, flags};
use crate::case::{Case, Work};

pub(super) fn work() -> Work {
    let handle = Flags::fixed(flags(100));
    Work {
        name: "variant",
        title: "One of four variants",
        cases: vec![
            Case::new("floor: XXH3 of a UUID", || xxh3_64_with_seed(black_box(UUID).as_bytes(), 1)),
            Case::new("`variant!`", || variant!("variant", black_box(UUID))),
            Case::new("handle", move || handle.variant(black_box("variant"), black_box(UUID))),
        ],
    }
}
