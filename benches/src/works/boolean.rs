//! W1: one boolean among a hundred flags.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use arc_swap::ArcSwap;
use flagkit_core::{Flags, flag};
use foldhash::fast::RandomState;

use super::flags;
use crate::case::{Case, Work};

type Map = HashMap<String, bool, RandomState>;

fn map() -> Map {
    let others = (0..100).map(|index| (format!("feature-{index}"), index % 2 == 0));
    others.chain([("boolean".to_owned(), true)]).collect()
}

pub(super) fn work() -> Work {
    let handle = Flags::fixed(flags(100));
    let snapshot = handle.snapshot();
    let (bit, swapped) = (AtomicBool::new(true), Arc::new(ArcSwap::from_pointee(map())));
    let (locked, cache) = (RwLock::new(map()), RefCell::new(arc_swap::Cache::new(Arc::clone(&swapped))));
    Work {
        name: "boolean",
        title: "A boolean among a hundred flags",
        cases: vec![
            Case::new("floor: a relaxed `AtomicBool`", move || black_box(&bit).load(Ordering::Relaxed)),
            Case::new("`flag!`, on", || flag!("boolean")),
            Case::new("`flag!`, off", || flag!("dark")),
            Case::new("`flag!`, undeclared", || flag!("undeclared")),
            Case::new("pinned snapshot", move || snapshot.is_on(black_box("boolean"), &())),
            Case::new("handle", move || handle.is_on(black_box("boolean"), &())),
            Case::new("floor: `arc_swap::Cache`, look-up", move || {
                cache.borrow_mut().load().get(black_box("boolean")).copied()
            }),
            Case::new("floor: `ArcSwap::load`, look-up", move || swapped.load().get(black_box("boolean")).copied()),
            Case::new("floor: `RwLock<HashMap>`", move || {
                locked.read().ok().and_then(|map| map.get(black_box("boolean")).copied())
            }),
        ],
    }
}
