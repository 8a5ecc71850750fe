//! Feature flags that are read with one atomic load.
//!
//! A feature flag is a switch in the code. You merge unfinished code behind a flag that is off. Later you turn the flag
//! on by changing one line of a file, and every process applies the change within a tenth of a second. Turning it off
//! is as quick. Libraries and applications read flags with this crate. Applications load them with [`flagkit-sources`].
//!
//! ```
//! use flagkit_core::flag;
//!
//! # let (user_id, plan) = (17_u64, "beta");
//! if flag!("new-checkout") { /* on for all subjects, or for none */ }
//! if flag!("search-v2", user_id) { /* on for a percentage of users, always the same ones */ }
//! if flag!("beta-ui", id = user_id, plan = plan) { /* on for the users that the rules select */ }
//! ```
//!
//! # Core concepts
//!
//! - A **flag** has a key, a switch, and optionally a percentage rollout, targeting rules, variants and prerequisites.
//! - A **subject** is who or what a flag is evaluated for: usually a user, with an id and attributes. An id such as
//!   `17` or `"user-1"`, a [`Context`], and your own type with `#[derive(Subject)]` are [`Subject`]s.
//! - A **bucket** is the position of a subject in a rollout, computed from a hash of its id; see [`bucket`].
//! - A **source** loads flags from a file, the environment or a server, and fills one **layer**. A flag of a higher
//!   layer replaces the flag of a lower one, or only parts of it ([`Flag::inherit`]). Operators override single flags
//!   this way.
//! - A **snapshot** is the immutable result of merging all layers; see [`Snapshot`].
//! - A **migration** is a flag with a stage instead of a switch, for data that moves to another table or column; see
//!   [`migrate`]. It is on for no subject.
//! - A flag is **dark** if every read of it returns `false` or no variant: because it is off, not declared or
//!   invalid, or because no flags are installed.
//!
//! A read never blocks, fails, panics or logs. It does not allocate, except once or twice at the first reads of a
//! thread. If a flag cannot be evaluated, it is dark.
//!
//! # For authors of libraries
//!
//! Depend on this crate only, and write [`flag!`]. Your flags are dark until the application that uses your library
//! installs flags and declares yours. Prefix the keys with the name of your crate (`"mycrate.fast-path"`). To accept
//! flags as an argument, take a [`Flags`] and write `flag!(in flags, "key")`.
//!
//! # For authors of applications
//!
//! Add `flagkit-sources`, and call `flagkit_sources::watch("flags.toml")` at the start of `main`. It installs the flags
//! of that file for [`flag!`], with `FLAG_*` environment variables as a higher layer.
//!
//! # For authors of sources and tools
//!
//! Implement [`source::Source`]: name the source, load once, then publish changes until it is stopped; see
//! [`source`]. For the status of sources, events and the effect of a change, see [`tooling`].
//!
//! # For tests
//!
//! [`Flags::fixed`] creates flags that need no file, thread or global. With the feature `testing`, the module `testing`
//! overrides flags for the thread of a test, and records which flags it reads.
//!
//! # How it works
//!
//! ```text
//! source ──▶ publisher ──▶ layers ──merge──▶ snapshot ──▶ call sites   flag!("key")
//!                                               └───────▶ handles      flags.is_on("key", &user)
//! ```
//!
//! Each source publishes to its own layer. Each publish merges all layers, compiles them into a snapshot and swaps it
//! in atomically. Then it updates the call sites of the changed flags. A call site of [`flag!`] is a static with one
//! word, which holds a complete rollout: most reads load this word and compare. A flag with rules is evaluated from
//! the snapshot; see [`Condition`](source::Condition) for what a rule can test.
//!
//! # Known limitations
//!
//! - The first read of a thread through a handle, or of a flag with rules, may initialize a thread-local slot. That
//!   allocates once or twice per thread. No later read allocates.
//! - A thread caches the snapshot that it read last through a handle or for a flag with rules, for up to four handles
//!   and up to 16,384 flags. So an idle thread may keep an old snapshot alive. If one thread alternates between five
//!   or more handles, they evict each other, and reads are slower.
//! - Two `flag!` reads may use two revisions. If they must agree, read both from one [snapshot](Flags::snapshot).
//! - [Installed](install) flags stay installed for the life of the process.
//! - In a process built with `panic = "abort"`, a panic in a subscriber aborts the process.
//!
//! # Features
//!
//! Both are off by default.
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `serde` | off | `Variant::value`, which deserializes the value of a variant; `Serialize` for [`Explanation`] |
//! | `testing` | off | the module `testing`: overrides, recordings and `#[flag_test]`; for `[dev-dependencies]` |
//!
//! This crate reads no clock, environment variable or file, starts no thread, and needs no async runtime.
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
mod error;
mod evaluate;
pub mod migrate;
mod model;
mod publish;
mod read;
mod subject;
#[cfg(feature = "testing")]
pub mod testing;

