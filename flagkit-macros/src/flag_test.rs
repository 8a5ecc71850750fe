//! A test under every combination of some flags.
//!
//! Each combination becomes a test of its own, with the combination in its name: they run side by side, and the one that
//! fails says under what. All of them stand where the test was written, as does its code: so `super` and whatever is in scope
//! mean there what they mean in a plain test.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, ItemFn, LitStr, Path, Safety, Token, parenthesized};

use crate::check::check_text;
use crate::manifest;

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
        if let Some(parameter) = test.sig.generics.params.first() {
            errors.push(syn::Error::new_spanned(parameter, "a test has no parameters"));
        }
        if let Safety::Unsafe(_) = test.sig.safety {
            errors.push(syn::Error::new_spanned(&test.sig.safety, "a test is a safe function"));
        }
        if let Some(word) = test.sig.asyncness.filter(|_| test.attrs.iter().all(is_of_the_compiler)) {
            let message = "an async test wants the attribute of its runtime below this one, such as `#[tokio::test]`";
            errors.push(syn::Error::new_spanned(word, message));
        }
        match errors.into_iter().reduce(|mut all, error| {
            all.combine(error);
            all
        }) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Those that are not pinned.
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

    /// `test__new_checkout_on__search_off`.
    fn name(&self, test: &Ident, combination: &[bool]) -> Ident {
        let states = self.flags.iter().zip(combination).map(|((key, _), on)| {
            let key = key.value().replace(|c: char| !c.is_ascii_alphanumeric(), "_").to_ascii_lowercase();
            format!("__{key}_{}", if *on { "on" } else { "off" })
        });
        format_ident!("{}{}", test, states.collect::<String>())
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
        let attributes = std::mem::take(&mut test.attrs);
        let (name, output, core) = (test.sig.ident.clone(), &test.sig.output, &self.core);
        // That of a runtime, say; else the plain one.
        let has_marker = test.sig.asyncness.is_some() || attributes.iter().any(is_test);
        let marker = (!has_marker).then(|| quote!(#[::core::prelude::v1::test]));
        let of_tests: Vec<&Attribute> = attributes.iter().filter(|it| !is_any(it, &OF_CODE)).collect();
        let of_code = attributes.iter().filter(|it| is_any(it, &OF_CODE) || it.path().is_ident("cfg"));
        // No name that the code itself may use.
        let inner = format_ident!("__flag_test_{}", name);
        let tests = self.combinations().into_iter().map(|combination| {
            let keys = self.flags.iter().map(|(key, _)| key);
            let overrides = quote!(#core::testing::Overrides::new([#((#keys, #combination)),*]));
            let named = self.name(&name, &combination);
            // Flags are parted by two underscores.
            let head = quote!(#marker #(#of_tests)* #[allow(non_snake_case)]);
            if test.sig.asyncness.is_some() {
                quote! {
                    #head
                    async fn #named() #output {
                        #core::testing::OverrideExt::with_flags(#inner(), #overrides).await
                    }
                }
            } else {
                quote! {
                    #head
                    fn #named() #output {
                        let _flags = #overrides.enter();
                        #inner()
                    }
                }
            }
        });
        let (tests, dependency): (Vec<TokenStream>, _) = (tests.collect(), manifest::dependency());
        test.sig.ident.clone_from(&inner);
        quote! {
            #dependency
            // As tests are.
            #[cfg(test)]
            #(#of_code)*
            #[allow(non_snake_case)]
            #test
            #(#tests)*
        }
    }
}

/// What is said of the code, and not of the tests that run it.
const OF_CODE: [&str; 6] = ["allow", "warn", "deny", "forbid", "expect", "doc"];

fn is_any(attribute: &Attribute, names: &[&str]) -> bool {
    names.iter().any(|name| attribute.path().is_ident(name))
}

/// Whether it cannot be that of a runtime.
fn is_of_the_compiler(attribute: &Attribute) -> bool {
    is_any(attribute, &OF_CODE) || is_any(attribute, &["cfg", "cfg_attr", "ignore", "should_panic"])
}

fn is_test(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == "test")
}
