//! Feature flags that are read with one atomic load.
//!
//! Code is merged dark: behind a flag that is off. A human turns the flag on, by changing one line in a file, and
//! every process picks that up within milliseconds. Turning it off is as quick. This crate is the part that libraries
//! and applications read flags with; [`flagkit-sources`] is the part that applications get them from.
//!
//! ```
//! use flagkit_core::flag;
//!
//! # let (user_id, plan) = (17_u64, "beta");
//! if flag!("new-checkout") { /* on for everybody, or for nobody */ }
//! if flag!("search-v2", user_id) { /* on for a part, always the same one */ }
//! if flag!("beta-ui", id = user_id, plan = plan) { /* for whom the rules say; fields built on the stack */ }
//! ```
//!
//! A read never blocks, never fails, never panics, never allocates and never logs. With nothing installed, nothing
//! declared or nothing understood, the answer is dark.
//!
//! # For authors of libraries
//!
//! Depend on this crate alone and write [`flag!`]. Your flags are dark until the application that uses you installs
//! flags and declares yours; prefix the keys with your crate's name (`"mycrate.fast-path"`). To take flags as an
//! argument, take a [`Flags`] and write `flag!(in flags, "key")`.
//!
//! # For authors of applications
//!
//! Add `flagkit-sources` and call `flagkit_sources::watch("flags.toml")` at the top of `main`. That installs, for
//! [`flag!`], the flags of that file with `FLAG_*` environment variables laid over them.
//!
//! # For authors of sources
//!
//! Implement [`Source`]: say what you are, load once, then publish changes until told to stop.
//! What you produce are [`FlagSet`]s; what you call is a [`Publisher`].
//!
//! # For testers
//!
//! [`Flags::fixed`] makes flags that need no file, thread or global. With the feature `testing`, the module `testing` has
//! `flag!` answer what a test wants, on its own thread, and tells what was asked.
//!
//! # How it works
//!
//! ```text
//! source ──▶ publisher ──▶ layers ──merge──▶ snapshot ──▶ call sites   flag!("key")
//!                                               └───────▶ handles      flags.is_on("key", &user)
//! ```
//!
//! Each source fills one layer; a later layer replaces a flag of an earlier one. The merged layers are compiled into
//! an immutable [`Snapshot`] that is swapped in atomically; each call site of [`flag!`] is then rewritten to the one
//! word that decides it, unless it takes rules to decide. [`bucket`] says how a percentage picks its people, and
//! [`Condition`] how rules judge them.
//!
//! # Known limitations
//!
//! - A thread's first read through a handle, and its first `flag!` of a flag that takes more than one word, may set up
//!   a slot of that thread (an allocation or two, once per thread). No later read allocates.
//! - A thread that reads through a handle, or a flag that takes more than one word, keeps a share of the snapshot it read
//!   last, up to 16,384 flags, for each of four handles at the most: idle threads may hold old ones. Five and more handles that
//!   one thread reads in turn push each other's out, and are read more slowly.
//! - Two `flag!` reads may see two revisions. Pin a [snapshot](Flags::snapshot) where they must agree.
//! - What is [installed](install) is installed for the life of the process.
//! - In a process built with `panic = "abort"`, a subscriber that panics takes the process with it.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `testing` | off | the module `testing`; for `[dev-dependencies]` |
//! | `serde` | off | `Variant::value` (a variant's value as a type of your own); [`Explanation`] serialises |
//!
//! This crate reads no clock, no environment and no file, starts no thread and needs no async runtime.
//!
//! [`flagkit-sources`]: https://docs.rs/flagkit-sources

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::unreachable,
        clippy::todo,
        clippy::unimplemented
    )
)]

#[doc(hidden)]
pub mod __private;
mod bucketing;
mod condition;
mod evaluate;
mod model;
mod publish;
mod read;
mod subject;
#[cfg(feature = "testing")]
pub mod testing;

pub use bucketing::percent::PercentError;
pub use bucketing::{Percent, bucket};
pub use condition::OperatorError;
pub use evaluate::{Evaluation, Explanation, Reason};
#[cfg(feature = "serde")]
pub use model::PayloadError;
pub use model::key::KeyError;
pub use model::{Flag, FlagKey, FlagSet, Variant, Variants, VariantsError};
pub use publish::{Event, Snapshot, Status, Subscription};
pub use read::{Flags, InstallError, install, installed};
pub use subject::date::DateError;
pub use subject::{Attribute, Context, Date, Id, List, Subject, Value};

