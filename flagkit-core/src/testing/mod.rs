//! Overrides and recordings of flags in tests, per thread.
//!
//! # The problem
//!
//! Code behind a flag has two paths, and its tests run only the one that the flag file selects. A test that sets an
//! environment variable, writes a file or installs flags changes them for all tests of the process.
//!
//! # The idea
//!
//! An override belongs to a thread. It begins with [`set`] and ends when its guard is dropped, also by a panic. The
//! latest override of a key takes precedence. Other tests are not affected, so tests still run in parallel.
//!
//! ```
//! use flagkit_core::{flag, testing};
//!
//! fn greeting() -> &'static str {
//!     if flag!("friendly") { "hello" } else { "good day" }
//! }
//!
//! assert_eq!(greeting(), "good day");
//! let friendly = testing::set("friendly", true);
//! assert_eq!(greeting(), "hello");
//! testing::with(&[("friendly", false)], || assert_eq!(greeting(), "good day"));
//! assert_eq!(greeting(), "hello");
//! drop(friendly);
//! assert_eq!(greeting(), "good day");
//! ```
//!
//! [`record`] collects which flags were read, and [`flag_test`] runs a test under every combination of some flags:
//!
//! ```
//! use flagkit_core::{flag, testing::flag_test};
//!
//! fn search(words: &str) -> Vec<&str> {
//!     if flag!("search-v2") { words.split(' ').rev().collect() } else { words.split(' ').collect() }
//! }
//!
//! #[flag_test("search-v2", off("dark-mode"))]
//! fn search_finds_all_words() {
//!     assert_eq!(search("red shoes").len(), 2);
//! }
//! # fn main() {}
//! ```
//!
//! # How it works
//!
//! While an override or a recording is alive anywhere in the process, every call site takes its slow path, which first
//! checks the overrides of its thread. Otherwise each call site works as in production. A read that takes the slow path
//! anyway (a flag with rules, a variant) then loads one or two words more.
//!
//! # Limits
//!
//! - Overrides affect `flag!` and `variant!` of the installed flags, even if none are installed. Test code that
//!   receives a [`Flags`](crate::Flags) with [`Flags::fixed`](crate::Flags::fixed).
//! - A thread that the tested code starts does not inherit overrides: enter [`Overrides::current`] there. A future
//!   takes its overrides from thread to thread with [`OverrideExt::with_flags`]. Without it, a guard held across an
//!   `await` also affects other tasks that its thread polls in the meantime.
//! - A recording collects only the reads of its own thread, or of its own task.
//! - An override affects one flag. Flags that require it are still decided by the installed flags; override them as
//!   well.
//! - The feature `testing` belongs in `[dev-dependencies]`. In a program it is harmless, but has no use.
//!
//! # Files
//!
//! - `overrides`: [`Overrides`], which flags are forced to which value.
//! - `guard`: the guards that begin and end overrides. `future`: the same for tasks.
//! - `recording`: [`Recording`], the reads of a test.
//! - `scopes`: the thread-local stack of all of them, and the hook that `read::call_site` calls.

mod future;
mod guard;
mod overrides;
mod recording;
mod scopes;

pub use flagkit_macros::flag_test;

pub use self::future::{OverrideExt, WithFlags};
pub use self::guard::OverrideGuard;
pub use self::overrides::{ForcedValue, Overrides};
pub use self::recording::{FlagRead, Recording};

/// Forces a flag to a value on this thread, until the guard is dropped.
///
/// `true` and `false` apply to all subjects. A [`Variant`](crate::Variant) means on, with that variant. If a flag with
/// variants is forced to `true`, `variant!` still reads the installed flags.
///
/// Bind the guard to a name (`let _flag = set(…)`); `let _ = set(…)` drops it immediately.
///
/// # Panics
///
/// Panics if the key is illegal (see [`FlagKey`](crate::FlagKey)), because a test of a flag that cannot exist tests
/// nothing.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Variant, flag, testing, variant};
///
/// let _theme = testing::set("theme", Variant::new("ocean"));
/// assert_eq!(variant!("theme", "user-1").as_ref().map(Variant::name), Some("ocean"));
/// assert!(flag!("theme"));
/// ```
#[track_caller]
pub fn set(key: &str, forced: impl Into<ForcedValue>) -> OverrideGuard {
    Overrides::new([(key, forced)]).enter()
}

/// Calls `run` with flags forced to values on this thread. To mix booleans and variants, convert each to a
/// [`ForcedValue`].
///
/// # Panics
///
/// Panics if a key is illegal.
///
/// # Examples
///
/// ```
/// use flagkit_core::{flag, testing};
///
/// let both = testing::with(&[("a", true), ("b", false)], || flag!("a") && flag!("b"));
/// assert!(!both);
///
/// use flagkit_core::Variant;
/// use flagkit_core::testing::ForcedValue;
///
/// let flags: [(_, ForcedValue); 2] = [("a", true.into()), ("theme", Variant::new("ocean").into())];
/// assert!(testing::with(&flags, || flag!("a") && flag!("theme")));
/// ```
#[track_caller]
pub fn with<F: Into<ForcedValue> + Clone, T>(flags: &[(&str, F)], run: impl FnOnce() -> T) -> T {
    let _guard = Overrides::new(flags.iter().map(|(key, forced)| (*key, forced.clone()))).enter();
    run()
}

/// Starts to record which flags this thread reads, and the results.
///
/// # Examples
///
/// ```
/// use flagkit_core::{flag, testing};
///
/// let recording = testing::record();
/// let _a = testing::set("a", true);
/// let _ = flag!("a") && flag!("b");
///
/// let reads: Vec<(String, bool)> = recording.reads().iter().map(|read| (read.key.to_string(), read.on)).collect();
/// assert_eq!(reads, [("a".to_owned(), true), ("b".to_owned(), false)]);
/// ```
pub fn record() -> Recording {
    Recording::begin()
}

/// Compiles the examples of `docs/testing.md`.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/testing.md")]
struct Chapter;
