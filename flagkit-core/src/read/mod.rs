//! Reading: the handles that callers hold, and the call sites of `flag!`.
//!
//! There are two tiers. A call site holds one packed word that decides most reads, and each publish updates it. A
//! handle looks the key up in the snapshot. Both use the same evaluator.
//!
//! Files, in reading order:
//!
//! - `flags`: [`Flags`], the handle. Clones share one store.
//! - `handle`: the sealed trait of `flag!(in flags, …)`.
//! - `call_site/`: the static that `flag!` expands to, the registry that updates it, and the hook for tests.
//!
//! This folder imports from `publish` and the folders below it. Only `testing` is above it.

pub(crate) mod call_site;
pub(crate) mod flags;
pub(crate) mod handle;

pub use self::call_site::{InstallError, install, installed};
pub use self::flags::Flags;