pub use bucketing::{Percent, bucket};
pub use error::Error;
pub use evaluate::{Evaluation, Explanation, Reason};
pub use model::{Flag, FlagKey, FlagSet, Variant, Variants};
pub use publish::{Event, Snapshot, Status, Subscription};
pub use read::{Flags, InstallError, install, installed};
pub use subject::{Attribute, Context, Date, Id, List, Subject, Value};

/// The items for authors of sources: the trait to implement, the result of a load, and the parts of a flag.
///
/// A runtime (`flagkit_sources::Builder`) calls [`Source::load`](source::Source::load) once, and then
/// [`Source::run`](source::Source::run) on a thread of its own. The source publishes [`FlagSet`]s through a
/// [`Publisher`](source::Publisher). Without a runtime, call [`Flags::add_layer`] and publish from your own code.
///
/// # Examples
///
/// A layer that your own code fills, with one rule and one invalid flag:
///
/// ```
/// use flagkit_core::source::{Condition, Load, Operator, Problem, Provenance, Rule};
/// use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags};
///
/// let flags = Flags::new();
/// let publisher = flags.add_layer(Provenance::new("database:flags"));
///
/// let is_beta = Condition::attribute("plan", Operator::one_of(["beta"]));
/// let search = Flag::on().with_rollout("0".parse()?).with_rules([Rule::new().when(is_beta)]);
/// let mut set = FlagSet::from_iter([(FlagKey::new("search-v2")?, search)]);
/// set.insert_invalid(FlagKey::new("new-checkout")?);
/// let problem = Problem::new("flags.new-checkout.rollout", "\"half\"", "a percentage").at(7, 11);
/// publisher.publish(Load::new(set).with_problems([problem]));
///
/// let user = Context::new("user-1").with("plan", "beta");
/// assert!(flags.is_on("search-v2", &user));
/// assert!(!flags.is_on("search-v2", "user-2"));
/// assert_eq!(flags.status().sources[0].problems.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub mod source {
    pub use crate::condition::{Condition, Literal, Operator};
    pub use crate::model::{
        Approval, ApprovalRequirement, Confirmation, Digest, EnvKey, Kind, Location, Metadata, Payload, Problem,
        Provenance, Reference, Rule, Segment, Side, Stage,
    };
    pub use crate::publish::{
        Approvable, ApprovalVerifier, ErrorKind, Load, LoadError, OnFailedStart, Publisher, Signal, Source,
        StartPolicy, Wake,
    };
}

/// The items for authors of tools: the effect of a change, the steps of an explanation, status and events.
///
/// The `flagkit` command and the `tracing` integration of flagkit-sources are built on these.
///
/// # Examples
///
/// A check that a change of a document turns no flag on for a new subject:
///
/// ```
/// use flagkit_core::tooling::Effect;
/// use flagkit_core::{Flag, FlagKey, FlagSet, Flags};
///
/// let key = FlagKey::new("new-checkout")?;
/// let rollout = |percent: &str| -> Result<Flags, Box<dyn std::error::Error>> {
///     Ok(Flags::fixed(FlagSet::from_iter([(key.clone(), Flag::on().with_rollout(percent.parse()?))])))
/// };
///
/// let (before, after) = (rollout("25")?.snapshot(), rollout("50")?.snapshot());
/// assert_eq!(before.effects(&after).get(&key), Some(&Effect::Widens));
/// assert_eq!(after.effects(&before).get(&key), Some(&Effect::Narrows));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub mod tooling {
    pub use crate::condition::Verdict;
    pub use crate::error::write_report;
    pub use crate::evaluate::{Effect, Step};
    pub use crate::model::Part;
    pub use crate::publish::{Change, LoadFailure, SourceState, SourceStatus, StateChange, WarningsChange};
}

