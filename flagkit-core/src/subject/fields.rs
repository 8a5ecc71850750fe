//! The subject that `flag!("key", id = …, name = …)` builds on the stack.
//!
//! The code that reads a flag often has the values of the subject in local variables. A read should not allocate a map
//! for them. So the macro borrows them into an array of names and values in the caller's frame. This type gives the
//! array the interface of a subject.

use crate::subject::Subject;
use crate::subject::id::Id;
use crate::subject::value::Value;

/// An id and attributes, borrowed from the call. The macros build one per read.
///
/// Hidden from the documentation: only the expansion of the macros calls it, through `__private`.
#[derive(Debug)]
pub struct Fields<'a> {
    id: Option<Id<'a>>,
    /// In the order of the call. A value is `None` if its type yields no value, such as an empty `Option`.
    attributes: &'a [(&'a str, Option<Value<'a>>)],
}

impl<'a> Fields<'a> {
    /// Combines the fields. Only the id of `id` is used.
    #[inline]
    pub fn new<S: Subject + ?Sized>(id: &'a S, attributes: &'a [(&'a str, Option<Value<'a>>)]) -> Self {
        Self { id: id.id(), attributes }
    }
}

impl Subject for Fields<'_> {
    #[inline]
    fn id(&self) -> Option<Id<'_>> {
        self.id
    }

    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        self.attributes.iter().find(|(known, _)| *known == name).and_then(|(_, value)| *value)
    }
}
