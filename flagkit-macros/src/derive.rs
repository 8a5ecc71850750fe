//! `#[derive(Subject)]` and `#[derive(Attribute)]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, Generics, Ident, LitStr, Member, Path, Type, parse_quote};

use crate::errors::Errors;
use crate::options::{ContainerOptions, FieldOptions, Role};

/// Derives `Subject` for a struct.
pub(crate) fn subject(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let options = ContainerOptions::parse(&input.attrs, "subject", &mut errors);
    let core = options.core();
    let mut parts = Parts::default();
    match &input.data {
        Data::Struct(data) => parts.read(&data.fields, &core, &mut errors),
        Data::Enum(_) | Data::Union(_) => errors.push(
            input.ident.span(),
            "`Subject` is derived for structs; for an enum that is an attribute derive `Attribute`",
        ),
    }
    match (&parts.id, options.anonymous) {
        (None, None) if errors.is_empty() => errors.push(
            input.ident.span(),
            "no field is marked `#[subject(id)]`; mark the one that tells subjects apart, \
             or write `#[subject(anonymous)]` on the struct if there is none",
        ),
        (Some(_), Some(span)) => errors.push(span, "an anonymous subject has no `#[subject(id)]`"),
        _ => {}
    }
    let Parts { id, named, nested, flattened, bounds, .. } = parts;
    let id = id.unwrap_or_else(|| quote!(::core::option::Option::None));
    let name = &input.ident;
    let generics = bounded(&input.generics, bounds);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let rest = flattened.iter().rev().fold(quote!(::core::option::Option::None), |rest, read| {
        quote!(match #read { ::core::option::Option::Some(value) => ::core::option::Option::Some(value), ::core::option::Option::None => #rest })
    });
    let nested = nested.iter().rev().fold(rest, |rest, (prefix, read)| {
        quote!(match ::core::primitive::str::strip_prefix(name, #prefix) { ::core::option::Option::Some(name) => #read, ::core::option::Option::None => #rest })
    });
    let errors = errors.into_tokens();
    quote! {
        #errors
        #[automatically_derived]
        impl #impl_generics #core::Subject for #name #ty_generics #where_clause {
            fn id(&self) -> ::core::option::Option<#core::Id<'_>> {
                #id
            }

            #[allow(unused_variables)]
            fn attribute(&self, name: &::core::primitive::str) -> ::core::option::Option<#core::Value<'_>> {
                match name {
                    #(#named,)*
                    _ => #nested,
                }
            }
        }
    }
}

