//! The overrides and recordings that are active on a thread, and the hook through which reads use them.
//!
//! Each thread has a stack of scopes: one for the thread itself, and one for each task it is polling at the moment. A
//! guard that begins adds an item to the innermost scope. A task takes its scope along, so its overrides are active
//! wherever it is polled, and nowhere else.
//!
//! ```text
//! thread ──▶ SCOPES: [ scope of the thread, scope of the task being polled, … ]
//!                        └─ items: overrides, recordings (weak; the guards own them)
//! ```
//!
//! # How a read uses it
//!
//! While a guard exists, every call site takes its slow path and calls [`ScopeHook`]. The hook searches the scopes of
//! its thread from the innermost one, and the items of a scope from the latest. The first override of the key decides.
//! All live recordings of the scopes receive the read.
//!
//! # Cost
//!
//! A process without a guard pays one relaxed load where a read takes the slow path anyway. With guards, a read
//! searches a few short lists. Only recordings allocate.
//!
//! # Ownership
//!
//! A scope holds weak references; the guards own the overrides and recordings. So guards may be dropped in any order,
//! and on a thread that is ending. No user code runs while the stack is borrowed.

use std::cell::RefCell;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::overrides::{Overrides, Value};
use super::recording::FlagRead;
use crate::model::{Stage, Variant};
use crate::read::call_site::hook::ReadHook;

/// The reads that a recording has collected. The [`Recording`](super::Recording) owns it, and scopes refer to it.
pub(super) type RecordingBuffer = Mutex<Vec<FlagRead>>;

/// The overrides and recordings that began in one thread or task, oldest first.
///
/// The scope of a thread is in `SCOPES` until the thread ends. That of a task moves: [`enter`] takes it from the task
/// at the start of a poll, and [`leave`] returns it at the end.
#[derive(Debug, Default)]
pub(super) struct Scope(Vec<ScopeItem>);

/// What began in a scope. It refers to what the guard owns, so it ends with the guard.
#[derive(Debug)]
enum ScopeItem {
    Overrides(Weak<Overrides>),
    Recording(Weak<RecordingBuffer>),
}

thread_local! {
    /// The scopes of this thread, innermost last.
    static SCOPES: RefCell<Vec<Scope>> = const { RefCell::new(Vec::new()) };
}

/// The number of guards in the process. A thread always counts its own guards. The registry of call sites counts them
/// as well, but under a lock that a read never takes.
static ACTIVE_GUARDS: AtomicUsize = AtomicUsize::new(0);

/// Counts a guard that begins.
pub(super) fn add_guard() {
    ACTIVE_GUARDS.fetch_add(1, Ordering::Relaxed);
}

/// Counts a guard that ends.
pub(super) fn remove_guard() {
    ACTIVE_GUARDS.fetch_sub(1, Ordering::Relaxed);
}

/// Calls `run` with the scopes of this thread. `None` if the process has no guard, or the thread is ending.
///
/// `run` must not call user code: a read of a flag in there would find the stack borrowed, and would ignore overrides.
fn with_scopes<T>(run: impl FnOnce(&mut Vec<Scope>) -> T) -> Option<T> {
    if ACTIVE_GUARDS.load(Ordering::Relaxed) == 0 {
        return None;
    }
    SCOPES.try_with(|scopes| scopes.try_borrow_mut().ok().map(|mut scopes| run(&mut scopes))).ok().flatten()
}

impl Scope {
    /// Creates the scope of a task that runs with `overrides`.
    pub(super) fn with_overrides(overrides: &Arc<Overrides>) -> Self {
        Self(vec![ScopeItem::Overrides(Arc::downgrade(overrides))])
    }
}

impl ScopeItem {
    /// Returns whether the guard still exists.
    fn is_alive(&self) -> bool {
        match self {
            Self::Overrides(overrides) => overrides.strong_count() > 0,
            Self::Recording(buffer) => buffer.strong_count() > 0,
        }
    }

    /// Returns the overrides, unless this is a recording or its guard is gone.
    fn overrides(&self) -> Option<Arc<Overrides>> {
        match self {
            Self::Overrides(overrides) => overrides.upgrade(),
            Self::Recording(_) => None,
        }
    }

    /// Returns the buffer of a recording, unless this is something else or its guard is gone.
    fn buffer(&self) -> Option<Arc<RecordingBuffer>> {
        match self {
            Self::Recording(buffer) => buffer.upgrade(),
            Self::Overrides(_) => None,
        }
    }
}

