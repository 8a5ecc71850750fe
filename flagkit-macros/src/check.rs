//! The checks of a call that parses: its key, its subject and its fields.

use std::collections::HashSet;

use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, LitStr};

use crate::ast::{Call, FlagMacro, Subject};
use crate::errors::Errors;
use crate::manifest::{Compilation, Manifest};

const MAX_LEN: usize = 128;

/// Returns every error of the call, each with the span of the token that causes it.
pub(crate) fn check(flag_macro: FlagMacro, call: &Call, compilation: &Compilation) -> Result<(), syn::Error> {
    let mut errors = Errors::default();
    check_key(&call.key, compilation, &mut errors);
    if let (FlagMacro::Variant, Subject::None) = (flag_macro, &call.subject) {
        errors.push(call.key.span(), "`variant!` needs a subject; pass it after the key: `variant!(\"theme\", &user)`");
    }
    if let Subject::Fields(fields) = &call.subject {
        let mut names = HashSet::new();
        for field in fields {
            let name = field.name.unraw().to_string();
            if !names.insert(name.clone()) {
                errors.push(field.name.span(), format!("got `{name}` twice, expected it once"));
            }
        }
    }
    errors.finish()
}

/// Checks that the key is a literal of valid form. `flagkit_core::FlagKey` has the same rule; a test of flagkit-core
/// compares the two.
fn check_key(key: &Expr, compilation: &Compilation, errors: &mut Errors) {
    let literal = match key {
        Expr::Lit(ExprLit { lit: Lit::Str(literal), attrs }) if attrs.is_empty() => literal,
        Expr::Group(group) if group.attrs.is_empty() => return check_key(&group.expr, compilation, errors),
        _ => {
            errors.push(
                key.span(),
                "expected a string literal, so that the key can be checked here and found by a search; \
                 for a key that is known only at run time, call a method of `Flags`",
            );
            return;
        }
    };
    check_text(literal, DeclaredKind::Flag, compilation, errors);
}

/// The kind of declaration that a macro can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeclaredKind {
    /// A flag with a switch.
    Flag,
    /// A flag with a stage.
    Migration,
}

/// Checks the form of a key, and that the manifest declares it as one of this kind.
pub(crate) fn check_text(literal: &LitStr, kind: DeclaredKind, compilation: &Compilation, errors: &mut Errors) {
    let mut error = |message: String| errors.push(literal.span(), message);
    let text = literal.value();
    if !literal.suffix().is_empty() {
        error(format!("got a key with the suffix `{}`, expected a plain string literal", literal.suffix()));
    }
    if text.is_empty() {
        error("got an empty key, expected 1 to 128 characters".to_owned());
    }
    if text.len() > MAX_LEN {
        error(format!("got a key of {} bytes, expected at most {MAX_LEN}", text.len()));
    }
    if let Some(found) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-')) {
        error(format!(
            "got {found:?} in a key, expected ASCII letters, digits, `.`, `_` and `-`, which need no escape in a \
             flag file, a URL or the name of an environment variable"
        ));
    } else if text.starts_with(['.', '_', '-']) {
        error("got a key that begins with punctuation, expected an ASCII letter or digit first".to_owned());
    } else if (1..=MAX_LEN).contains(&text.len()) {
        match compilation.manifest() {
            Manifest::None => {}
            Manifest::Declared(declarations) => {
                declarations.undeclared_error(&text, kind).into_iter().for_each(error);
            }
            Manifest::Invalid(message) => error(message.clone()),
        }
    }
}
