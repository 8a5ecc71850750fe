//! Where flagkit's flags come from.
//!
//! ```no_run
//! use flagkit_core::flag;
//!
//! fn main() -> Result<(), flagkit_sources::Error> {
//!     let _guard = flagkit_sources::watch("flags.toml")?;
//!     if flag!("new-checkout") {
//!         // runs as soon as somebody writes `new-checkout = true` under `[flags]`
//!     }
//!     Ok(())
//! }
//! ```
//!
//! This crate is for applications; libraries depend on flagkit-core alone.
//!
//! # Sources and layers
//!
//! Each source fills one layer, listed lowest first: a later layer replaces a flag of an earlier one. [`watch`] lays
//! [`FLAG_*` environment variables](Env) over one [file](File); a [`Builder`] does what else there is to do. Each layer
//! keeps its own last good load, and the merged layers change in one swap.
//!
//! # When something is wrong
//!
//! - A document that is refused as a whole changes nothing: the last good flags stay. So does a file that is missing,
//!   empty, unreadable, half-written, too large, or not a file.
//! - A flag that is not understood is refused alone: it keeps its last good definition, or is dark.
//! - `Flags::status` says what is wrong and where, with line and column; subscribers are told once.
//! - At the start there is no last good load. A [broken](Builder::when_invalid) document is then an error, a
//!   [missing](Builder::when_missing) one is waited for in the dark, and so is one that cannot be
//!   [asked for](Builder::when_unreachable).
//!
//! # Threads
//!
//! One thread per source, named `flagkit-file`, `flagkit-env` and so on (that of the environment ends after its load),
//! and one of `notify` for all files together. Dropping the [`Guard`] stops all and joins ours; that of
//! `notify` ends by itself a moment later. No async runtime is involved.
//!
//! # Known limitations
//!
//! See [`File`] for those of watching a file, and `Http` (feature `http`) for those of asking a server. The environment
//! is read once.

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

mod builder;
mod cache;
pub mod document;
mod env;
mod error;
mod file;
mod guard;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "tracing")]
mod trace;
mod worker;

use std::path::PathBuf;

pub use builder::Builder;
pub use cache::{Cache, CachedDocument};
pub use env::Env;
pub use error::Error;
pub use file::{File, Notify};
pub use flagkit_core::source::OnFailedStart;
pub use guard::{Guard, Readiness};
#[cfg(all(fuzzing, feature = "http"))]
#[doc(hidden)]
pub use http::fuzzing;
#[cfg(feature = "http")]
pub use http::{Http, Retry};

/// Watches a flag file, lays `FLAG_*` environment variables over it, and installs the flags for `flag!`.
///
/// Short for a [`Builder`] with a [`File`] and an [`Env`]. The format goes by the extension: JSON for `.json`, TOML
/// for everything else. A missing file is waited for.
///
/// # Errors
///
/// Returns an error when the file is refused as a whole, with all its problems, and when flags are installed for this
/// process already.
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
