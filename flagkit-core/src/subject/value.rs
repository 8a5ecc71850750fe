//! The values of attributes.
//!
//! A value is borrowed and `Copy`, so an operator can read a user's own fields without a copy. Types become values by
//! the trait `Attribute`, and lists by the trait `List`.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

/// The value of one attribute, borrowed from the subject.
///
/// More variants may be added, so match with a wildcard arm.
///
/// An operator accepts certain types and yields unknown for others: a number is never compared with a text.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// An integer. 128 bits hold every `i64` and every `u64` exactly.
    Integer(i128),
    /// An integer above `i128::MAX`. Smaller ones are an [`Integer`](Self::Integer), which compares equal.
    Unsigned(u128),
    /// A number with a fraction.
    ///
    /// Operators that compare values yield unknown for NaN, which is unequal even to itself.
    Float(f64),
    /// Text.
    ///
    /// Compared byte by byte. Some operators parse it as a version, an address or a timestamp.
    Text(&'a str),
    /// A list of values.
    ///
    /// Operators check each element. An element that is a list itself is unknown to them.
    List(&'a dyn List),
}

/// Compares by type and value. An integer never equals a float here; the operators of conditions compare those by
/// value.
impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Unsigned(a), Self::Unsigned(b)) => a == b,
            (Self::Integer(a), Self::Unsigned(b)) | (Self::Unsigned(b), Self::Integer(a)) => {
                u128::try_from(*a) == Ok(*b)
            }
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                a.count() == b.count() && (0..a.count()).all(|index| a.element(index) == b.element(index))
            }
            _ => false,
        }
    }
}

/// Displays the value as a flag document spells it.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Unsigned(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::List(list) => {
                f.write_str("[")?;
                for index in 0..list.count() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    match list.element(index) {
                        Some(value) => write!(f, "{value}")?,
                        None => f.write_str("nothing")?,
                    }
                }
                f.write_str("]")
            }
        }
    }
}

/// The values of an attribute with several. `Vec` and arrays of [attributes](Attribute) implement it.
///
/// Its methods have names of their own: with this trait in scope, `vec.get(0)` is still the element of the `Vec`.
pub trait List {
    /// Returns the number of elements.
    fn count(&self) -> usize;

    /// Returns the value of the element at the index, from 0.
    ///
    /// `None` for an index out of range, and for an element without a value.
    fn element(&self, index: usize) -> Option<Value<'_>>;
}

/// Lists the values of the elements.
impl fmt::Debug for dyn List + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..self.count()).map(|index| self.element(index))).finish()
    }
}

impl<T: Attribute> List for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }

    fn element(&self, index: usize) -> Option<Value<'_>> {
        self.as_slice().get(index).and_then(Attribute::value)
    }
}

impl<T: Attribute, const N: usize> List for [T; N] {
    fn count(&self) -> usize {
        N
    }

    fn element(&self, index: usize) -> Option<Value<'_>> {
        self.as_slice().get(index).and_then(Attribute::value)
    }
}

impl<T: Attribute> Attribute for Vec<T> {
    #[inline]
    fn value(&self) -> Option<Value<'_>> {
        Some(Value::List(self))
    }
}

impl<T: Attribute, const N: usize> Attribute for [T; N] {
    #[inline]
    fn value(&self) -> Option<Value<'_>> {
        Some(Value::List(self))
    }
}

/// A type with values that can be attributes: `flag!("k", id = …, plan = value)`.
///
/// `str`, `String`, `bool`, the integers, `f64`, `Vec` and arrays of attributes (lists), `Option`, `Cow` and pointers
/// implement it. `f32` does not, because its 0.1 differs from the 0.1 of a document; convert it to `f64` explicitly.
///
/// The trait is open: derive or implement it for your enums and newtypes. `None` means that the subject does not have
/// the attribute.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Attribute, Value};
///
/// enum Plan { Free, Paid }
///
/// impl Attribute for Plan {
///     fn value(&self) -> Option<Value<'_>> {
///         Some(Value::Text(match self { Plan::Free => "free", Plan::Paid => "paid" }))
///     }
/// }
///
/// assert_eq!(Plan::Paid.value(), Some(Value::Text("paid")));
/// assert_eq!(None::<&str>.value(), None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an attribute of a subject",
    label = "expected a text, a number, a `bool`, or a list or an `Option` of these",
    note = "derive or implement `flagkit_core::Attribute` for `{Self}`, or pass a text or a number made from it"
)]
pub trait Attribute {
    /// Returns the value, or `None` if there is none.
    ///
    /// Runs on the read path, so it should borrow from `self` and neither compute nor allocate.
    fn value(&self) -> Option<Value<'_>>;
}

