//! The functions that the expansions of `flag!` and `variant!` call. Not part of the public interface.

pub use flagkit_macros::{flag, variant};

use crate::model::Variant;
pub use crate::read::call_site::CallSite;
use crate::read::call_site::installed;
use crate::read::handle::Handle;
use crate::subject::Subject;
use crate::subject::fields::Fields;
use crate::subject::value::{Attribute, Value};

/// Functions rather than methods, so that an error about a type points at the argument.
#[inline]
pub fn attribute<A: Attribute + ?Sized>(attribute: &A) -> Option<Value<'_>> {
    attribute.value()
}

#[inline]
pub fn fields<'a, S: Subject + ?Sized>(id: &'a S, attributes: &'a [(&'a str, Option<Value<'a>>)]) -> Fields<'a> {
    Fields::new(id, attributes)
}

#[inline]
pub fn is_on<H: Handle + ?Sized, S: Subject + ?Sized>(handle: &H, key: &str, subject: &S) -> bool {
    handle.is_on(key, subject)
}

#[inline]
pub fn variant<H: Handle + ?Sized, S: Subject + ?Sized>(handle: &H, key: &str, subject: &S) -> Option<Variant> {
    handle.variant(key, subject)
}

#[inline]
pub fn installed_variant<S: Subject + ?Sized>(key: &str, subject: &S) -> Option<Variant> {
    #[cfg(feature = "testing")]
    if let Some(variant) = crate::testing::frames::forced_variant(key) {
        return variant;
    }
    let variant = installed().and_then(|flags| flags.variant(key, subject));
    #[cfg(feature = "testing")]
    crate::testing::frames::asked_variant(key, variant.as_ref());
    variant
}

pub fn no_variant() -> Option<Variant> {
    None
}
