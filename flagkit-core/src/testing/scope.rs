//! Overrides in force, and for how long.

use std::marker::PhantomData;
use std::sync::Arc;

use super::frames::{self, Frame};
use super::overrides::Overrides;
use super::watch::Watch;

/// Ends overrides when it is dropped. Of the thread that began them.
#[derive(Debug)]
#[must_use = "the overrides end when the guard is dropped"]
pub struct OverrideGuard {
    _overrides: Arc<Overrides>,
    _watch: Watch,
    of_this_thread: PhantomData<*const ()>,
}

impl Overrides {
    /// Has them in force on this thread, as long as the guard lives.
    pub fn enter(&self) -> OverrideGuard {
        let (watch, overrides) = (Watch::new(), Arc::new(self.clone()));
        frames::begin_overrides(&overrides);
        OverrideGuard { _overrides: overrides, _watch: watch, of_this_thread: PhantomData }
    }

    /// Returns those in force on this thread, to be entered on another.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagkit_core::{flag, testing};
    ///
    /// let _a = testing::set("a", true);
    /// let overrides = testing::Overrides::current();
    /// let there = std::thread::spawn(move || {
    ///     let _scope = overrides.enter();
    ///     flag!("a")
    /// });
    /// assert!(there.join().expect("no panic"));
    /// ```
    pub fn current() -> Self {
        Self(frames::overrides().iter().flat_map(|overrides| overrides.0.iter().cloned()).collect())
    }
}

/// A frame that is that of its thread, as long as this lives.
pub(super) struct Entered<'f> {
    frame: &'f mut Frame,
    is_in: bool,
    _watch: Watch,
}

impl<'f> Entered<'f> {
    pub(super) fn new(frame: &'f mut Frame) -> Self {
        let watch = Watch::new();
        let is_in = frames::enter(frame);
        Self { frame, is_in, _watch: watch }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if self.is_in {
            *self.frame = frames::leave();
        }
    }
}
