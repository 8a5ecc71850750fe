//! The sources of flagkit's flags: files, environment variables and HTTP servers.
//!
//! ```no_run
//! use flagkit_core::flag;
//!
//! fn main() -> Result<(), flagkit_sources::Error> {
//!     let _guard = flagkit_sources::watch("flags.toml")?;
//!     if flag!("new-checkout") {
//!         // runs once `new-checkout = true` is under `[flags]` in the file
//!     }
//!     Ok(())
//! }
//! ```
//!
//! This crate is for applications. Libraries depend only on flagkit-core.
//!
//! # Sources and layers
//!
//! Each source fills one layer. Layers are added from the lowest to the highest. A flag of a higher layer replaces
//! the same flag of a lower one. With `inherit = true`, it replaces only what it names. Each layer keeps its last good
//! load. All layers are merged into one snapshot, which is replaced atomically.
//!
//! [`watch`] starts two layers: one [file](File), and above it the [`FLAG_*` environment variables](Env). A [`Builder`]
//! starts any other combination.
//!
//! # Errors
//!
//! - A document that is invalid as a whole changes nothing: the last good flags stay. The same is true of a file that
//!   is missing, empty, unreadable, half-written, too large, or not a regular file.
//! - An invalid flag does not affect the other flags. It keeps its last good definition, or is dark without one.
//! - `Flags::status` lists each error with its line and column. Subscribers receive it once.
//! - At the start there is no last good load. If the document is [invalid](Builder::when_invalid), the start fails. If
//!   it is [missing](Builder::when_missing) or [unreachable](Builder::when_unreachable), the flags are dark until it
//!   loads.
//! - Each source can have its own policy for the start. A [required](Builder::required) source must load, and an
//!   [optional](Builder::optional) one may be missing. [`Builder::source_with`] accepts any other [`StartPolicy`].
//! - A start that leaves flags dark reports it once: as a `tracing` event if there is a subscriber, else on standard
//!   error. [`Builder::quiet`] prevents the latter.
//! - Functions that can fail return an [`Error`]. Its `is_*` methods distinguish the kinds.
//!
//! # Threads
//!
//! Each source has one thread, named `flagkit-file`, `flagkit-env` and so on. The thread of the environment ends after
//! its load. An open stream of a server has a second thread, named `flagkit-stream`. One thread of `notify` serves all
//! files; before a changed file is published, a thread named `flagkit-events` waits for it for a moment. Dropping the
//! [`Guard`] stops all threads and joins those of the sources; the thread of `notify` ends a moment later. The threads of
//! a [`ShadowPool`] are named `flagkit-shadow`. There is no async runtime.
//!
//! # Features
//!
//! All are off by default.
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `approvals` | off | [`Builder`]`::require_approvals`: flags are dark unless people approved them by SSH signatures |
//! | `http` | off | `Http`, which polls or streams a document of a server, and caches it on disk |
//! | `tracing` | off | a `tracing` event for every change, failed load and warning, with the target `flagkit` |
//!
//! # Known limitations
//!
//! See [`File`] for the limitations of a watched file, and `Http` (feature `http`) for those of a server. The
//! environment is read once.

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

#[cfg(feature = "approvals")]
pub mod approvals;
mod builder;
mod cache;
mod dark_start;
pub mod document;
mod env;
mod error;
mod file;
mod guard;
#[cfg(feature = "http")]
mod http;
mod instance_status;
mod overrides;
mod owned_file;
mod rfc3339;
mod shadow_pool;
#[cfg(feature = "tracing")]
mod tracing;
mod worker;

use std::path::PathBuf;

pub use builder::Builder;
pub use cache::{Cache, CachedDocument};
pub use env::Env;
pub use error::Error;
#[doc(hidden)]
pub use file::MAX_LEN;
pub use file::{File, Notify};
pub use flagkit_core::source::{OnFailedStart, StartPolicy};
pub use guard::{Guard, Readiness};
#[cfg(all(fuzzing, feature = "http"))]
#[doc(hidden)]
pub use http::fuzzing;
#[cfg(feature = "http")]
pub use http::{Http, Retry};
pub use instance_status::InstanceStatus;
pub use shadow_pool::ShadowPool;

/// Follows a flag file, with `FLAG_*` environment variables in the layer above, and installs the flags for `flag!`.
///
/// Short for a [`Builder`] with a [`File`] and an [`Env`]. The extension of the file gives its format: JSON for
/// `.json`, TOML for all others. If the file is missing, the flags are dark until it exists.
///
/// # Errors
///
/// Returns an error with all problems of the file if it is invalid as a whole. Returns an error too if flags are
/// already installed for this process.
///
/// # Examples
///
/// ```no_run
/// let _guard = flagkit_sources::watch("flags.toml")?;
/// # Ok::<(), flagkit_sources::Error>(())
/// ```
pub fn watch(path: impl Into<PathBuf>) -> Result<Guard, Error> {
    Builder::new().source(File::new(path)).source(Env::new("FLAG_")).install()
}

/// Compiles the code of the README.
#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../../README.md")]
struct Readme;
