//! The hook through which tests override and record reads.
//!
//! The module `testing` is above this one, so the read path cannot call it. Instead, this file declares what a read
//! calls, and `testing` provides it when its first guard begins. Without the feature `testing`, this file is not
//! compiled.
//!
//! The fast path of a read does not use the hook. While a guard is alive, the registry makes every site take the slow
//! path, which loads the hook and calls it.

use std::sync::OnceLock;

use super::registry::REGISTRY;
use crate::model::{Stage, Variant};

/// What the slow path of a read calls: before the evaluation for a forced value, and after it to record the result.
///
/// Implemented once, by `testing::scopes`. Called on the thread that reads, with no lock held.
pub(crate) trait ReadHook: Sync {
    /// Returns the value that the current thread forces for a flag, if any, and records the read.
    fn forced(&self, key: &str) -> Option<bool>;

    /// Returns the variant that the current thread forces for a flag, if any, and records the read. `Some(None)` forces
    /// that there is no variant.
    #[allow(clippy::option_option)] // whether a variant is forced, and which
    fn forced_variant(&self, key: &str) -> Option<Option<Variant>>;

    /// Returns the stage that the current thread forces for a migration, if any.
    fn forced_stage(&self, key: &str) -> Option<Stage>;

    /// Records a read that the installed flags decided.
    fn record(&self, key: &str, on: bool);

    /// Records a read of a variant that the installed flags decided.
    fn record_variant(&self, key: &str, variant: Option<&Variant>);
}

/// Set once, before the first site is forced to the slow path.
static HOOK: OnceLock<&'static dyn ReadHook> = OnceLock::new();

/// Returns the hook. `None` in a process in which no test guard has begun.
pub(super) fn read_hook() -> Option<&'static dyn ReadHook> {
    HOOK.get().copied()
}

/// Makes every read of every site take the slow path and call the hook, until as many calls of [`restore_fast_path`].
pub(crate) fn force_slow_path(hook: &'static dyn ReadHook) {
    HOOK.get_or_init(|| hook);
    REGISTRY.force_slow_path();
}

/// Undoes one call of [`force_slow_path`].
pub(crate) fn restore_fast_path() {
    REGISTRY.restore_fast_path();
}