/// Adds an item to the innermost scope, and removes the items of dropped guards.
///
/// The removal happens here because a guard may be dropped where its scope is out of reach: in another poll, or on a
/// thread that is ending.
fn begin(item: ScopeItem) {
    with_scopes(|scopes| {
        if scopes.is_empty() {
            scopes.push(Scope::default());
        }
        if let Some(Scope(items)) = scopes.last_mut() {
            items.retain(ScopeItem::is_alive);
            items.push(item);
        }
    });
}

pub(super) fn begin_overrides(overrides: &Arc<Overrides>) {
    begin(ScopeItem::Overrides(Arc::downgrade(overrides)));
}

pub(super) fn begin_recording(buffer: &Arc<RecordingBuffer>) {
    begin(ScopeItem::Recording(Arc::downgrade(buffer)));
}

/// Makes a scope the innermost one of this thread. Returns `false` if the thread is ending.
///
/// The caller calls [`leave`] only after `true`, or it would take the scope of another task.
pub(super) fn enter(scope: &mut Scope) -> bool {
    with_scopes(|scopes| scopes.push(mem::take(scope))).is_some()
}

/// Removes and returns the innermost scope, with all that began in it since [`enter`].
pub(super) fn leave() -> Scope {
    with_scopes(Vec::pop).flatten().unwrap_or_default()
}

/// Returns all overrides that are active on this thread, oldest first.
pub(super) fn active_overrides() -> Vec<Arc<Overrides>> {
    with_scopes(|scopes| scopes.iter().flat_map(|Scope(items)| items.iter().filter_map(ScopeItem::overrides)).collect())
        .unwrap_or_default()
}

/// Returns the forced value of a flag from the latest overrides that contain it.
fn forced_value(scopes: &[Scope], key: &str) -> Option<Value> {
    let mut latest_first = scopes.iter().rev().flat_map(|Scope(items)| items.iter().rev());
    latest_first.find_map(|item| item.overrides()?.value(key).cloned())
}

/// Adds a read to all active recordings: those of the thread, and those of each task that it is polling.
fn record_read(scopes: &[Scope], key: &str, on: bool, variant: Option<&Variant>, is_forced: bool) {
    for buffer in scopes.iter().flat_map(|Scope(items)| items.iter().filter_map(ScopeItem::buffer)) {
        let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.push(FlagRead { key: key.into(), on, variant: variant.cloned(), is_forced });
    }
}

/// The hook that `ActiveGuard` gives to the call sites: it looks up and records reads in the scopes of the thread.
#[derive(Debug)]
pub(super) struct ScopeHook;

impl ReadHook for ScopeHook {
    /// A forced variant means that the flag is on.
    fn forced(&self, key: &str) -> Option<bool> {
        with_scopes(|scopes| {
            let on = match forced_value(scopes, key)? {
                Value::Switch(on) => on,
                Value::Variant(_) => true,
                Value::Stage(_) => false,
            };
            record_read(scopes, key, on, None, true);
            Some(on)
        })
        .flatten()
    }

    /// A flag that is forced to `true` names no variant, so the installed flags decide, and their result is recorded.
    fn forced_variant(&self, key: &str) -> Option<Option<Variant>> {
        with_scopes(|scopes| {
            let variant = match forced_value(scopes, key)? {
                Value::Switch(true) => return None,
                Value::Switch(false) | Value::Stage(_) => None,
                Value::Variant(variant) => Some(variant),
            };
            record_read(scopes, key, variant.is_some(), variant.as_ref(), true);
            Some(variant)
        })
        .flatten()
    }

    /// A switch says nothing about a stage, so the installed flags decide.
    fn forced_stage(&self, key: &str) -> Option<Stage> {
        with_scopes(|scopes| match forced_value(scopes, key)? {
            Value::Stage(stage) => Some(stage),
            Value::Switch(_) | Value::Variant(_) => None,
        })
        .flatten()
    }

    fn record(&self, key: &str, on: bool) {
        with_scopes(|scopes| record_read(scopes, key, on, None, false));
    }

    fn record_variant(&self, key: &str, variant: Option<&Variant>) {
        with_scopes(|scopes| record_read(scopes, key, variant.is_some(), variant, false));
    }
}
