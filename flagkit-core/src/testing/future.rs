//! Overrides for futures, which follow a task from thread to thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::guard::EnteredScope;
use super::overrides::Overrides;
use super::scopes::Scope;

/// An extension of futures with overrides.
pub trait OverrideExt: Future + Sized {
    /// Makes the overrides active whenever this future is polled or dropped, on any thread.
    ///
    /// Overrides and recordings that the future begins stay with it between polls: they are active where it is polled,
    /// and in no other task. It works with every async runtime. A task that the future spawns does not inherit the
    /// overrides: wrap it too. In a closure for another thread, enter [`Overrides::current`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn block_on<F: std::future::Future>(future: F) -> F::Output {
    /// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// #     match std::pin::pin!(future).poll(&mut context) {
    /// #         std::task::Poll::Ready(output) => output,
    /// #         std::task::Poll::Pending => unreachable!("it waits for nothing"),
    /// #     }
    /// # }
    /// use flagkit_core::flag;
    /// use flagkit_core::testing::{OverrideExt as _, Overrides};
    ///
    /// let is_on = async { flag!("a") }.with_flags(Overrides::new([("a", true)]));
    /// assert!(block_on(is_on));
    /// assert!(!flag!("a"));
    /// ```
    fn with_flags(self, overrides: Overrides) -> WithFlags<Self> {
        let overrides = Arc::new(overrides);
        WithFlags { future: Some(Box::pin(self)), scope: Scope::with_overrides(&overrides), overrides }
    }
}

impl<F: Future> OverrideExt for F {}

/// A future that runs with overrides. Created by [`OverrideExt::with_flags`].
pub struct WithFlags<F> {
    /// `Some` until the drop.
    future: Option<Pin<Box<F>>>,
    /// The overrides, and above them what the future has begun and not ended.
    scope: Scope,
    overrides: Arc<Overrides>,
}

impl<F: Future> Future for WithFlags<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let _entered = EnteredScope::new(&mut this.scope);
        match &mut this.future {
            Some(future) => future.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

/// Drops the future with its overrides active, because its destructors may read flags.
impl<F> Drop for WithFlags<F> {
    fn drop(&mut self) {
        let _entered = EnteredScope::new(&mut self.scope);
        self.future = None;
    }
}

impl<F> fmt::Debug for WithFlags<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithFlags").field("overrides", &self.overrides).finish_non_exhaustive()
    }
}
