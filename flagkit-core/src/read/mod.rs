//! Reading: the handles that callers hold, and the call sites of `flag!`.
//!
//! There are two tiers. A call site holds one word that decides most reads, pushed to it at each publish. A handle
//! looks the key up in the snapshot. Both end in the same evaluator.
//!
//! Files, in reading order:
//!
//! - `flags`: [`Flags`], the handle. Clones share one store.
//! - `handle`: the sealed trait behind `flag!(in flags, …)`.
//! - `call_site/`: the static that `flag!` puts at the place of use, and the registry that updates it.
//! - `fork`: what a forked child needs before its flags can change again.
//!
//! This folder imports from `publish` and the folders below it. Only `testing` is above it.

pub(crate) mod call_site;
pub(crate) mod flags;
pub(crate) mod fork;
pub(crate) mod handle;

pub use self::call_site::{InstallError, install, installed};
pub use self::flags::Flags;
pub use self::fork::{ForkError, recover_after_fork};
