//! Overrides that follow a task.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::overrides::Overrides;

/// For futures.
pub trait Overridden: Future + Sized {
    /// Has flags be what the test says whenever this future is polled, on whatever thread that is.
    ///
    /// Needs no runtime and knows none. A task that the future spawns does not inherit: wrap what is spawned too.
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
    /// use flagkit_core::testing::{Overridden as _, Overrides};
    ///
    /// let seen = async { flag!("a") }.with_flags(Overrides::new([("a", true)]));
    /// assert!(block_on(seen));
    /// assert!(!flag!("a"));
    /// ```
    fn with_flags(self, overrides: Overrides) -> WithFlags<Self> {
        WithFlags { future: Box::pin(self), overrides }
    }
}

impl<F: Future> Overridden for F {}

/// A future with flags as a test says.
pub struct WithFlags<F> {
    future: Pin<Box<F>>,
    overrides: Overrides,
}

impl<F: Future> Future for WithFlags<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _scope = self.overrides.enter();
        self.future.as_mut().poll(context)
    }
}

impl<F> fmt::Debug for WithFlags<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithFlags").field("overrides", &self.overrides).finish_non_exhaustive()
    }
}
