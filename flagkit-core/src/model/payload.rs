//! The value of a variant.
//!
//! # The problem
//!
//! The value of a variant is whatever its author writes: a number, a text, or a table of settings. This crate never
//! reads it. The application does, in a type of its own, and the documents are TOML or JSON.
//!
//! # The idea
//!
//! A payload is a tree that holds what both formats can express. A parser builds it once per load. With the feature
//! `serde`, a payload is also the *input* of a deserialization. So no text is parsed again, and a type can borrow
//! the texts of the payload.
//!
//! # How it works
//!
//! | payload | as a type of the caller |
//! |---|---|
//! | `Null` | `()`, or `None` |
//! | `Bool`, `Integer`, `Float`, `Text` | the type of that name; an integer must fit |
//! | `List` | a sequence or a tuple; all items must be used |
//! | `Table` | a map or a struct; a field without an entry is missing |
//! | `Text`, or a `Table` with one entry | an enum: the text or the entry names its variant |

/// A value from a document: the content of a variant.
///
/// With the feature `serde`, [`Variant::value`](crate::Variant::value) deserializes it into a type of the caller.
/// Without it, match on the payload.
///
/// # Examples
///
/// ```
/// use flagkit_core::Variant;
/// use flagkit_core::source::Payload;
///
/// let large = Variant::with_payload("large", Payload::Integer(500));
/// assert_eq!(large.payload(), Some(&Payload::Integer(500)));
/// assert_eq!(Variant::new("plain").payload(), None);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Payload {
    /// No value. Only JSON has it.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A number with a fraction, or a number too large for an integer. It is never NaN.
    Float(f64),
    /// A text. A date is a text too, exactly as the document spells it.
    Text(Box<str>),
    /// A list.
    List(Box<[Payload]>),
    /// A table: names and their values, in the order of the document.
    Table(Box<[(Box<str>, Payload)]>),
}

// `Float` is never NaN, the only number that differs from itself, so equality is reflexive.
impl Eq for Payload {}

#[cfg(feature = "serde")]
mod de {
    //! A payload as the input of serde.
    //!
    //! The type of the caller drives: it calls one method of the deserializer per value, and receives what is there. If
    //! the two do not match, the type reports what it expected, and the error names both.

    use std::fmt;

    use serde_core::de::value::{MapDeserializer, SeqDeserializer};
    use serde_core::de::{self, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
    use serde_core::forward_to_deserialize_any;

    use super::Payload;
    use crate::error::{Error, ErrorKind};

    impl de::Error for Error {
        fn custom<T: fmt::Display>(message: T) -> Self {
            ErrorKind::Payload { reason: message.to_string().into() }.into()
        }
    }

    /// Required for the items of a list and the entries of a table, which serde converts one by one.
    impl<'de> IntoDeserializer<'de, Error> for &'de Payload {
        type Deserializer = Self;

        fn into_deserializer(self) -> Self {
            self
        }
    }

    /// Only three kinds of requests need more than the value itself: an option, a newtype and an enum. All other
    /// requests are answered with what the payload holds, as for a format that describes itself.
    impl<'de> Deserializer<'de> for &'de Payload {
        type Error = Error;

        fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self {
                Payload::Null => visitor.visit_unit(),
                Payload::Bool(value) => visitor.visit_bool(*value),
                Payload::Integer(value) => visitor.visit_i64(*value),
                Payload::Float(value) => visitor.visit_f64(*value),
                Payload::Text(value) => visitor.visit_borrowed_str(value),
                Payload::List(list) => {
                    let mut items = SeqDeserializer::new(list.iter());
                    let value = visitor.visit_seq(&mut items)?;
                    // A tuple may be shorter than the list. Without this check, the rest would be ignored.
                    items.end().map(|()| value)
                }
                Payload::Table(entries) => {
                    let mut entries = MapDeserializer::new(entries.iter().map(|(name, value)| (&**name, value)));
                    let value = visitor.visit_map(&mut entries)?;
                    entries.end().map(|()| value)
                }
            }
        }

        fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self {
                Payload::Null => visitor.visit_none(),
                _ => visitor.visit_some(self),
            }
        }

        fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_newtype_struct(self)
        }

        fn deserialize_enum<V: Visitor<'de>>(
            self,
            _: &'static str,
            _: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Error> {
            match self {
                Payload::Text(name) => visitor.visit_enum((&**name).into_deserializer()),
                Payload::Table(entries) => match &**entries {
                    [(name, value)] => visitor.visit_enum(Tagged { name, value }),
                    _ => Err(de::Error::custom("expected a table with one entry, the name of an enum's variant")),
                },
                _ => Err(de::Error::custom("expected a text or a table for an enum")),
            }
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
            tuple tuple_struct map struct identifier ignored_any
        }
    }

    /// The variant of an enum with content: `{ name = value }`.
    ///
    /// serde first deserializes the name, to select the variant, and then the value in the form of that variant.
    struct Tagged<'de> {
        name: &'de str,
        value: &'de Payload,
    }

    impl<'de> EnumAccess<'de> for Tagged<'de> {
        type Error = Error;
        type Variant = Self;

        fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
            seed.deserialize(IntoDeserializer::<Error>::into_deserializer(self.name)).map(|name| (name, self))
        }
    }

    impl<'de> VariantAccess<'de> for Tagged<'de> {
        type Error = Error;

        fn unit_variant(self) -> Result<(), Error> {
            de::Deserialize::deserialize(self.value)
        }

        fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
            seed.deserialize(self.value)
        }

        fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
            self.value.deserialize_any(visitor)
        }

        fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
            self.value.deserialize_any(visitor)
        }
    }
}