pub use flagkit_macros::{Attribute, Subject};

/// Returns whether a flag is on, as a `bool`.
///
/// | form | returns whether the flag is on |
/// |---|---|
/// | `flag!("key")` | for all subjects |
/// | `flag!("key", subject)` | for this [`Subject`]: an id, a [`Context`], your own type |
/// | `flag!("key", id = user_id, plan = plan)` | for this id with these [attributes](Attribute), built on the stack |
/// | `flag!(in flags, "key", …)` | any of these, from a [`Flags`] or [`Snapshot`] instead of the installed flags |
///
/// The key is a literal, so that the compiler can check it and a search of the code can find it. It has the form of a
/// [`FlagKey`]: 1 to 128 ASCII letters, digits, `.`, `_` and `-`, starting with a letter or digit.
///
/// If there is a `flags.toml` with a `[flags]` table in the folder of the crate or above it, a key that it does not
/// declare is a compile error. The nearest such file counts. The search ends at the root of the repository or of the
/// cargo workspace, whichever is further up. Without a file, no key is checked. Crates from a registry, a git dependency
/// or a vendored folder are never checked.
///
/// The environment variable `FLAGKIT_MANIFEST` names another file, or is `off`. A relative path starts at the folder of
/// the crate. To set it for every build, add it to `.cargo/config.toml` in the root of the workspace:
///
/// ```toml
/// [env]
/// FLAGKIT_MANIFEST = { value = "config/flags.toml", relative = true }    # relative to the folder of `.cargo`
/// ```
///
/// Without `in`, the macro reads the [installed](install) flags. The subject and the [attributes](Attribute) are
/// borrowed, and evaluated once, from left to right. Without a subject, a flag with a partial rollout is off.
///
/// # Cost
///
/// Without `in`: one atomic load and a compare, and for a percentage also one hash of the id. With `in`: a
/// lookup of the key. It never allocates, waits for a lock or panics.
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
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[macro_export]
macro_rules! flag {
    ($($tokens:tt)*) => {
        $crate::__private::flag!($crate $($tokens)*)
    };
}

/// Declares a migration of data: a static [`Migration`](migrate::Migration) with the range of stages of this build.
///
/// ```text
/// migration! { pub static NAME: "key", range = Full }
/// ```
///
/// | option | meaning | default |
/// |---|---|---|
/// | `range` | `Full` while the build has code for both paths, `Contracted` after the old one was removed | required |
/// | `start` | the stage before any source has loaded: `Off`, `DualWrite`, … | the stage in the crate's flag file |
/// | `second_write` | `Report` or `Fail`: what a write returns if only the second side failed | `Report` |
///
/// Attributes and documentation may precede it. The key must be declared with `kind = "migration"` in the flag file of
/// the crate, if there is one; see [`flag!`] for where that is.
///
/// See [`migrate`] for the stages and an example.
#[macro_export]
macro_rules! migration {
    ($($tokens:tt)*) => {
        $crate::__private::migration!($crate $($tokens)*);
    };
}

/// Returns the variant of a flag that is assigned to a subject: `Option<`[`Variant`]`>`.
///
/// | form | returns the variant |
/// |---|---|
/// | `variant!("key", subject)` | for this [`Subject`] |
/// | `variant!("key", id = user_id, plan = plan)` | for this id with these attributes, built on the stack |
/// | `variant!(in flags, "key", …)` | either, from a [`Flags`] or [`Snapshot`] instead of the installed flags |
///
/// `None` if the flag has no variants, if it is off for the subject and has no [off variant](Flag::with_off_variant),
/// or if the subject lacks the attribute the flag is bucketed by. In that case, run the code without the feature. The
/// key and the subject are the same as in [`flag!`]. It never allocates.
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
///     _ => { /* the behaviour without the flag */ }
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
