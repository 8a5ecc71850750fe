//! The context: a subject that is assembled at run time.

use std::fmt;

use crate::subject::Subject;
use crate::subject::id::Id;
use crate::subject::value::{Attribute, List, Value};

/// A subject that owns its id and attributes.
///
/// Use it for a subject that must outlive the request, or that is assembled in several steps. Where the fields are
/// available, `flag!("key", id = user_id, plan = plan)` builds the same on the stack, without an allocation. A type
/// that implements [`Subject`] needs neither.
///
/// `Debug` shows the names of the attributes and hides their values and the id, because these are personal data.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Context, Subject, Value};
///
/// let context = Context::new("user-1").with("plan", "beta").with("seats", 12);
/// assert_eq!(context.attribute("plan"), Some(Value::Text("beta")));
/// assert_eq!(context.attribute("country"), None);
/// ```
#[derive(Clone, Default)]
pub struct Context {
    /// The text that bucketing hashes, unless a flag uses an attribute for that.
    id: Option<Box<str>>,
    /// Looked up by a linear scan, which is faster than a map for so few entries.
    attributes: Vec<(Box<str>, Owned)>,
}

/// A value that owns its text. It has the variants of `Value`, and a read borrows it as one.
#[derive(Clone)]
enum Owned {
    Bool(bool),
    Integer(i128),
    Unsigned(u128),
    Float(f64),
    Text(Box<str>),
    List(OwnedList),
}

/// The elements of a list attribute. `None` is an element without a value, which keeps its index.
#[derive(Clone)]
struct OwnedList(Box<[Option<Owned>]>);

impl List for OwnedList {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn element(&self, index: usize) -> Option<Value<'_>> {
        self.0.get(index)?.as_ref().map(Owned::borrow)
    }
}

impl Context {
    /// Returns a context with this id and no attributes.
    ///
    /// An integer id is stored as its decimal text. Attributes of `id` are not copied.
    pub fn new<S: Subject>(id: S) -> Self {
        Self { id: id.id().map(|id| id.to_string().into()), attributes: Vec::new() }
    }

    /// Returns a context without an id. Percentages exclude it; rules still match its attributes.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Sets an attribute and replaces an earlier value of that name. `None` removes the attribute.
    ///
    /// The value is copied, so it need not outlive the call. The name is compared as a whole: a dot in it has no
    /// meaning here.
    pub fn with<A: Attribute>(mut self, name: &str, value: A) -> Self {
        self.attributes.retain(|(known, _)| **known != *name);
        if let Some(value) = value.value() {
            self.attributes.push((name.into(), Owned::from(value)));
        }
        self
    }
}

impl Subject for Context {
    #[inline]
    fn id(&self) -> Option<Id<'_>> {
        self.id.as_deref().map(Id::from)
    }

    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        self.attributes.iter().find(|(known, _)| **known == *name).map(|(_, value)| value.borrow())
    }
}

/// Shows which attributes there are, and not what they contain.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.attributes.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("Context").field("id", &self.id.as_ref().map(|_| "…")).field("attributes", &names).finish()
    }
}

impl Owned {
    /// Borrows the value for one evaluation, without an allocation.
    fn borrow(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Integer(value) => Value::Integer(*value),
            Self::Unsigned(value) => Value::Unsigned(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Text(value) => Value::Text(value),
            Self::List(list) => Value::List(list),
        }
    }
}

/// Copies a value, and the elements of a list with it.
impl From<Value<'_>> for Owned {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(value),
            Value::Integer(value) => Self::Integer(value),
            Value::Unsigned(value) => Self::Unsigned(value),
            Value::Float(value) => Self::Float(value),
            Value::Text(value) => Self::Text(value.into()),
            Value::List(list) => {
                Self::List(OwnedList((0..list.count()).map(|index| list.element(index).map(Self::from)).collect()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_value_replaces_an_earlier_one() {
        let context = Context::new(7).with("plan", "free").with("plan", "beta");
        assert_eq!(context.attribute("plan"), Some(Value::Text("beta")));
        assert_eq!(context.with("plan", None::<&str>).attribute("plan"), None);
    }

    #[test]
    fn debug_hides_personal_data() {
        let context = Context::new("canary-id").with("email", "canary@example.com");
        let shown = format!("{context:?}");
        assert!(shown.contains("email") && !shown.contains("canary"), "{shown}");
    }
}