impl Attribute for str {
    #[inline]
    fn value(&self) -> Option<Value<'_>> {
        Some(Value::Text(self))
    }
}

impl Attribute for String {
    #[inline]
    fn value(&self) -> Option<Value<'_>> {
        Some(Value::Text(self))
    }
}

impl Attribute for bool {
    #[inline]
    fn value(&self) -> Option<Value<'_>> {
        Some(Value::Bool(*self))
    }
}

impl Attribute for f64 {
    #[inline]
    fn value(&self) -> Option<Value<'_>> {
        Some(Value::Float(*self))
    }
}

/// Implements the trait for integers that fit into `i128`, which excludes `u128` only.
macro_rules! integer_attribute {
    ($($integer:ty)+) => {$(
        impl Attribute for $integer {
            #[inline]
            fn value(&self) -> Option<Value<'_>> {
                i128::try_from(*self).ok().map(Value::Integer)
            }
        }
    )+};
}

integer_attribute!(u8 u16 u32 u64 usize i8 i16 i32 i64 i128 isize);

/// An integer that fits into `i128` becomes an `Integer`, so that each integer has one form.
impl Attribute for u128 {
    #[inline]
    fn value(&self) -> Option<Value<'_>> {
        Some(i128::try_from(*self).map_or(Value::Unsigned(*self), Value::Integer))
    }
}

/// Lets a program that has a value already pass it on.
impl Attribute for Value<'_> {
    #[inline]
    fn value(&self) -> Option<Value<'_>> {
        Some(*self)
    }
}

/// `None` is a missing attribute, and an option of an option is missing if either of them is `None`.
impl<T: Attribute> Attribute for Option<T> {
    #[inline]
    fn value(&self) -> Option<Value<'_>> {
        self.as_ref().and_then(Attribute::value)
    }
}

impl<T: Attribute + ToOwned + ?Sized> Attribute for Cow<'_, T> {
    #[inline]
    fn value(&self) -> Option<Value<'_>> {
        T::value(self)
    }
}

/// Implements the trait for pointers: their value is that of the type they point to.
macro_rules! pointer_attribute {
    ($($pointer:ty)+) => {$(
        impl<T: Attribute + ?Sized> Attribute for $pointer {
            #[inline]
            fn value(&self) -> Option<Value<'_>> {
                T::value(self)
            }
        }
    )+};
}

pointer_attribute!(&T Box<T> Rc<T> Arc<T>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_keeps_its_exact_value() {
        assert_eq!(u64::MAX.value(), Some(Value::Integer(18_446_744_073_709_551_615)));
        assert_eq!(i64::MIN.value(), Some(Value::Integer(-9_223_372_036_854_775_808)));
        assert_eq!(u128::MAX.value(), Some(Value::Unsigned(340_282_366_920_938_463_463_374_607_431_768_211_455)));
        assert_eq!(5_u128.value(), Some(Value::Integer(5)));
        assert_eq!(Value::Unsigned(5), Value::Integer(5));
        assert_ne!(Value::Unsigned(u128::MAX), Value::Integer(-1));
    }

    #[test]
    fn an_option_that_is_none_is_a_missing_attribute() {
        assert_eq!(None::<String>.value(), None);
        assert_eq!(Some("x").value(), Some(Value::Text("x")));
        assert_eq!((&&Cow::Borrowed("x")).value(), Some(Value::Text("x")));
    }
}
