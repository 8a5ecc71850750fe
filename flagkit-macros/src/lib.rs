//! The procedural part of flagkit's `flag!`, `variant!`, `derive(Subject)` and `derive(Attribute)`.
//!
//! Depend on flagkit-core, whose `flag!` documents the macro and forwards to this crate together with the path by
//! which the caller reaches it. So the macro works when flagkit-core is renamed in Cargo.toml or re-exported by
//! another crate.
//!
//! A call of `flag!` or `variant!` goes through three files: `ast` parses it, `check` collects everything that is wrong
//! with it (of which `manifest` knows what is declared), `expand` writes the code. A derive goes through two: `options` and `derive`.

#![forbid(unsafe_code)]

mod ast;
mod check;
mod derive;
mod errors;
mod expand;
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
