//! The subject: who a flag is evaluated for.
//!
//! Files, in reading order:
//!
//! - this file: the trait [`Subject`] and its implementations for texts, integers and pointers.
//! - `id`: the text that bucketing hashes. `value`: the values of attributes, and the trait for types that have one.
//! - `context`: a subject that is assembled at run time. `fields`: the one that `flag!` builds on the stack.
//! - `date`: a calendar day, for metadata.
//!
//! This folder imports from no other.

mod context;
pub(crate) mod date;
pub(crate) mod fields;
pub(crate) mod id;
pub(crate) mod value;

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

pub use self::context::Context;
pub use self::date::Date;
pub use self::id::Id;
pub use self::value::{Attribute, List, Value};

/// Who a flag is evaluated for: an id, and attributes that are looked up by name.
///
/// The id decides the bucket: the same id gets the same answer in every process and every language. Attributes are
/// looked up only when a flag needs them.
///
/// The trait is open. Texts and integers implement it (the value is the id), and so do [`Context`](crate::Context),
/// `()` (no subject), `Option` (no subject if `None`) and pointers to subjects. Derive it for your user type and pass
/// that by reference: nothing is copied or allocated.
///
/// An empty id counts as no id. Otherwise all visitors without an id would share one bucket.
///
/// # Examples
///
/// Derived; the [derive macro](macro@crate::Subject) documents the options:
///
/// ```
/// use flagkit_core::{Attribute, Subject, Value, flag};
///
/// #[derive(Attribute)]
/// enum Plan { Free, FreeTrial, Paid }
///
/// #[derive(Subject)]
/// #[subject(anonymous)]
/// struct Account { country: String, seats: u32 }
///
/// #[derive(Subject)]
/// struct User {
///     #[subject(id)]
///     number: u64,
///     plan: Plan,
///     email: Option<String>,
///     tags: Vec<String>,
///     #[subject(nested)]
///     account: Account,
///     #[subject(skip)]
///     password: String,
/// }
///
/// let account = Account { country: "PT".to_owned(), seats: 12 };
/// let user =
///     User { number: 7, plan: Plan::FreeTrial, email: None, tags: vec![], account, password: "secret".to_owned() };
/// assert_eq!(user.attribute("plan"), Some(Value::Text("free_trial")));
/// assert_eq!(user.attribute("account.seats"), Some(Value::Integer(12)));
/// assert_eq!(user.attribute("password"), None);
/// assert!(!flag!("beta-ui", &user));
/// ```
///
/// Implemented by hand:
///
/// ```
/// use flagkit_core::{Id, Subject, Value};
///
/// struct User { number: u64, plan: String }
///
/// impl Subject for User {
///     fn id(&self) -> Option<Id<'_>> {
///         Some(Id::from(self.number))
///     }
///
///     fn attribute(&self, name: &str) -> Option<Value<'_>> {
///         match name {
///             "plan" => Some(Value::Text(&self.plan)),
///             _ => None,
///         }
///     }
/// }
///
/// let user = User { number: 7, plan: "beta".to_owned() };
/// assert_eq!(user.id(), Some(Id::from("7")));
/// assert_eq!(user.attribute("plan"), Some(Value::Text("beta")));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a subject",
    label = "expected a text, an integer, or a type that implements `Subject`",
    note = "pass an id (`user.id`), fields (`id = user.id, plan = user.plan`), or derive `flagkit_core::Subject`"
)]
pub trait Subject {
    /// Returns the id, or `None` if the subject has none.
    fn id(&self) -> Option<Id<'_>>;

    /// Returns the attribute called `name`, or `None` if the subject does not have it.
    ///
    /// Runs on the read path, so it should look the value up and neither compute nor allocate it.
    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        let _ = name;
        None
    }
}

/// No subject: the one that `flag!("key")` passes.
impl Subject for () {
    #[inline]
    fn id(&self) -> Option<Id<'_>> {
        None
    }
}

impl Subject for str {
    #[inline]
    fn id(&self) -> Option<Id<'_>> {
        Some(Id::from(self))
    }
}

impl Subject for String {
    #[inline]
    fn id(&self) -> Option<Id<'_>> {
        Some(Id::from(self.as_str()))
    }
}

impl Subject for Id<'_> {
    #[inline]
    fn id(&self) -> Option<Id<'_>> {
        Some(*self)
    }
}

macro_rules! integer_subject {
    ($($integer:ty)+) => {$(
        impl Subject for $integer {
            #[inline]
            fn id(&self) -> Option<Id<'_>> {
                Some(Id::from(*self))
            }
        }
    )+};
}

integer_subject!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl<S: Subject> Subject for Option<S> {
    #[inline]
    fn id(&self) -> Option<Id<'_>> {
        self.as_ref().and_then(Subject::id)
    }

    #[inline]
    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        self.as_ref().and_then(|subject| subject.attribute(name))
    }
}

impl<S: Subject + ToOwned + ?Sized> Subject for Cow<'_, S> {
    #[inline]
    fn id(&self) -> Option<Id<'_>> {
        S::id(self)
    }

    #[inline]
    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        S::attribute(self, name)
    }
}

macro_rules! pointer_subject {
    ($($pointer:ty)+) => {$(
        impl<S: Subject + ?Sized> Subject for $pointer {
            #[inline]
            fn id(&self) -> Option<Id<'_>> {
                S::id(self)
            }

            #[inline]
            fn attribute(&self, name: &str) -> Option<Value<'_>> {
                S::attribute(self, name)
            }
        }
    )+};
}

pointer_subject!(&S &mut S Box<S> Rc<S> Arc<S>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_integers_are_their_own_id() {
        assert_eq!("u1".id(), Some(Id::from("u1")));
        assert_eq!(String::from("u1").id(), Some(Id::from("u1")));
        assert_eq!(17_u32.id(), Some(Id::from("17")));
        assert_eq!(Arc::new(-17_i64).id(), Some(Id::from("-17")));
        assert_eq!(Cow::Borrowed("u1").id(), Some(Id::from("u1")));
    }

    #[test]
    fn nobody_has_no_id() {
        assert_eq!(().id(), None);
        assert_eq!(None::<&str>.id(), None);
        assert_eq!("u1".attribute("plan"), None);
    }
}
