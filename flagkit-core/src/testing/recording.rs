//! What was asked, and what the answers were.

use std::cell::RefCell;
use std::rc::Rc;

use super::scope::{self, Number};
use crate::definition::Variant;

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The flag's key.
    pub key: Box<str>,
    /// Whether it was on; of `variant!`, whether there was a variant.
    pub on: bool,
    /// The variant, if one was asked for and there was one.
    pub variant: Option<Variant>,
    /// Whether a test had said what the flag was to be.
    pub is_forced: bool,
}

pub(super) type Shared = Rc<RefCell<Vec<Asked>>>;

/// Takes down what its thread asks, until it is dropped.
#[derive(Debug)]
pub struct Recording {
    number: Number,
    asked: Shared,
}

impl Recording {
    pub(super) fn begin() -> Self {
        let asked = Shared::default();
        Self { number: scope::record(Rc::clone(&asked)), asked }
    }

    /// Returns what has been asked so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    /// Returns the keys that have been asked for, in order, each once.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.asked.borrow().iter().map(|asked| asked.key.to_string()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Tells whether a flag has been asked for.
    pub fn has_asked(&self, key: &str) -> bool {
        self.asked.borrow().iter().any(|asked| &*asked.key == key)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        scope::pop(self.number);
    }
}
