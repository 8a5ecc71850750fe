//! The expansion of a call.
//!
//! Hygiene: every path starts at flagkit-core, and no name bound here is visible to the caller's expressions. The
//! caller's expressions are outside the block with the static. Nothing depends on the prelude.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Expr;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::ast::{Call, Field, FlagMacro, Subject};
use crate::check::check;
use crate::manifest::Compilation;

/// Expands a call; the first token is the path of flagkit-core.
pub(crate) fn expand(flag_macro: FlagMacro, input: TokenStream) -> TokenStream {
    let mut tokens = input.into_iter();
    let Some(core) = tokens.next() else {
        return syn::Error::new(
            Span::call_site(),
            "expected a call through flagkit-core; call `flagkit_core::flag!` instead",
        )
        .to_compile_error();
    };
    let compilation = Compilation::current();
    let parsed = syn::parse2::<Call>(tokens.collect());
    let value = match parsed.and_then(|call| check(flag_macro, &call, &compilation).map(|()| call)) {
        Ok(call) => expand_valid(flag_macro, &core, &call),
        Err(error) => fallback(flag_macro, &core, &error),
    };
    let dependency = compilation.dependency();
    if dependency.is_empty() { value } else { quote!({ #dependency #value }) }
}

/// Expands to the errors and a value of the right type, so that one mistake is not reported twice.
fn fallback(flag_macro: FlagMacro, core: &TokenTree, error: &syn::Error) -> TokenStream {
    let errors = error.to_compile_error();
    let value = match flag_macro {
        FlagMacro::Flag => quote!(false),
        FlagMacro::Variant => quote!(#core::__private::no_variant()),
    };
    quote!({ #errors #value })
}

/// Expands a call without errors.
fn expand_valid(flag_macro: FlagMacro, core: &TokenTree, call: &Call) -> TokenStream {
    // The caller's expressions in order, and the names that the code below has for them.
    let mut values: Vec<&Expr> = Vec::new();
    let mut names: Vec<Ident> = Vec::new();
    let mut bind = |value| {
        // The name is invisible to the caller's code. Type errors point at the caller's expression.
        let span = Span::mixed_site().located_at(Expr::span(value));
        let name = format_ident!("value{}", values.len(), span = span);
        values.push(value);
        names.push(name.clone());
        name
    };
    let handle = call.handle.as_ref().map(|handle| (bind(handle), handle));
    let subject = match &call.subject {
        Subject::None => None,
        Subject::One(subject) => Some(bind(subject).into_token_stream()),
        Subject::Fields(fields) => {
            let mut id = (quote!(&()), Span::mixed_site());
            let mut attributes = Vec::new();
            for Field { name, value } in fields {
                let bound = bind(value);
                let name = name.unraw().to_string();
                if name == "id" {
                    id = (bound.into_token_stream(), value.span());
                } else {
                    let attribute = call_at(value.span(), core, "attribute", &quote!(#bound));
                    attributes.push(quote!((#name, #attribute)));
                }
            }
            let (id, span) = id;
            let fields = call_at(span, core, "fields", &quote!(#id, &[#(#attributes),*]));
            Some(quote!(&#fields))
        }
    };
    let key = &call.key;
    let function = match flag_macro {
        FlagMacro::Flag => "is_on",
        FlagMacro::Variant => "variant",
    };
    let read = match (handle, subject, flag_macro) {
        (Some((handle, expr)), subject, _) => {
            let subject = subject.unwrap_or_else(|| quote!(&()));
            call_at(expr.span(), core, function, &quote!(#handle, #key, #subject))
        }
        (None, None, _) => on_site(core, key, &quote!(is_on())),
        (None, Some(subject), FlagMacro::Flag) => on_site(core, key, &quote!(is_on_for(#subject))),
        (None, Some(subject), FlagMacro::Variant) => {
            call_at(key.span(), core, "installed_variant", &quote!(#key, #subject))
        }
    };
    if values.is_empty() { read } else { quote!(match (#(&(#values),)*) { (#(#names,)*) => #read }) }
}

/// Calls a function of flagkit-core. Errors about the call point at `location`, the caller's expression.
fn call_at(location: Span, core: &TokenTree, function: &str, arguments: &TokenStream) -> TokenStream {
    let at = |span: Span| span.located_at(location);
    let mut core = core.clone();
    core.set_span(at(core.span()));
    let function = Ident::new(function, at(Span::mixed_site()));
    quote_spanned!(at(Span::mixed_site())=> #core::__private::#function(#arguments))
}

/// Declares the call site and reads it.
fn on_site(core: &TokenTree, key: &Expr, read: &TokenStream) -> TokenStream {
    quote!({
        static CALL_SITE: #core::__private::CallSite = #core::__private::CallSite::new(#key);
        CALL_SITE.#read
    })
}