/// What authors of sources need: the trait to implement, what a load consists of, and the parts of a flag.
pub mod source {
    pub use crate::condition::{Condition, Literal, Operator};
    pub use crate::model::{EnvKey, Kind, Location, Metadata, Payload, Problem, Provenance, Reference, Rule, Segment};
    pub use crate::publish::{ErrorKind, Load, LoadError, OnFailedStart, Publisher, Signal, Source, StartPolicy, Wake};
}

/// What authors of tools need: the effect of a change, the steps of an explanation, the parts of status and events.
pub mod tooling {
    pub use crate::condition::Verdict;
    pub use crate::evaluate::{Effect, Step};
    pub use crate::publish::{Change, LoadFailure, SourceState, SourceStatus, StateChange, WarningsChange};
    pub use crate::read::{ForkError, recover_after_fork};
}

pub use flagkit_macros::{Attribute, Subject};

/// Tells whether a flag is on.
///
/// | form | asks |
/// |---|---|
/// | `flag!("key")` | is it on for everybody |
/// | `flag!("key", subject)` | is it on for this [`Subject`]: an id, a [`Context`], your own type |
/// | `flag!("key", id = user_id, plan = plan)` | the same, with the id and [attributes](Attribute) in place, on the stack |
/// | `flag!(in flags, "key", …)` | any of these, of a [`Flags`] or [`Snapshot`] instead of the [installed](install) flags |
///
/// The key is a literal, so that it can be checked while compiling and found by a search of the code. Its legal form
/// is that of [`FlagKey`]: 1 to 128 ASCII letters, digits, `.`, `_` and `-`, beginning with a letter or digit.
///
/// Where there is a `flags.toml` in the folder of the crate or above it, a key that it does not declare is a compile error.
/// The environment variable `FLAGKIT_MANIFEST` names another file (from the folder of the crate, if it is relative), or
/// says `off`. Without a file nothing is checked, and crates that come from a registry or a vendored folder never are.
///
/// Subjects and attributes are borrowed, not moved, and evaluated once, from left to right. The value is a `bool`.
/// Without a subject, a flag that is on for a part of all subjects is off.
///
/// # Cost
///
/// Without `in`: one relaxed atomic load and a compare; for a percentage also one hash of the id. With `in`: a
/// look-up of the key. Never an allocation, a lock to wait for, or a panic.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, flag};
///
/// let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("new-checkout")?, Flag::on())]));
/// let user = Context::new("user-1").with("plan", "beta");
///
/// assert!(flag!(in flags, "new-checkout"));
/// assert!(flag!(in flags, "new-checkout", &user));
/// assert!(flag!(in flags.snapshot(), "new-checkout", id = 17, plan = "beta"));
/// assert!(!flag!("new-checkout", &user), "nothing is installed");
/// # Ok::<(), flagkit_core::KeyError>(())
/// ```
#[macro_export]
macro_rules! flag {
    ($($tokens:tt)*) => {
        $crate::__private::flag!($crate $($tokens)*)
    };
}

/// Returns the variant of a flag that a subject gets: `Option<`[`Variant`]`>`.
///
/// | form | asks for the variant of |
/// |---|---|
/// | `variant!("key", subject)` | this [`Subject`] |
/// | `variant!("key", id = user_id, plan = plan)` | an id and [attributes](Attribute) in place, on the stack |
/// | `variant!(in flags, "key", …)` | either, of a [`Flags`] or [`Snapshot`] instead of the [installed](install) flags |
///
/// `None` when the flag is off for the subject, has no variants, or the subject has nothing to be dealt one by: that is
/// the case your code treats as before. What the key and the subject may be is as in [`flag!`]. Allocates nothing.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Variant, Variants, variant};
///
/// let theme = Variants::new([(Variant::new("blue"), 50_000_000), (Variant::new("red"), 50_000_000)])?;
/// let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("theme")?, Flag::on().with_variants(theme))]));
///
/// let variant = variant!(in flags, "theme", "user-1");
/// match variant.as_ref().map(Variant::name) {
///     Some("blue") => { /* … */ }
///     Some("red") => { /* … */ }
///     _ => { /* as before */ }
/// }
/// assert!(variant.is_some());
/// assert!(variant!("theme", "user-1").is_none(), "nothing is installed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! variant {
    ($($tokens:tt)*) => {
        $crate::__private::variant!($crate $($tokens)*)
    };
}
