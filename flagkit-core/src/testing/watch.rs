//! Having every call site ask.

use super::frames::{guarded, unguarded};
use crate::read::call_site::{unwatch, watch};

/// Has every call site ask, as long as it lives.
#[derive(Debug)]
pub(super) struct Watch(());

impl Watch {
    pub(super) fn new() -> Self {
        guarded();
        watch();
        Self(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        unwatch();
        unguarded();
    }
}
