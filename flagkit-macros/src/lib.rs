//! The procedural part of flagkit's `flag!`, `variant!`, `migration!`, `derive(Subject)` and `derive(Attribute)`.
//!
//! Depend on flagkit-core instead. Its `flag!` documents the macro and forwards to this crate, together with the path
//! through which the caller reaches flagkit-core. The macro therefore works when flagkit-core is renamed in Cargo.toml
//! or re-exported by another crate.
//!
//! Files, in reading order:
//!
//! - `ast`, `check`, `expand`: a call of `flag!` or `variant!` is parsed, checked and turned into code. `check` collects
//!   every error of the call.
//! - `manifest/`: the keys that the crate's flag file declares, looked up at each expansion.
//! - `migration`: a call of `migration!`, in one file because it has no expressions.
//! - `options`, `derive`: the two derives.
//! - `flag_test`: the attribute of that name.
//! - `errors`: collects errors, so that all of them are reported at once.

#![forbid(unsafe_code)]

mod ast;
mod check;
mod derive;
mod errors;
mod expand;
mod flag_test;
mod manifest;
mod migration;
mod options;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

use crate::ast::FlagMacro;

/// Expands `flag!`. The first token is the path of flagkit-core.
#[doc(hidden)]
#[proc_macro]
pub fn flag(input: TokenStream) -> TokenStream {
    expand::expand(FlagMacro::Flag, input.into()).into()
}

/// Expands `variant!`. The first token is the path of flagkit-core.
#[doc(hidden)]
#[proc_macro]
pub fn variant(input: TokenStream) -> TokenStream {
    expand::expand(FlagMacro::Variant, input.into()).into()
}

/// Expands `migration!`. The first token is the path of flagkit-core.
#[doc(hidden)]
#[proc_macro]
pub fn migration(input: TokenStream) -> TokenStream {
    migration::expand(input.into()).into()
}

/// Implements `flagkit_core::Subject` for a struct.
///
/// Each field is an attribute under its own name, unless an option changes that:
///
/// | option of a field | the field is |
/// |---|---|
/// | `#[subject(id)]` | the id; any type that is a subject: a text, an integer, an `Option` of these, your own type |
/// | (nothing) | an attribute; its type implements `Attribute` (texts, numbers, `bool`, `Option`, `Vec`, derived enums) |
/// | `#[subject(rename = "name")]` | an attribute under that name |
/// | `#[subject(text)]` | an attribute, converted by `AsRef<str>` |
/// | `#[subject(nested)]` | a subject with attributes read as `field.attribute` |
/// | `#[subject(flatten)]` | a subject with attributes that become attributes of this one |
/// | `#[subject(skip)]` | ignored |
///
/// An attribute is looked up among the fields first, then among nested ones, then in flattened ones, in field order.
///
/// Options of the struct: `#[subject(anonymous)]` if there is no id, and `#[subject(crate = "path::to::flagkit_core")]`
/// if flagkit-core has another name.
#[proc_macro_derive(Subject, attributes(subject))]
pub fn derive_subject(input: TokenStream) -> TokenStream {
    derive::subject(&parse_macro_input!(input as DeriveInput)).into()
}

/// Implements `flagkit_core::Attribute` for an enum without fields or for a struct with one field.
///
/// The value of an enum is the variant's name in `snake_case`, or the text of `#[attribute(rename = "…")]`. The value of
/// a struct is that of its field.
///
/// `#[attribute(crate = "path::to::flagkit_core")]` names flagkit-core if it has another name.
#[proc_macro_derive(Attribute, attributes(attribute))]
pub fn derive_attribute(input: TokenStream) -> TokenStream {
    derive::attribute(&parse_macro_input!(input as DeriveInput)).into()
}

/// Runs a test under every combination of flags: `flagkit_core::testing::flag_test`, with the feature `testing`.
///
/// | argument | effect |
/// |---|---|
/// | `"key"` | the flag is off in half of the tests and on in the other half |
/// | `on("key")`, `off("key")` | the flag has that state in every test |
/// | `crate = "path"` | names flagkit-core, if it has another name |
///
/// Each combination becomes a separate test with all flags in its name: `search_works__search_v2_on__dark_mode_off`. The
/// tests run in parallel, each with its flags on its own thread. At most 6 flags may be left open, which makes 64 tests.
///
/// Write this attribute first. Attributes below it are applied to each test; lint attributes are applied to the code. An
/// `async` test needs the attribute of its runtime, such as `#[tokio::test]`; the flags follow its task. Any other test
/// uses the standard runner, unless an attribute with a path that ends in `test` names another.
///
/// The documentation of `flagkit_core::testing` has an example.
#[proc_macro_attribute]
pub fn flag_test(options: TokenStream, item: TokenStream) -> TokenStream {
    flag_test::expand(options.into(), &item.into()).into()
}
