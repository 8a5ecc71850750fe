//! The code that a call becomes.
//!
//! Hygiene: every path begins at flagkit-core, every name bound here is invisible to the caller's expressions, and
//! the caller's expressions stand outside the block with the static. Nothing relies on the prelude.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Expr;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::ast::{Call, Field, Question, Subject};
use crate::check::check;
use crate::manifest::dependency;

/// Expands a call; the first token is the path of flagkit-core.
pub(crate) fn expand(question: Question, input: TokenStream) -> TokenStream {
    let mut tokens = input.into_iter();
    let Some(core) = tokens.next() else {
        return syn::Error::new(Span::call_site(), "call the macro of flagkit-core instead").to_compile_error();
    };
    let parsed = syn::parse2::<Call>(tokens.collect()).and_then(|call| check(question, &call).map(|()| call));
    match parsed {
        Ok(call) => good(question, &core, &call),
        Err(error) => fallback(question, &core, &error),
    }
}

/// The errors, and a value of the right type, so that one mistake is not reported twice.
fn fallback(question: Question, core: &TokenTree, error: &syn::Error) -> TokenStream {
    let (errors, dependency) = (error.to_compile_error(), dependency());
    let value = match question {
        Question::Flag => quote!(false),
        Question::Variant => quote!(#core::__private::no_variant()),
    };
    quote!({ #dependency #errors #value })
}

fn good(question: Question, core: &TokenTree, call: &Call) -> TokenStream {
    // The caller's expressions, in their order, and the names under which the code below reads them.
    let mut values: Vec<&Expr> = Vec::new();
    let mut names: Vec<Ident> = Vec::new();
    let mut bind = |value| {
        // Invisible to the caller's code, and errors about its type point at the caller's expression.
        let span = Span::mixed_site().located_at(Expr::span(value));
        let name = format_ident!("value{}", values.len(), span = span);
        values.push(value);
        names.push(name.clone());
        name
    };
    let handle = call.handle.as_ref().map(|handle| (bind(handle), handle));
    let subject = match &call.subject {
        Subject::Nobody => None,
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
    let function = match question {
        Question::Flag => "is_on",
        Question::Variant => "variant",
    };
    let read = match (handle, subject, question) {
        (Some((handle, expr)), subject, _) => {
            let subject = subject.unwrap_or_else(|| quote!(&()));
            call_at(expr.span(), core, function, &quote!(#handle, #key, #subject))
        }
        (None, None, _) => on_site(core, key, &quote!(is_on())),
        (None, Some(subject), Question::Flag) => on_site(core, key, &quote!(is_on_for(#subject))),
        (None, Some(subject), Question::Variant) => {
            call_at(key.span(), core, "installed_variant", &quote!(#key, #subject))
        }
    };
    let read = if values.is_empty() { read } else { quote!(match (#(&(#values),)*) { (#(#names,)*) => #read }) };
    let dependency = dependency();
    if dependency.is_empty() { read } else { quote!({ #dependency #read }) }
}

/// Calls a function of flagkit-core; the compiler is to complain of it at the caller's expression.
fn call_at(place: Span, core: &TokenTree, function: &str, arguments: &TokenStream) -> TokenStream {
    let at = |span: Span| span.located_at(place);
    let mut core = core.clone();
    core.set_span(at(core.span()));
    let function = Ident::new(function, at(Span::mixed_site()));
    quote_spanned!(at(Span::mixed_site())=> #core::__private::#function(#arguments))
}

fn on_site(core: &TokenTree, key: &Expr, read: &TokenStream) -> TokenStream {
    quote!({
        static CALL_SITE: #core::__private::CallSite = #core::__private::CallSite::new(#key);
        CALL_SITE.#read
    })
}
