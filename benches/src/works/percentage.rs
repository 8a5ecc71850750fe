//! W2: half of all users, by id.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use flagkit_core::{Flags, flag};
use foldhash::fast::RandomState;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::targeting::User;
use super::{UUID, flags};
use crate::case::{Case, Work};

const SHORT: &str = "user-017";
const SEED: u64 = 0x5EED;

/// Returns whether the hash of the id is in the lower half of the range.
fn is_in(id: &str, seed: u64) -> bool {
    xxh3_64_with_seed(id.as_bytes(), seed) >> 63 == 0
}

pub(super) fn work() -> Work {
    let word = AtomicU64::new(SEED);
    Work {
        name: "percentage",
        title: "Half of all users, at the call site",
        cases: vec![
            Case::new("floor: XXH3 of a UUID", || xxh3_64_with_seed(black_box(UUID).as_bytes(), SEED)),
            Case::new("floor: a relaxed `AtomicU64`, XXH3 of a UUID, a compare", move || {
                is_in(black_box(UUID), black_box(&word).load(Ordering::Relaxed))
            }),
            Case::new("`flag!`, a UUID", || flag!("percentage", black_box(UUID))),
            Case::new("floor: XXH3 of 8 bytes", || xxh3_64_with_seed(black_box(SHORT).as_bytes(), SEED)),
            Case::new("`flag!`, 8 bytes", || flag!("percentage", black_box(SHORT))),
            Case::new("`flag!`, an integer", || flag!("percentage", black_box(1_234_567_u64))),
        ],
    }
}

type Map = HashMap<String, u64, RandomState>;

pub(super) fn handle() -> Work {
    let handle = Flags::fixed(flags(100));
    let (snapshot, again, user) = (handle.snapshot(), handle.clone(), User::outside());
    let map: Map =
        (0..105).map(|index| (format!("feature-{index}"), SEED)).chain([("percentage".to_owned(), SEED)]).collect();
    let swapped = Arc::new(ArcSwap::from_pointee(map));
    let cache = RefCell::new(arc_swap::Cache::new(Arc::clone(&swapped)));
    Work {
        name: "handle",
        title: "Half of all users, by a handle: the key is looked up",
        cases: vec![
            Case::new("floor: `arc_swap::Cache`, look-up, XXH3 of a UUID", move || {
                let mut cache = cache.borrow_mut();
                cache.load().get(black_box("percentage")).is_some_and(|seed| is_in(black_box(UUID), *seed))
            }),
            Case::new("floor: `ArcSwap::load`, look-up, XXH3 of a UUID", move || {
                swapped.load().get(black_box("percentage")).is_some_and(|seed| is_in(black_box(UUID), *seed))
            }),
            Case::new("pinned snapshot", move || snapshot.is_on(black_box("percentage"), black_box(UUID))),
            Case::new("handle", move || handle.is_on(black_box("percentage"), black_box(UUID))),
            Case::new("handle, a user by reference", move || again.is_on(black_box("percentage"), black_box(&user))),
        ],
    }
}
