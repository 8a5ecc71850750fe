//! The guards that begin and end overrides.

use std::marker::PhantomData;
use std::sync::Arc;

use super::overrides::Overrides;
use super::scopes::{self, Scope, ScopeHook};
use crate::read::call_site::hook::{force_slow_path, restore_fast_path};

/// Ends overrides when it is dropped. Stays on the thread that began them.
#[derive(Debug)]
#[must_use = "dropping the guard ends the overrides; bind it to a name"]
pub struct OverrideGuard {
    _overrides: Arc<Overrides>,
    _active: ActiveGuard,
    not_send: PhantomData<*const ()>,
}

impl Overrides {
    /// Begins these overrides on this thread. They end when the guard is dropped.
    pub fn enter(&self) -> OverrideGuard {
        let (active, overrides) = (ActiveGuard::new(), Arc::new(self.clone()));
        scopes::begin_overrides(&overrides);
        OverrideGuard { _overrides: overrides, _active: active, not_send: PhantomData }
    }

    /// Returns the overrides that are active on this thread, to be entered on another.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagkit_core::{flag, testing};
    ///
    /// let _a = testing::set("a", true);
    /// let overrides = testing::Overrides::current();
    /// let other_thread = std::thread::spawn(move || {
    ///     let _guard = overrides.enter();
    ///     flag!("a")
    /// });
    /// assert!(other_thread.join().expect("no panic"));
    /// ```
    pub fn current() -> Self {
        Self(scopes::active_overrides().iter().flat_map(|overrides| overrides.0.iter().cloned()).collect())
    }
}

/// Makes every call site of the process take the slow path while it is alive.
///
/// Each public guard owns one: [`OverrideGuard`], [`Recording`](super::Recording), and a poll of
/// [`WithFlags`](super::WithFlags). The first one of the process installs the hook.
#[derive(Debug)]
pub(super) struct ActiveGuard(());

impl ActiveGuard {
    pub(super) fn new() -> Self {
        scopes::add_guard();
        force_slow_path(&ScopeHook);
        Self(())
    }
}

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        restore_fast_path();
        scopes::remove_guard();
    }
}

/// Makes the scope of a task the innermost scope of this thread while it is alive: for one poll of the task.
///
/// [`WithFlags`](super::WithFlags) owns the scope between polls.
pub(super) struct EnteredScope<'s> {
    scope: &'s mut Scope,
    is_entered: bool,
    _active: ActiveGuard,
}

impl<'s> EnteredScope<'s> {
    pub(super) fn new(scope: &'s mut Scope) -> Self {
        let active = ActiveGuard::new();
        let is_entered = scopes::enter(scope);
        Self { scope, is_entered, _active: active }
    }
}

impl Drop for EnteredScope<'_> {
    fn drop(&mut self) {
        if self.is_entered {
            *self.scope = scopes::leave();
        }
    }
}
