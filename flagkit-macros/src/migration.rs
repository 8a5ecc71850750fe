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

/// A range of stages, by their indexes.
#[derive(Clone, Copy)]
struct Range {
    name: &'static str,
    first: usize,
    last: usize,
}

const FULL: Range = Range { name: "Full", first: 0, last: 5 };
const CONTRACTED: Range = Range { name: "Contracted", first: 5, last: 6 };
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
    let item = declare(&core, &declaration, &options);
    let errors = errors.finish().err().map(|error| error.to_compile_error());
    let dependency = compilation.dependency();
    quote!(#dependency #errors #item)
}

/// The options of a declaration, checked.
struct Options {
    range: Range,
    /// The index of the stage that the build embeds.
    start: Option<usize>,
    second_write: &'static str,
}

impl Options {
    /// Checks the key and all options. An invalid option gets its default, beside the error.
    fn check(declaration: &Declaration, compilation: &Compilation, errors: &mut Errors) -> Self {
        check_text(&declaration.key, DeclaredKind::Migration, compilation, errors);
        for (option, _) in declaration.options.iter().filter(|(option, _)| !OPTIONS.iter().any(|known| option == known))
        {
            errors.push(option.span(), format!("got `{option}`, expected `range`, `start` or `second_write`"));
        }
        let [range, start, second_write] = OPTIONS.map(|name| declaration.option(name, errors));
        let range = check_range(range, &declaration.name, errors);
        let start = match start {
            Some(value) => check_start(value, range, errors),
            None => stated_stage(&declaration.key, range, compilation, errors),
        };
        Self { range, start, second_write: check_second_write(second_write, errors) }
    }
}

impl Declaration {
    /// Returns the value of an option.
    fn option(&self, name: &str, errors: &mut Errors) -> Option<&Ident> {
        let mut values = self.options.iter().filter(|(option, _)| option == name).map(|(_, value)| value);
        let value = values.next();
        if let Some(twice) = values.next() {
            errors.push(twice.span(), format!("got `{name}` twice, expected it once"));
        }
        value
    }
}

fn check_range(value: Option<&Ident>, name: &Ident, errors: &mut Errors) -> Range {
    const ADVICE: &str = "while this build has code for both paths";
    match value {
        Some(value) if value == FULL.name => FULL,
        Some(value) if value == CONTRACTED.name => CONTRACTED,
        Some(value) => {
            let expected = format!("expected `Full` {ADVICE}, or `Contracted` after the old one was removed");
            errors.push(value.span(), format!("got the range `{value}`, {expected}"));
            FULL
        }
        None => {
            let expected =
                format!("expected `range = Full` {ADVICE}, or `range = Contracted` after the old one was removed");
            errors.push(name.span(), expected);
            FULL
        }
    }
}

fn check_start(value: &Ident, range: Range, errors: &mut Errors) -> Option<usize> {
    let index = STAGES.iter().position(|(name, _)| value == name);
    match index {
        Some(index) if range.contains(index) => {}
        Some(_) => errors.push(value.span(), format!("got the stage `{value}`, and {}", range.describe())),
        None => {
            let names = STAGES.map(|(name, _)| name).join(", ");
            errors.push(value.span(), format!("got the stage `{value}`, expected one of {names}"));
        }
    }
    index
}

fn check_second_write(value: Option<&Ident>, errors: &mut Errors) -> &'static str {
    match value {
        Some(value) if value == "Fail" => "Fail",
        Some(value) if value != "Report" => {
            errors.push(value.span(), format!("got `{value}`, expected `Report` or `Fail`"));
            "Report"
        }
        _ => "Report",
    }
}

impl Range {
    fn contains(self, index: usize) -> bool {
        (self.first..=self.last).contains(&index)
    }

    fn describe(self) -> String {
        format!("`{}` supports {} to {}", self.name, STAGES[self.first].1, STAGES[self.last].1)
    }
}

/// Returns the index of the stage that the flag file states.
///
/// A file that declares a migration without a stage leaves it to another layer, so it does not stand for `off`.
fn stated_stage(key: &LitStr, range: Range, compilation: &Compilation, errors: &mut Errors) -> Option<usize> {
    let Manifest::Declared(declarations) = compilation.manifest() else { return None };
    let stage = declarations.stage(&key.value())?;
    let index = STAGES.iter().position(|(_, word)| *word == stage)?;
    if !range.contains(index) {
        let message = format!("the flag file states stage {stage}, and {}; move the stage first", range.describe());
        errors.push(key.span(), message);
    }
    Some(index)
}

/// Returns the static.
fn declare(core: &TokenTree, declaration: &Declaration, options: &Options) -> TokenStream {
    let Declaration { attributes, visibility, name, key, .. } = declaration;
    let ident = |name: &str| Ident::new(name, Span::mixed_site());
    let (range, policy) = (ident(options.range.name), ident(options.second_write));
    let start = options.start.map_or_else(
        || quote!(::core::option::Option::None),
        |index| {
            let stage = ident(STAGES[index].0);
            quote!(::core::option::Option::Some(#core::source::Stage::#stage))
        },
    );
    quote! {
        #(#attributes)*
        #visibility static #name: #core::migrate::Migration<#core::migrate::#range> =
            #core::migrate::Migration::declare(#key, #start, #core::migrate::OnLostWrite::#policy);
    }
}
