//! What is in force on a thread.
//!
//! Nothing of a user's is called while a thread's scope is borrowed.

use std::cell::RefCell;

use super::overrides::{Answer, Forced, Overrides};
use super::recording::{Asked, Shared};
use crate::call_site::{unwatch, watch};
use crate::definition::Variant;
use crate::key::FlagKey;

/// Which entry of a thread's scope.
pub(super) type Number = u64;

#[derive(Default)]
struct Scope {
    next: Number,
    /// In the order in which they began.
    overrides: Vec<(Number, Vec<(FlagKey, Forced)>)>,
    recordings: Vec<(Number, Shared)>,
}

thread_local! {
    static SCOPE: RefCell<Scope> = RefCell::default();
}

/// Does something with the scope; nothing, while the thread ends.
fn with<T>(run: impl FnOnce(&mut Scope) -> T) -> Option<T> {
    SCOPE.try_with(|scope| scope.try_borrow_mut().ok().map(|mut scope| run(&mut scope))).ok().flatten()
}

impl Scope {
    fn number(&mut self) -> Number {
        self.next += 1;
        self.next
    }

    fn forced(&self, key: &str) -> Option<&Answer> {
        let latest_first = self.overrides.iter().rev().flat_map(|(_, overrides)| overrides.iter().rev());
        latest_first.into_iter().find(|(known, _)| known.as_str() == key).map(|(_, forced)| &forced.0)
    }

    fn take_down(&self, key: &str, on: bool, variant: Option<&Variant>, is_forced: bool) {
        for (_, recording) in &self.recordings {
            if let Ok(mut asked) = recording.try_borrow_mut() {
                asked.push(Asked { key: key.into(), on, variant: variant.cloned(), is_forced });
            }
        }
    }
}

pub(super) fn push(overrides: &Overrides) -> Number {
    let number = with(|scope| {
        let number = scope.number();
        scope.overrides.push((number, overrides.0.clone()));
        number
    });
    watch();
    number.unwrap_or_default()
}

pub(super) fn record(recording: Shared) -> Number {
    let number = with(|scope| {
        let number = scope.number();
        scope.recordings.push((number, recording));
        number
    });
    watch();
    number.unwrap_or_default()
}

/// Ends whatever has this number.
pub(super) fn pop(number: Number) {
    let ended = with(|scope| {
        let of = |(it, _): &(Number, Vec<(FlagKey, Forced)>)| *it == number;
        let overrides = scope.overrides.iter().rposition(of).map(|at| scope.overrides.remove(at));
        let recording =
            scope.recordings.iter().rposition(|(it, _)| *it == number).map(|at| scope.recordings.remove(at));
        (overrides, recording)
    });
    // A variant carries a user's value: dropped when nothing is borrowed.
    drop(ended);
    unwatch();
}

pub(super) fn current() -> Overrides {
    let all = with(|scope| scope.overrides.iter().flat_map(|(_, overrides)| overrides.iter().cloned()).collect());
    Overrides(all.unwrap_or_default())
}

/// What the test says that the flag is, if it does. Taken down as asked.
pub(crate) fn forced(key: &str) -> Option<bool> {
    with(|scope| {
        let on = match scope.forced(key)? {
            Answer::Is(on) => *on,
            Answer::Variant(_) => true,
        };
        scope.take_down(key, on, None, true);
        Some(on)
    })
    .flatten()
}

/// The variant that the test says, if it says one, or that there is none. Taken down as asked.
#[allow(clippy::option_option)] // said, and what
pub(crate) fn forced_variant(key: &str) -> Option<Option<Variant>> {
    with(|scope| {
        let variant = match scope.forced(key)? {
            Answer::Is(true) => return None,
            Answer::Is(false) => None,
            Answer::Variant(variant) => Some(variant.clone()),
        };
        scope.take_down(key, variant.is_some(), variant.as_ref(), true);
        Some(variant)
    })
    .flatten()
}

/// Takes down what the installed flags answered.
pub(crate) fn asked(key: &str, on: bool) {
    with(|scope| scope.take_down(key, on, None, false));
}

pub(crate) fn asked_variant(key: &str, variant: Option<&Variant>) {
    with(|scope| scope.take_down(key, variant.is_some(), variant, false));
}
