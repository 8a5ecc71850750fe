//! What is in force on a thread.
//!
//! A thread has frames: one of its own, and one for each task that it is just polling. What begins goes into the latest; a task
//! takes its frame along, so that what it began is in force wherever it is polled, and nowhere else.
//!
//! A frame only knows what is in force; the guards own it. So a guard may end at any time and in any place. Nothing of a user's
//! is called while the frames are borrowed.

use std::cell::RefCell;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::asked::FlagRead;
use super::overrides::{Answer, Overrides};
use crate::model::Variant;

pub(super) type Tape = Mutex<Vec<FlagRead>>;

/// What began and has not ended, in order.
#[derive(Debug, Default)]
pub(super) struct Frame(Vec<Entry>);

#[derive(Debug)]
enum Entry {
    Overrides(Weak<Overrides>),
    Recording(Weak<Tape>),
}

thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// How many guards there are in this process. A thread always knows of its own. The registry of call sites has the same count, under
/// a lock that no read takes.
static GUARDS: AtomicUsize = AtomicUsize::new(0);

/// One guard more.
pub(super) fn guarded() {
    GUARDS.fetch_add(1, Ordering::Relaxed);
}

/// One less.
pub(super) fn unguarded() {
    GUARDS.fetch_sub(1, Ordering::Relaxed);
}

/// Does something with the frames of this thread; nothing, where there is no guard, and while the thread ends.
fn with<T>(run: impl FnOnce(&mut Vec<Frame>) -> T) -> Option<T> {
    if GUARDS.load(Ordering::Relaxed) == 0 {
        return None;
    }
    FRAMES.try_with(|frames| frames.try_borrow_mut().ok().map(|mut frames| run(&mut frames))).ok().flatten()
}

impl Frame {
    /// That of a task which has these overrides.
    pub(super) fn of(overrides: &Arc<Overrides>) -> Self {
        Self(vec![Entry::Overrides(Arc::downgrade(overrides))])
    }
}

impl Entry {
    fn is_alive(&self) -> bool {
        match self {
            Self::Overrides(overrides) => overrides.strong_count() > 0,
            Self::Recording(tape) => tape.strong_count() > 0,
        }
    }

    fn overrides(&self) -> Option<Arc<Overrides>> {
        match self {
            Self::Overrides(overrides) => overrides.upgrade(),
            Self::Recording(_) => None,
        }
    }

    fn tape(&self) -> Option<Arc<Tape>> {
        match self {
            Self::Recording(tape) => tape.upgrade(),
            Self::Overrides(_) => None,
        }
    }
}

fn begin(entry: Entry) {
    with(|frames| {
        if frames.is_empty() {
            frames.push(Frame::default());
        }
        if let Some(Frame(entries)) = frames.last_mut() {
            entries.retain(Entry::is_alive);
            entries.push(entry);
        }
    });
}

pub(super) fn begin_overrides(overrides: &Arc<Overrides>) {
    begin(Entry::Overrides(Arc::downgrade(overrides)));
}

pub(super) fn begin_recording(tape: &Arc<Tape>) {
    begin(Entry::Recording(Arc::downgrade(tape)));
}

/// Makes a frame the latest of this thread; tells whether it is.
pub(super) fn enter(frame: &mut Frame) -> bool {
    with(|frames| frames.push(mem::take(frame))).is_some()
}

/// Takes the latest frame away.
pub(super) fn leave() -> Frame {
    with(Vec::pop).flatten().unwrap_or_default()
}

/// All overrides in force, the latest last.
pub(super) fn overrides() -> Vec<Arc<Overrides>> {
    with(|frames| frames.iter().flat_map(|Frame(entries)| entries.iter().filter_map(Entry::overrides)).collect())
        .unwrap_or_default()
}

/// What the latest overrides of a flag say.
fn answer(frames: &[Frame], key: &str) -> Option<Answer> {
    let mut latest_first = frames.iter().rev().flat_map(|Frame(entries)| entries.iter().rev());
    latest_first.find_map(|entry| entry.overrides()?.answer(key).cloned())
}

fn take_down(frames: &[Frame], key: &str, on: bool, variant: Option<&Variant>, is_forced: bool) {
    for tape in frames.iter().flat_map(|Frame(entries)| entries.iter().filter_map(Entry::tape)) {
        let mut tape = tape.lock().unwrap_or_else(PoisonError::into_inner);
        tape.push(FlagRead { key: key.into(), on, variant: variant.cloned(), is_forced });
    }
}

/// What the test says that the flag is, if it does. Taken down as asked.
pub(crate) fn forced(key: &str) -> Option<bool> {
    with(|frames| {
        let on = match answer(frames, key)? {
            Answer::Is(on) => on,
            Answer::Variant(_) => true,
        };
        take_down(frames, key, on, None, true);
        Some(on)
    })
    .flatten()
}

/// The variant that the test says, if it says one, or that there is none. Taken down as asked.
#[allow(clippy::option_option)] // said, and what
pub(crate) fn forced_variant(key: &str) -> Option<Option<Variant>> {
    with(|frames| {
        let variant = match answer(frames, key)? {
            Answer::Is(true) => return None,
            Answer::Is(false) => None,
            Answer::Variant(variant) => Some(variant),
        };
        take_down(frames, key, variant.is_some(), variant.as_ref(), true);
        Some(variant)
    })
    .flatten()
}

/// Takes down what the installed flags answered.
pub(crate) fn asked(key: &str, on: bool) {
    with(|frames| take_down(frames, key, on, None, false));
}

pub(crate) fn asked_variant(key: &str, variant: Option<&Variant>) {
    with(|frames| take_down(frames, key, variant.is_some(), variant, false));
}
