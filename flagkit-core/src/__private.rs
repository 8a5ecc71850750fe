//! The functions that the expansions of `flag!`, `variant!` and `migration!` call. Not part of the public interface.
//!
//! An expansion calls functions instead of methods, so that an error about a type points at the argument.
//!
//! The module must be public, because an expansion is code of the calling crate. It is hidden from the documentation,
//! and only flagkit-macros uses it. flagkit-core requires that crate in one exact version, so both can change together.
//!
//! | macro | expands to |
//! |---|---|
//! | `flag!("key")`, `flag!("key", subject)` | a static [`CallSite`] and a call of its method |
//! | `variant!("key", subject)` | [`installed_variant`] |
//! | `migration! { … }` | a static [`Migration`](crate::migrate::Migration) |
//! | with `in handle` | [`is_on`] or [`variant`](fn@variant) |
//! | with `id = …, name = value` | the same, with a subject of [`fields`] and [`attribute`] |

pub use flagkit_macros::{flag, migration, variant};

use crate::model::Variant;
use crate::read::call_site;
pub use crate::read::call_site::CallSite;
use crate::read::handle::Handle;
use crate::subject::Subject;
use crate::subject::fields::Fields;
use crate::subject::value::{Attribute, Value};

/// Converts one attribute of `flag!("key", id = …, name = value)`. `None` if the attribute is missing.
#[inline]
pub fn attribute<A: Attribute + ?Sized>(attribute: &A) -> Option<Value<'_>> {
    attribute.value()
}

/// Builds the subject of `flag!("key", id = …, name = value)` on the stack.
#[inline]
pub fn fields<'a, S: Subject + ?Sized>(id: &'a S, attributes: &'a [(&'a str, Option<Value<'a>>)]) -> Fields<'a> {
    Fields::new(id, attributes)
}

/// Reads `flag!(in handle, …)`.
#[inline]
pub fn is_on<H: Handle + ?Sized, S: Subject + ?Sized>(handle: &H, key: &str, subject: &S) -> bool {
    handle.is_on(key, subject)
}

/// Reads `variant!(in handle, …)`.
#[inline]
pub fn variant<H: Handle + ?Sized, S: Subject + ?Sized>(handle: &H, key: &str, subject: &S) -> Option<Variant> {
    handle.variant(key, subject)
}

/// Reads `variant!("key", subject)`.
#[inline]
pub fn installed_variant<S: Subject + ?Sized>(key: &str, subject: &S) -> Option<Variant> {
    call_site::installed_variant(key, subject)
}

/// Returns `None`, with the type that `variant!` has. An expansion with an error ends with it.
pub fn no_variant() -> Option<Variant> {
    None
}
