//! The procedural part of flagkit's `flag!`.
//!
//! Depend on flagkit-core, whose `flag!` documents the macro and forwards to this crate together with the path by
//! which the caller reaches it. So the macro works when flagkit-core is renamed in Cargo.toml or re-exported by
//! another crate.
//!
//! A call goes through three files: `ast` parses it, `check` collects everything that is wrong with it, `expand`
//! writes the code.

#![forbid(unsafe_code)]

mod ast;
mod check;
mod expand;

use proc_macro::TokenStream;

/// Expands `flag!`. The first token is the path of flagkit-core.
#[doc(hidden)]
#[proc_macro]
pub fn flag(input: TokenStream) -> TokenStream {
    expand::flag(input.into()).into()
}
