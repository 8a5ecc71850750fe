//! What flags are, as a test says: on its own thread, for as long as it likes.
//!
//! # The problem
//!
//! Code behind a flag has two ways through it, and only the one that is on in the flag file is ever run by its tests.
//! A test that sets an environment variable, writes a file or installs flags sets them for all tests of the process.
//!
//! # The idea
//!
//! An override is of a thread. It begins with [`set`], ends when the guard goes out of scope, by a panic too, and the
//! latest one of a key counts. No other test sees it, so that tests still run side by side.
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
//! [`record`] tells what was asked, and [`flag_test`] runs a test under every combination of some flags:
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
//! As long as an override or a recording is alive anywhere in the process, the word of every call site says "ask" instead
//! of what it would say, and whoever asks looks at the overrides of its thread first. Else the word is what it is in a program,
//! and what asks anyway (a flag with rules, a variant) loads one more word.
//!
//! # Limits
//!
//! - `flag!` and `variant!` of the installed flags are concerned, whether any are installed or not. What reads a [`Flags`](crate::Flags)
//!   that it was given is tested with [`Flags::fixed`](crate::Flags::fixed).
//! - A thread that the code under test starts does not inherit: hand it [`Overrides::current`]. A future follows its task
//!   from thread to thread by [`OverrideExt::with_flags`]. In a future without it, a guard that is held across an `await` is
//!   in force for whatever else its thread polls meanwhile.
//! - A recording takes down what its own thread asks, or its own task.
//! - An override is of one flag: those that require it are still decided by the installed flags. Override them as well.
//! - The feature `testing` belongs into `[dev-dependencies]`. In a program it would do no harm, and no good.

mod asked;
pub(crate) mod frames;
mod future;
mod overrides;
mod recording;
mod scope;
mod watch;

pub use flagkit_macros::flag_test;

pub use self::asked::FlagRead;
pub use self::future::{OverrideExt, WithFlags};
pub use self::overrides::{ForcedValue, Overrides};
pub use self::recording::Recording;
pub use self::scope::OverrideGuard;

/// Has a flag be what the test says, on this thread, as long as the guard lives.
///
/// `true` and `false` are for everybody; a [`Variant`](crate::Variant) is on, and that variant. Where a flag that has
/// variants is forced to `true`, `variant!` still asks the installed flags. The guard wants a name: `let _ = set(…)` ends at
/// once.
///
/// # Panics
///
/// Panics when the key is of illegal form (see [`FlagKey`](crate::FlagKey)): a test that sets a flag that cannot exist
/// tests nothing.
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

/// Runs something with flags as the test says, on this thread. Where variants and booleans mix, each is a [`ForcedValue`].
///
/// # Panics
///
/// Panics when a key is of illegal form.
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
    let _scope = Overrides::new(flags.iter().map(|(key, forced)| (*key, forced.clone()))).enter();
    run()
}

/// Begins to take down which flags this thread asks, and what the answers are.
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
/// let answers: Vec<(String, bool)> = recording.reads().iter().map(|asked| (asked.key.to_string(), asked.on)).collect();
/// assert_eq!(answers, [("a".to_owned(), true), ("b".to_owned(), false)]);
/// ```
pub fn record() -> Recording {
    Recording::begin()
}

/// Compiles the code of the chapter.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/testing.md")]
struct Chapter;
