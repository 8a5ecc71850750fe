//! `#[flag_test]`: one test for every combination of some flags.
//!
//! Each combination becomes a separate test with the combination in its name. The tests run in parallel, and the name of
//! a failed test shows its flags. All of them are expanded where the original test is, so `super` and the names in scope
//! have the same meaning as in a plain test.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, ItemFn, LitStr, Path, Safety, Token, parenthesized};

use crate::check::{DeclaredKind, check_text};
use crate::errors::Errors;
use crate::manifest::Compilation;

/// The maximum number of flags that are not pinned: 2^6 = 64 tests.
const MAX_OPEN_FLAGS: usize = 6;

/// The arguments of the attribute.
pub(crate) struct FlagTest {
    core: Path,
    /// Each flag with the states it is tested in.
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
    /// Returns every error of the attribute and of the test.
    fn check(&self, test: &ItemFn, compilation: &Compilation) -> Result<(), syn::Error> {
        let mut errors = Errors::default();
        for (index, (key, _)) in self.flags.iter().enumerate() {
            check_text(key, DeclaredKind::Flag, compilation, &mut errors);
            if self.flags.iter().take(index).any(|(other, _)| other.value() == key.value()) {
                errors.push(key.span(), format!("got `{}` twice, expected it once", key.value()));
            }
        }
        if self.flags.is_empty() {
            errors.push(Span::call_site(), "expected flags, such as `#[flag_test(\"new-checkout\")]`");
        }
        if let Some((key, _)) = self.open().nth(MAX_OPEN_FLAGS) {
            let message = format!(
                "got more than {MAX_OPEN_FLAGS} open flags, expected at most 64 tests; pin some with `on(…)` or `off(…)`"
            );
            errors.push(key.span(), message);
        }
        if let Some(input) = test.sig.inputs.first() {
            errors.extend(syn::Error::new_spanned(input, "expected a test without arguments"));
        }
        if let Some(parameter) = test.sig.generics.params.first() {
            errors.extend(syn::Error::new_spanned(parameter, "expected a test without generic parameters"));
        }
        if let Safety::Unsafe(_) = test.sig.safety {
            errors.extend(syn::Error::new_spanned(&test.sig.safety, "expected a safe function"));
        }
        if let Some(word) = test.sig.asyncness.filter(|_| test.attrs.iter().all(is_compiler_attribute)) {
            let message =
                "expected the attribute of a runtime below this one, such as `#[tokio::test]`, for an async test";
            errors.extend(syn::Error::new_spanned(word, message));
        }
        errors.finish()
    }

    /// Returns the flags that are not pinned.
    fn open(&self) -> impl Iterator<Item = &(LitStr, Vec<bool>)> {
        self.flags.iter().filter(|(_, states)| states.len() > 1)
    }

    /// Returns every combination of the states of all flags.
    fn combinations(&self) -> Vec<Vec<bool>> {
        self.flags.iter().fold(vec![Vec::new()], |all, (_, states)| {
            let longer = |some: &Vec<bool>, state: &bool| some.iter().copied().chain([*state]).collect();
            all.iter().flat_map(|some| states.iter().map(move |state| longer(some, state))).collect()
        })
    }

    /// Returns the name of a test, such as `test__new_checkout_on__search_off`.
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
        Err(error) => return with_error(&error, item),
    };
    let compilation = Compilation::current();
    match syn::parse2::<FlagTest>(options).and_then(|options| options.check(&test, &compilation).map(|()| options)) {
        Ok(options) => options.tests(test, &compilation),
        Err(error) => with_error(&error, item),
    }
}

/// Returns the error and the unchanged test, so that the names of the test stay defined.
fn with_error(error: &syn::Error, item: &TokenStream) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#error #[allow(dead_code)] #item)
}

impl FlagTest {
    fn tests(&self, mut test: ItemFn, compilation: &Compilation) -> TokenStream {
        let attributes = std::mem::take(&mut test.attrs);
        let (name, output, core) = (test.sig.ident.clone(), &test.sig.output, &self.core);
        // An attribute such as `#[tokio::test]` names a runner; without one, the standard runner is used.
        let has_marker = test.sig.asyncness.is_some() || attributes.iter().any(is_test);
        let marker = (!has_marker).then(|| quote!(#[::core::prelude::v1::test]));
        let test_attributes: Vec<&Attribute> =
            attributes.iter().filter(|it| !is_one_of(it, &LINT_ATTRIBUTES)).collect();
        let code_attributes =
            attributes.iter().filter(|it| is_one_of(it, &LINT_ATTRIBUTES) || it.path().is_ident("cfg"));
        // A name that the code is unlikely to use itself.
        let inner = format_ident!("__flag_test_{}", name);
        let tests = self.combinations().into_iter().map(|combination| {
            let keys = self.flags.iter().map(|(key, _)| key);
            let overrides = quote!(#core::testing::Overrides::new([#((#keys, #combination)),*]));
            let test_name = self.name(&name, &combination);
            // Two underscores separate the flags, so the name is not snake case.
            let head = quote!(#marker #(#test_attributes)* #[allow(non_snake_case)]);
            if test.sig.asyncness.is_some() {
                quote! {
                    #head
                    async fn #test_name() #output {
                        #core::testing::OverrideExt::with_flags(#inner(), #overrides).await
                    }
                }
            } else {
                quote! {
                    #head
                    fn #test_name() #output {
                        let _flags = #overrides.enter();
                        #inner()
                    }
                }
            }
        });
        let (tests, dependency): (Vec<TokenStream>, _) = (tests.collect(), compilation.dependency());
        test.sig.ident.clone_from(&inner);
        quote! {
            #dependency
            #[cfg(test)]
            #(#code_attributes)*
            #[allow(non_snake_case)]
            #test
            #(#tests)*
        }
    }
}

/// Attributes that are applied to the code, and not to the tests that run it.
const LINT_ATTRIBUTES: [&str; 6] = ["allow", "warn", "deny", "forbid", "expect", "doc"];

fn is_one_of(attribute: &Attribute, names: &[&str]) -> bool {
    names.iter().any(|name| attribute.path().is_ident(name))
}

/// Returns whether this attribute is the compiler's, and so not a test runtime's (`#[tokio::test]`).
fn is_compiler_attribute(attribute: &Attribute) -> bool {
    is_one_of(attribute, &LINT_ATTRIBUTES) || is_one_of(attribute, &["cfg", "cfg_attr", "ignore", "should_panic"])
}

fn is_test(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == "test")
}
