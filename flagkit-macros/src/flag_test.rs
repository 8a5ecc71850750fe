//! A test under every combination of some flags.
//!
//! Each combination becomes a test of its own, with the combination in its name: they run side by side, and the one that
//! fails says under what. They stand in a module of the test's name, beside the code that the test was written as.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, ItemFn, LitStr, Path, Token, parenthesized};

use crate::check::check_text;

/// More, and there are more than 64 tests.
const MOST: usize = 6;

/// What stands in the attribute.
pub(crate) struct FlagTest {
    core: Path,
    /// Each with all it may be.
    flags: Vec<(LitStr, Vec<bool>)>,
}

impl Parse for FlagTest {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut core = syn::parse_quote!(::flagkit_core);
        let mut flags = Vec::new();
        while !input.is_empty() {
            if input.peek(LitStr) {
                flags.push((input.parse()?, vec![false, true]));
            } else if input.parse::<Option<Token![crate]>>()?.is_some() {
                input.parse::<Token![=]>()?;
                core = input.parse::<LitStr>()?.parse()?;
            } else {
                let word: Ident = input.parse()?;
                let on = match word.to_string().as_str() {
                    "on" => true,
                    "off" => false,
                    _ => {
                        return Err(syn::Error::new(
                            word.span(),
                            "expected a flag's key, `on(\"key\")` or `off(\"key\")`",
                        ));
                    }
                };
                let pinned;
                parenthesized!(pinned in input);
                let keys = Punctuated::<LitStr, Token![,]>::parse_terminated(&pinned)?;
                flags.extend(keys.into_iter().map(|key| (key, vec![on])));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(Self { core, flags })
    }
}

impl FlagTest {
    /// Collects everything that is wrong.
    fn check(&self, test: &ItemFn) -> Result<(), syn::Error> {
        let mut errors = Vec::new();
        for (index, (key, _)) in self.flags.iter().enumerate() {
            check_text(key, &mut errors);
            if self.flags.iter().take(index).any(|(other, _)| other.value() == key.value()) {
                errors.push(syn::Error::new(key.span(), format!("`{}` is given twice", key.value())));
            }
        }
        if self.flags.is_empty() {
            errors.push(syn::Error::new(Span::call_site(), "expected flags, such as `#[flag_test(\"new-checkout\")]`"));
        }
        if let Some((key, _)) = self.open().nth(MOST) {
            let message = format!("more than {MOST} flags are more than 64 tests: pin some with `on(…)` or `off(…)`");
            errors.push(syn::Error::new(key.span(), message));
        }
        if let Some(input) = test.sig.inputs.first() {
            errors.push(syn::Error::new_spanned(input, "a test takes no arguments"));
        }
        match errors.into_iter().reduce(|mut all, error| {
            all.combine(error);
            all
        }) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn open(&self) -> impl Iterator<Item = &(LitStr, Vec<bool>)> {
        self.flags.iter().filter(|(_, states)| states.len() > 1)
    }

    /// All states that all flags may have together.
    fn combinations(&self) -> Vec<Vec<bool>> {
        self.flags.iter().fold(vec![Vec::new()], |all, (_, states)| {
            let longer = |some: &Vec<bool>, state: &bool| some.iter().copied().chain([*state]).collect();
            all.iter().flat_map(|some| states.iter().map(move |state| longer(some, state))).collect()
        })
    }

    /// `new_checkout_on__search_off`: those that are not pinned.
    fn name(&self, combination: &[bool]) -> Ident {
        let words: Vec<String> = self
            .flags
            .iter()
            .zip(combination)
            .filter(|((_, states), _)| states.len() > 1)
            .map(|((key, _), on)| {
                let key: String = key
                    .value()
                    .chars()
                    .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
                    .collect();
                format!("{key}_{}", if *on { "on" } else { "off" })
            })
            .collect();
        let name = words.join("__");
        if name.starts_with(|c: char| c.is_ascii_digit()) { format_ident!("_{name}") } else { format_ident!("{name}") }
    }
}

pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let test: ItemFn = match syn::parse2(item.clone()) {
        Ok(test) => test,
        Err(error) => return with(&error, item),
    };
    match syn::parse2::<FlagTest>(options).and_then(|options| options.check(&test).map(|()| options)) {
        Ok(options) => options.tests(test),
        Err(error) => with(&error, item),
    }
}

/// The error, and what it is about: so that nothing else is missed.
fn with(error: &syn::Error, item: &TokenStream) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#error #[allow(dead_code)] #item)
}

impl FlagTest {
    fn tests(&self, mut test: ItemFn) -> TokenStream {
        let (attributes, name) = (std::mem::take(&mut test.attrs), test.sig.ident.clone());
        // That of a runtime, say; else the plain one.
        let marker = if attributes.iter().any(is_test) { quote!() } else { quote!(#[::core::prelude::v1::test]) };
        let output = &test.sig.output;
        let core = &self.core;
        // No name that the code itself may use.
        let body = format_ident!("__flag_test");
        let tests = self.combinations().into_iter().map(|combination| {
            let keys = self.flags.iter().map(|(key, _)| key);
            let overrides = quote!(#core::testing::Overrides::new([#((#keys, #combination)),*]));
            let named = if self.open().next().is_some() { self.name(&combination) } else { name.clone() };
            if test.sig.asyncness.is_some() {
                quote! {
                    #marker #(#attributes)*
                    async fn #named() #output {
                        #core::testing::Overridden::with_flags(#body(), #overrides).await
                    }
                }
            } else {
                quote! {
                    #marker #(#attributes)*
                    fn #named() #output {
                        let _flags = #overrides.enter();
                        #body()
                    }
                }
            }
        });
        let tests: Vec<TokenStream> = tests.collect();
        test.sig.ident = body.clone();
        let module = if self.open().next().is_some() { name } else { format_ident!("{name}_with_flags") };
        quote! {
            mod #module {
                #[allow(unused_imports)]
                use super::*;

                #test
                #(#tests)*
            }
        }
    }
}

fn is_test(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == "test")
}
