//! `#[derive(Subject)]` and `#[derive(Attribute)]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DeriveInput, Fields, Generics, Ident, LitStr, Member, Path, Type, parse_quote};

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
            "cannot derive `Subject`: it is for structs; for an enum that is an attribute, derive `Attribute`",
        ),
    }
    match (&parts.id, options.anonymous) {
        (None, None) if errors.is_empty() => errors.push(
            input.ident.span(),
            "expected a field with `#[subject(id)]`; add it to the field that distinguishes subjects, \
             or write `#[subject(anonymous)]` on the struct if there is none",
        ),
        (Some(_), Some(span)) => {
            errors.push(span, "got `anonymous` and a field with `#[subject(id)]`, expected one of them");
        }
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
        Data::Enum(data) => enum_value(data, &core, &mut errors),
        Data::Struct(data) if data.fields.len() == 1 => {
            for field in &data.fields {
                if field.attrs.iter().any(|attribute| attribute.path().is_ident("attribute")) {
                    errors
                        .push(field.ty.span(), "got an option, expected none on the field of a struct with one field");
                }
                bounds.push((field.ty.clone(), quote!(#core::Attribute)));
            }
            let members = data.fields.members();
            quote!(#(#core::Attribute::value(&self.#members))*)
        }
        Data::Struct(_) | Data::Union(_) => {
            errors.push(
                input.ident.span(),
                "cannot derive `Attribute`: it is for enums without fields and structs with one field; \
                 derive `Subject` for a struct with several and nest it with `#[subject(nested)]`",
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

/// Returns the expression for the value of an enum: a match from its variants to their texts.
fn enum_value(data: &DataEnum, core: &Path, errors: &mut Errors) -> TokenStream {
    let mut texts = Vec::new();
    let arms = data.variants.iter().map(|variant| {
        if !matches!(variant.fields, Fields::Unit) {
            errors.push(
                variant.ident.span(),
                "cannot derive `Attribute`: a variant with fields has no text; implement it by hand",
            );
        }
        let renamed = FieldOptions::parse(&variant.attrs, "attribute", errors).rename;
        let text = renamed.unwrap_or_else(|| LitStr::new(&snake_case(&variant.ident), variant.ident.span()));
        if texts.contains(&text.value()) {
            errors.push(text.span(), "got a second variant with this text, expected distinct texts");
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

/// The code for the fields of a struct.
#[derive(Default)]
struct Parts {
    id: Option<TokenStream>,
    /// Arms of a match on the attribute's name.
    named: Vec<TokenStream>,
    /// Prefixes such as `account.`, each with the code that reads the rest of the name.
    nested: Vec<(String, TokenStream)>,
    flattened: Vec<TokenStream>,
    names: Vec<String>,
    /// The traits that the types of fields must implement.
    bounds: Vec<(Type, TokenStream)>,
}

impl Parts {
    fn read(&mut self, fields: &Fields, core: &Path, errors: &mut Errors) {
        for (field, member) in fields.iter().zip(fields.members()) {
            let options = FieldOptions::parse(&field.attrs, "subject", errors);
            // Names resolve where the derive is. Errors about a field's type point at the type.
            let span = Span::call_site().located_at(field.ty.span());
            let span_of_name = field.ident.as_ref().map_or_else(|| field.ty.span(), Ident::span);
            self.bounds.extend(options.role.bound(core).map(|bound| (field.ty.clone(), bound)));
            match options.role {
                Role::Skip => {}
                Role::Id => {
                    if self.id.is_some() {
                        errors.push(span_of_name, "got a second `#[subject(id)]`, expected one");
                    }
                    self.id = Some(quote_spanned!(span=> #core::Subject::id(&self.#member)));
                }
                Role::Flatten => {
                    self.flattened.push(quote_spanned!(span=> #core::Subject::attribute(&self.#member, name)));
                }
                role => {
                    let Some(name) = name(options.rename, &member, errors) else { continue };
                    if self.names.contains(&name.value()) {
                        errors.push(name.span(), "got a second attribute with this name, expected distinct names");
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

/// Returns the name of an attribute: its `rename`, or the name of the field.
fn name(rename: Option<LitStr>, member: &Member, errors: &mut Errors) -> Option<LitStr> {
    match (rename, member) {
        (Some(name), _) => Some(name),
        (None, Member::Named(name)) => Some(LitStr::new(&name.unraw().to_string(), name.span())),
        (None, Member::Unnamed(index)) => {
            errors.push(index.span, "expected `#[subject(rename = \"…\")]`, `id` or `skip` on a field without a name");
            None
        }
    }
}

/// Adds the bounds of types that depend on a type parameter. The compiler checks all other types by itself.
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
        let is_upper = |index: Option<usize>| index.and_then(|index| text.get(index)).map(|c| c.is_uppercase());
        let (before, after) = (is_upper(index.checked_sub(1)), is_upper(index.checked_add(1)));
        // A word begins after a lower-case letter, and before the last capital of an acronym.
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
