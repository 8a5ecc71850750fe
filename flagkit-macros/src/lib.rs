//! The procedural part of flagkit's `flag!`, `variant!`, `derive(Subject)` and `derive(Attribute)`.
//!
//! Depend on flagkit-core, whose `flag!` documents the macro and forwards to this crate together with the path by
//! which the caller reaches it. So the macro works when flagkit-core is renamed in Cargo.toml or re-exported by
//! another crate.
//!
//! A call of `flag!` or `variant!` goes through three files: `ast` parses it, `check` collects everything that is wrong
//! with it (of which `manifest` knows what is declared), `expand` writes the code. A derive goes through two: `options` and `derive`.
//! `flag_test` is an attribute by itself.

#![forbid(unsafe_code)]

mod ast;
mod check;
mod derive;
mod errors;
mod expand;
mod flag_test;
mod manifest;
mod options;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

use crate::ast::Question;

/// Expands `flag!`. The first token is the path of flagkit-core.
#[doc(hidden)]
#[proc_macro]
pub fn flag(input: TokenStream) -> TokenStream {
    expand::expand(Question::Flag, input.into()).into()
}

/// Expands `variant!`. The first token is the path of flagkit-core.
#[doc(hidden)]
#[proc_macro]
pub fn variant(input: TokenStream) -> TokenStream {
    expand::expand(Question::Variant, input.into()).into()
}

/// Implements `flagkit_core::Subject` for a struct.
///
/// Each field is an attribute of its name, unless it says otherwise:
///
/// | on a field | it is |
/// |---|---|
/// | `#[subject(id)]` | the id; any subject will do: a text, an integer, an `Option` of these, a type of your own |
/// | (nothing) | an attribute; its type implements `Attribute` (texts, numbers, `bool`, `Option`, `Vec`, derived enums) |
/// | `#[subject(rename = "name")]` | an attribute of that name |
/// | `#[subject(text)]` | an attribute by way of `AsRef<str>` |
/// | `#[subject(nested)]` | a subject whose attributes are reached as `field.attribute` |
/// | `#[subject(flatten)]` | a subject whose attributes are this one's |
/// | `#[subject(skip)]` | nothing |
///
/// A name is looked for among the fields first, then as `nested`, then in flattened fields, in their order.
///
/// On the struct: `#[subject(anonymous)]` where there is no id, `#[subject(crate = "path::to::flagkit_core")]` where
/// flagkit-core goes by another name.
#[proc_macro_derive(Subject, attributes(subject))]
pub fn derive_subject(input: TokenStream) -> TokenStream {
    derive::subject(&parse_macro_input!(input as DeriveInput)).into()
}

/// Implements `flagkit_core::Attribute` for an enum without fields (its text is the variant's name in `snake_case`, or
/// what `#[attribute(rename = "…")]` says) or for a struct with one field (which stands for it).
///
/// `#[attribute(crate = "path::to::flagkit_core")]` where flagkit-core goes by another name.
#[proc_macro_derive(Attribute, attributes(attribute))]
pub fn derive_attribute(input: TokenStream) -> TokenStream {
    derive::attribute(&parse_macro_input!(input as DeriveInput)).into()
}

/// Runs a test under every combination of flags: `flagkit_core::testing::flag_test`, with the feature `testing`.
///
/// | in the attribute | the flag is |
/// |---|---|
/// | `"key"` | off in some tests, on in the others |
/// | `on("key")`, `off("key")` | that in all of them |
/// | `crate = "path"` | (where flagkit-core goes by another name) |
///
/// Each combination is a test of its own, beside the function, with all flags in its name:
/// `search_works__search_v2_on__dark_mode_off`. They run side by side, each with its flags on its own thread. Up to 6 flags may be left
/// open, which makes 64 tests. This attribute stands first; others below it are those of each test, but for the lints, which are
/// those of the code. An `async` test brings the attribute of its runtime (`#[tokio::test]`) along; the flags follow its task. A test
/// that is not async is one of the standard runner, unless an attribute whose path ends in `test` says what runs it.
///
/// An example is in the documentation of `flagkit_core::testing`.
#[proc_macro_attribute]
pub fn flag_test(options: TokenStream, item: TokenStream) -> TokenStream {
    flag_test::expand(options.into(), &item.into()).into()
}
