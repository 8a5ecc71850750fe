//! What is wrong with the input of a derive.

use proc_macro2::{Span, TokenStream};

/// All that is wrong, to be reported together.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    pub(crate) fn push(&mut self, span: Span, message: &str) {
        self.0.push(syn::Error::new(span, message));
    }

    pub(crate) fn extend(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_tokens(self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }
}
