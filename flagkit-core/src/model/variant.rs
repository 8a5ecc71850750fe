//! A variant: one of the values that a flag can serve while it is on.
//!
//! A flag answers yes or no. A variant adds *which*: the layout, the limit, the text of a button. A reader receives a
//! variant by value on each read, so it is one pointer, and reading it copies neither the name nor the value.

use std::sync::Arc;

use super::payload::Payload;
#[cfg(feature = "serde")]
use crate::error::{Error, ErrorKind};

/// A variant: its name and its value. A clone is cheap (a reference count).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant(Arc<Inner>);

/// The contents of a variant, which all of its clones share. Nothing changes them, so no lock is needed.
#[derive(Debug, PartialEq, Eq)]
struct Inner {
    name: Box<str>,
    payload: Option<Payload>,
}

impl Variant {
    /// Creates a variant without a value.
    pub fn new(name: &str) -> Self {
        Self(Arc::new(Inner { name: name.into(), payload: None }))
    }

    /// Creates a variant with a value.
    pub fn with_payload(name: &str, payload: Payload) -> Self {
        Self(Arc::new(Inner { name: name.into(), payload: Some(payload) }))
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the value, if the variant has one.
    pub fn payload(&self) -> Option<&Payload> {
        self.0.payload.as_ref()
    }

    /// Deserializes the value into a type of the caller.
    ///
    /// # Errors
    ///
    /// Returns an error if the variant has no value, or if the value does not match the type.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagkit_core::Variant;
    /// use flagkit_core::source::Payload;
    ///
    /// let large = Variant::with_payload("large", Payload::Integer(500));
    /// let limit: u32 = large.value()?;
    /// assert_eq!(limit, 500);
    /// # Ok::<(), flagkit_core::Error>(())
    /// ```
    #[cfg(feature = "serde")]
    pub fn value<'de, T: serde_core::Deserialize<'de>>(&'de self) -> Result<T, Error> {
        match self.payload() {
            Some(payload) => T::deserialize(payload),
            None => Err(ErrorKind::Payload { reason: format!("{:?} has none", self.name()).into() }.into()),
        }
    }
}
