//! The subject that `flag!("key", id = …, name = …)` builds on the stack.

use crate::subject::Subject;
use crate::subject::id::Id;
use crate::subject::value::Value;

/// An id and attributes, borrowed from the call. The macros build one per read.
#[derive(Debug)]
pub struct Fields<'a> {
    id: Option<Id<'a>>,
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
