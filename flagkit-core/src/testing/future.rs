//! Overrides that follow a task.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::frames::Frame;
use super::overrides::Overrides;
use super::scope::Entered;

/// For futures.
pub trait OverrideExt: Future + Sized {
    /// Has flags be what the test says whenever this future is polled or dropped, on whatever thread that is.
    ///
    /// Overrides and recordings that the future begins stay with it between polls: they are in force where it is polled, and
    /// no other task sees them. Needs no runtime and knows none. What the future spawns does not inherit: wrap a task that
    /// is spawned too, and enter [`Overrides::current`] in a closure for another thread.
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
    /// let seen = async { flag!("a") }.with_flags(Overrides::new([("a", true)]));
    /// assert!(block_on(seen));
    /// assert!(!flag!("a"));
    /// ```
    fn with_flags(self, overrides: Overrides) -> WithFlags<Self> {
        let overrides = Arc::new(overrides);
        WithFlags { future: Some(Box::pin(self)), frame: Frame::of(&overrides), overrides }
    }
}

impl<F: Future> OverrideExt for F {}

/// A future with flags as a test says.
pub struct WithFlags<F> {
    /// There until this is dropped.
    future: Option<Pin<Box<F>>>,
    /// What it began and has not ended, above what the test says.
    frame: Frame,
    overrides: Arc<Overrides>,
}

impl<F: Future> Future for WithFlags<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let _entered = Entered::new(&mut this.frame);
        match &mut this.future {
            Some(future) => future.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

/// What a future drops when it is cancelled asks as the future did.
impl<F> Drop for WithFlags<F> {
    fn drop(&mut self) {
        let _entered = Entered::new(&mut self.frame);
        self.future = None;
    }
}

impl<F> fmt::Debug for WithFlags<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithFlags").field("overrides", &self.overrides).finish_non_exhaustive()
    }
}
