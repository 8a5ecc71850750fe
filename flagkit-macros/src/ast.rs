//! A call of `flag!` or `variant!`, parsed.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, Token};

/// The macro that was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlagMacro {
    Flag,
    Variant,
}

/// The arguments: `in handle, "key", subject`.
pub(crate) struct Call {
    pub(crate) handle: Option<Expr>,
    /// A string literal in a valid call. Parsed as an expression, so that `check` can explain what is wrong otherwise.
    pub(crate) key: Expr,
    pub(crate) subject: Subject,
}

/// The subject of a call, in the form it was written in.
pub(crate) enum Subject {
    None,
    One(Box<Expr>),
    Fields(Vec<Field>),
}

/// An id or attribute: `name = value`.
pub(crate) struct Field {
    pub(crate) name: Ident,
    pub(crate) value: Expr,
}

impl Parse for Call {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Err(input.error("expected a flag's key, such as \"new-checkout\""));
        }
        let handle = if input.parse::<Option<Token![in]>>()?.is_some() {
            let handle = input.parse()?;
            if input.is_empty() {
                return Err(input.error("expected `, \"key\"` after the handle"));
            }
            input.parse::<Token![,]>()?;
            Some(handle)
        } else {
            None
        };
        let key = input.parse()?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        let subject = if input.is_empty() {
            Subject::None
        } else if Field::is_next(input) {
            Subject::Fields(Punctuated::<Field, Token![,]>::parse_terminated(input)?.into_iter().collect())
        } else {
            let subject = input.parse()?;
            input.parse::<Option<Token![,]>>()?;
            if !input.is_empty() {
                return Err(input.error("expected one subject; write attributes as `id = …, name = …`"));
            }
            Subject::One(Box::new(subject))
        };
        Ok(Self { handle, key, subject })
    }
}

impl Field {
    /// Returns whether `name =` follows. `name ==` is a comparison, and its error must concern the comparison.
    fn is_next(input: ParseStream<'_>) -> bool {
        input.peek(Ident::peek_any) && input.peek2(Token![=]) && !input.peek2(Token![==]) && !input.peek2(Token![=>])
    }
}

impl Parse for Field {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if !Self::is_next(input) {
            return Err(input.error("expected `name = value`"));
        }
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        Ok(Self { name, value: input.parse()? })
    }
}