/// Derives `Attribute` for an enum without fields, or a struct with one field.
pub(crate) fn attribute(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let options = ContainerOptions::parse(&input.attrs, "attribute", &mut errors);
    let core = options.core();
    if let Some(span) = options.anonymous {
        errors.push(span, "expected `crate = \"…\"`");
    }
    let mut bounds = Vec::new();
    let value = match &input.data {
        Data::Enum(data) => {
            let mut texts = Vec::new();
            let arms = data.variants.iter().map(|variant| {
                if !matches!(variant.fields, Fields::Unit) {
                    errors
                        .push(variant.ident.span(), "a variant with fields has no text; implement `Attribute` by hand");
                }
                let renamed = FieldOptions::parse(&variant.attrs, "attribute", &mut errors).rename;
                let text = renamed.unwrap_or_else(|| LitStr::new(&snake_case(&variant.ident), variant.ident.span()));
                if texts.contains(&text.value()) {
                    errors.push(text.span(), "a second variant of this text");
                }
                texts.push(text.value());
                let name = &variant.ident;
                quote!(Self::#name { .. } => #text)
            });
            let arms: Vec<_> = arms.collect();
            if arms.is_empty() {
                quote!(match *self {})
            } else {
                quote!(::core::option::Option::Some(#core::Value::Text(match self { #(#arms,)* })))
            }
        }
        Data::Struct(data) if data.fields.len() == 1 => {
            for field in &data.fields {
                if field.attrs.iter().any(|attribute| attribute.path().is_ident("attribute")) {
                    errors.push(field.ty.span(), "the field of a struct with one field has no options");
                }
                bounds.push((field.ty.clone(), quote!(#core::Attribute)));
            }
            let members = data.fields.members();
            quote!(#(#core::Attribute::value(&self.#members))*)
        }
        Data::Struct(_) | Data::Union(_) => {
            errors.push(
                input.ident.span(),
                "`Attribute` is derived for enums without fields and structs with one field; \
                 a struct of several is a `Subject`, to be `nested` in another",
            );
            quote!(::core::option::Option::None)
        }
    };
    let name = &input.ident;
    let generics = bounded(&input.generics, bounds);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let errors = errors.into_tokens();
    quote! {
        #errors
        #[automatically_derived]
        impl #impl_generics #core::Attribute for #name #ty_generics #where_clause {
            fn value(&self) -> ::core::option::Option<#core::Value<'_>> {
                #value
            }
        }
    }
}

/// What the fields of a struct come to.
#[derive(Default)]
struct Parts {
    id: Option<TokenStream>,
    /// Arms of a match on the name.
    named: Vec<TokenStream>,
    /// `prefix.` and how the rest of the name is read.
    nested: Vec<(String, TokenStream)>,
    flattened: Vec<TokenStream>,
    names: Vec<String>,
    /// What must hold of the types of fields.
    bounds: Vec<(Type, TokenStream)>,
}

impl Parts {
    fn read(&mut self, fields: &Fields, core: &Path, errors: &mut Errors) {
        for (field, member) in fields.iter().zip(fields.members()) {
            let options = FieldOptions::parse(&field.attrs, "subject", errors);
            // Names are those of the derive, wherever the field was written; errors about its type point at the type.
            let span = Span::call_site().located_at(field.ty.span());
            let place = field.ident.as_ref().map_or_else(|| field.ty.span(), Ident::span);
            self.bounds.extend(options.role.bound(core).map(|bound| (field.ty.clone(), bound)));
            match options.role {
                Role::Skip => {}
                Role::Id => {
                    if self.id.is_some() {
                        errors.push(place, "a second `#[subject(id)]`; a subject has one id");
                    }
                    self.id = Some(quote_spanned!(span=> #core::Subject::id(&self.#member)));
                }
                Role::Flatten => {
                    self.flattened.push(quote_spanned!(span=> #core::Subject::attribute(&self.#member, name)));
                }
                role => {
                    let Some(name) = name(options.rename, &member, errors) else { continue };
                    if self.names.contains(&name.value()) {
                        errors.push(name.span(), "a second attribute of this name");
                        continue;
                    }
                    self.names.push(name.value());
                    match role {
                        Role::Nested => {
                            let read = quote_spanned!(span=> #core::Subject::attribute(&self.#member, name));
                            self.nested.push((format!("{}.", name.value()), read));
                        }
                        Role::Text => self.named.push(quote_spanned! {span=>
                            #name => ::core::option::Option::Some(#core::Value::Text(::core::convert::AsRef::<::core::primitive::str>::as_ref(&self.#member)))
                        }),
                        _ => self.named.push(quote_spanned!(span=> #name => #core::Attribute::value(&self.#member))),
                    }
                }
            }
        }
    }
}

/// The name of an attribute: what it is renamed to, else the field's.
fn name(rename: Option<LitStr>, member: &Member, errors: &mut Errors) -> Option<LitStr> {
    match (rename, member) {
        (Some(name), _) => Some(name),
        (None, Member::Named(name)) => Some(LitStr::new(&name.unraw().to_string(), name.span())),
        (None, Member::Unnamed(index)) => {
            errors.push(index.span, "a field without a name needs `#[subject(rename = \"…\")]`, `id` or `skip`");
            None
        }
    }
}

/// Adds what must hold of those types that depend on a type parameter. Of the others the compiler knows.
fn bounded(generics: &Generics, bounds: Vec<(Type, TokenStream)>) -> Generics {
    let mut generics = generics.clone();
    let parameters: Vec<String> = generics.type_params().map(|parameter| parameter.ident.to_string()).collect();
    for (ty, bound) in bounds {
        if mentions(&ty.to_token_stream(), &parameters) {
            generics.make_where_clause().predicates.push(parse_quote!(#ty: #bound));
        }
    }
    generics
}

fn mentions(tokens: &TokenStream, names: &[String]) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => names.contains(&ident.to_string()),
        TokenTree::Group(group) => mentions(&group.stream(), names),
        _ => false,
    })
}

/// `FreeTrial` becomes `free_trial`, `HTTPServer` becomes `http_server`.
fn snake_case(ident: &Ident) -> String {
    let text: Vec<char> = ident.unraw().to_string().chars().collect();
    let mut snake = String::with_capacity(text.len() + 4);
    for (index, c) in text.iter().enumerate() {
        let is_upper = |place: Option<usize>| place.and_then(|place| text.get(place)).map(|c| c.is_uppercase());
        let (before, after) = (is_upper(index.checked_sub(1)), is_upper(index.checked_add(1)));
        // A word begins behind a small letter, and before the last capital of an acronym.
        if c.is_uppercase()
            && (before == Some(false) || (before == Some(true) && after == Some(false)))
            && !snake.ends_with('_')
        {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}
