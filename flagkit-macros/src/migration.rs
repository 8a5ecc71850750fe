//! The expansion of `migration!`: parsing, checks and code.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, LitStr, Token, Visibility};

use crate::check::{DeclaredKind, check_text};
use crate::errors::Errors;
use crate::manifest::{Compilation, Manifest};

/// The stages, as Rust and as flag files spell them. A test of flagkit-core compares them with `Stage`.
const STAGES: [(&str, &str); 7] = [
    ("Off", "off"),
    ("DualWrite", "dual-write"),
    ("Shadow", "shadow"),
    ("Live", "live"),
    ("RampDown", "ramp-down"),
    ("Complete", "complete"),
    ("Contracted", "contracted"),
];
/// The ranges, each with the indexes of its first and last stage.
const RANGES: [(&str, usize, usize); 2] = [("Full", 0, 5), ("Contracted", 5, 6)];
const POLICIES: [&str; 2] = ["Report", "Fail"];
const OPTIONS: [&str; 3] = ["range", "start", "second_write"];

/// A declaration: `/// docs pub static NAME: "key", range = Full`.
struct Declaration {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    name: Ident,
    key: LitStr,
    options: Vec<(Ident, Ident)>,
}

impl Parse for Declaration {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        input.parse::<Option<Token![static]>>()?;
        if input.is_empty() {
            return Err(
                input.error("expected a declaration, such as `pub static SPLIT_NAME: \"split-name\", range = Full`")
            );
        }
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        let key =
            input.parse().map_err(|error| syn::Error::new(error.span(), "expected the key as a string literal"))?;
        let mut options = Vec::new();
        while input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let option: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            options.push((option, input.parse()?));
        }
        input.parse::<Option<Token![;]>>()?;
        if !input.is_empty() {
            return Err(input.error("expected a comma and an option; declare each migration in a call of its own"));
        }
        Ok(Self { attributes, visibility, name, key, options })
    }
}

/// Expands a declaration; the first token is the path of flagkit-core.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut tokens = input.into_iter();
    let Some(core) = tokens.next() else {
        let message = "expected a call through flagkit-core; call `flagkit_core::migration!` instead";
        return syn::Error::new(Span::call_site(), message).to_compile_error();
    };
    let compilation = Compilation::current();
    let declaration = match syn::parse2::<Declaration>(tokens.collect()) {
        Ok(declaration) => declaration,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let options = Options::check(&declaration, &compilation, &mut errors);
    // The static is declared in any case, so that one mistake is not reported at each use as well.
    let code = code(&core, &declaration, &options);
    let errors = errors.finish().err().map(|error| error.to_compile_error());
    let dependency = compilation.dependency();
    quote!(#dependency #errors #code)
}

/// The options of a declaration, checked.
struct Options {
    range: &'static str,
    start: Option<&'static str>,
    second_write: &'static str,
}

impl Options {
    /// Checks the key and all options. An invalid option gets its default, beside the error.
    fn check(declaration: &Declaration, compilation: &Compilation, errors: &mut Errors) -> Self {
        check_text(&declaration.key, DeclaredKind::Migration, compilation, errors);
        let mut find = |name: &str| {
            let mut found = declaration.options.iter().filter(|(option, _)| option == name).map(|(_, value)| value);
            let value = found.next();
            if let Some(twice) = found.next() {
                errors.push(twice.span(), format!("got `{name}` twice, expected it once"));
            }
            value
        };
        let [range, start, second_write] = OPTIONS.map(&mut find);
        for (option, _) in declaration.options.iter().filter(|(option, _)| !OPTIONS.iter().any(|known| option == known))
        {
            errors.push(option.span(), format!("got `{option}`, expected `range`, `start` or `second_write`"));
        }
        let (range, first, last) = match range {
            Some(value) => RANGES.into_iter().find(|(name, ..)| value == name).unwrap_or_else(|| {
                errors.push(
                    value.span(),
                    format!(
                        "got the range `{value}`, expected `Full` while this build has code for both paths, \
                         or `Contracted` after the old one was removed"
                    ),
                );
                RANGES[0]
            }),
            None => {
                errors.push(
                    declaration.name.span(),
                    "expected `range = Full` while this build has code for both paths, \
                     or `range = Contracted` after the old one was removed",
                );
                RANGES[0]
            }
        };
        let is_supported = |index: usize| (first..=last).contains(&index);
        let supported = || format!("`{range}` supports {} to {}", STAGES[first].1, STAGES[last].1);
        let start = match start {
            Some(value) => {
                let index = STAGES.iter().position(|(name, _)| value == name);
                match index {
                    Some(index) if is_supported(index) => {}
                    Some(_) => errors.push(value.span(), format!("got the stage `{value}`, and {}", supported())),
                    None => {
                        let names: Vec<&str> = STAGES.map(|(name, _)| name).into();
                        errors.push(
                            value.span(),
                            format!("got the stage `{value}`, expected one of {}", names.join(", ")),
                        );
                    }
                }
                index
            }
            None => stated_stage(&declaration.key, compilation).inspect(|index| {
                if !is_supported(*index) {
                    let stage = STAGES[*index].1;
                    errors.push(
                        declaration.key.span(),
                        format!("the flag file states stage {stage}, and {}; move the stage first", supported()),
                    );
                }
            }),
        };
        let second_write = second_write.map_or(POLICIES[0], |value| {
            POLICIES.into_iter().find(|name| value == name).unwrap_or_else(|| {
                errors.push(value.span(), format!("got `{value}`, expected `Report` or `Fail`"));
                POLICIES[0]
            })
        });
        Self { range, start: start.map(|index| STAGES[index].0), second_write }
    }
}

/// Returns the index of the stage that the flag file states.
///
/// A file that declares a migration without a stage leaves it to another layer, so it does not stand for `off`.
fn stated_stage(key: &LitStr, compilation: &Compilation) -> Option<usize> {
    let Manifest::Declared(declarations) = compilation.manifest() else { return None };
    let stage = declarations.stage(&key.value())?;
    STAGES.iter().position(|(_, word)| *word == stage)
}

fn code(core: &TokenTree, declaration: &Declaration, options: &Options) -> TokenStream {
    let Declaration { attributes, visibility, name, key, .. } = declaration;
    let ident = |name: &str| Ident::new(name, Span::mixed_site());
    let (range, policy) = (ident(options.range), ident(options.second_write));
    let start = match options.start {
        Some(stage) => {
            let stage = ident(stage);
            quote!(::core::option::Option::Some(#core::source::Stage::#stage))
        }
        None => quote!(::core::option::Option::None),
    };
    quote! {
        #(#attributes)*
        #visibility static #name: #core::migrate::Migration<#core::migrate::#range> =
            #core::migrate::Migration::declare(#key, #start, #core::migrate::OnLostWrite::#policy);
    }
}
