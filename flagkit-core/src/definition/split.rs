//! The part of a definition that deals subjects their places.

use std::sync::Arc;

use crate::bucket::{Point, Seed, Threshold};
use crate::id::Id;
use crate::subject::Subject;
use crate::value::Value;

/// What is hashed, how, and how far along the line subjects are let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    hash: Hash,
    by: Option<Arc<str>>,
    threshold: Threshold,
}

/// The hash that finds a subject's point. A property of the flag, so that definitions of other systems can keep
/// their own (SHA-1, Murmur3, FNV-1a, MD5) and with it every user's bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// XXH3-64 with a 32-bit seed, as [`crate::bucket`] specifies.
    Xxh3(Seed),
}

impl Split {
    pub(crate) fn new(hash: Hash, by: Option<Arc<str>>, threshold: Threshold) -> Self {
        Self { hash, by, threshold }
    }

    #[inline]
    pub(crate) fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// The seed, when the split is no more than XXH3 of the subject's id: what a call site can keep in one word.
    pub(crate) fn plain_seed(&self) -> Option<Seed> {
        match (&self.by, self.hash) {
            (None, Hash::Xxh3(seed)) => Some(seed),
            _ => None,
        }
    }

    /// Finds the subject's point, or `None` when the subject does not have what is hashed.
    #[inline]
    pub(crate) fn point<S: Subject + ?Sized>(&self, subject: &S) -> Option<Point> {
        let Hash::Xxh3(seed) = self.hash;
        self.unit(subject).map(|unit| Point::of_bytes(unit.as_bytes(), seed))
    }

    /// Returns what is hashed of the subject, if it has that.
    #[inline]
    pub(crate) fn unit<'s, S: Subject + ?Sized>(&self, subject: &'s S) -> Option<Id<'s>> {
        let unit = match &self.by {
            None => subject.id()?,
            Some(attribute) => match subject.attribute(attribute)? {
                Value::Text(text) => Id::from(text),
                Value::Integer(number) => Id::from(number),
                Value::Bool(_) | Value::Float(_) | Value::List(_) => return None,
            },
        };
        (!unit.is_empty()).then_some(unit)
    }
}
