//! What is wrong with a call that parses.

use std::collections::HashSet;

use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, LitStr};

use crate::ast::{Call, Question, Subject};
use crate::manifest::{Declared, declared};

const MAX_LEN: usize = 128;

/// Collects everything that is wrong, each error at the token it is about.
pub(crate) fn check(question: Question, call: &Call) -> Result<(), syn::Error> {
    let mut errors = Vec::new();
    check_key(&call.key, &mut errors);
    if let (Question::Variant, Subject::Nobody) = (question, &call.subject) {
        errors.push(syn::Error::new(
            call.key.span(),
            "a variant is dealt to a subject; write it behind the key: `variant!(\"theme\", &user)`",
        ));
    }
    if let Subject::Fields(fields) = &call.subject {
        let mut known = HashSet::new();
        for field in fields {
            let name = field.name.unraw().to_string();
            if !known.insert(name.clone()) {
                errors.push(syn::Error::new(field.name.span(), format!("`{name}` is given twice")));
            }
        }
    }
    match errors.into_iter().reduce(|mut all, error| {
        all.combine(error);
        all
    }) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// The legal form is that of `flagkit_core::FlagKey`; a test of flagkit-core holds the two together.
fn check_key(key: &Expr, errors: &mut Vec<syn::Error>) {
    let literal = match key {
        Expr::Lit(ExprLit { lit: Lit::Str(literal), attrs }) if attrs.is_empty() => literal,
        Expr::Group(group) if group.attrs.is_empty() => return check_key(&group.expr, errors),
        _ => {
            errors.push(syn::Error::new(
                key.span(),
                "a flag's key must be a string literal, so that it can be checked here and found by a search; \
                 for a key known only at run time call the method of a handle",
            ));
            return;
        }
    };
    check_text(literal, errors);
}

/// The same of a literal.
pub(crate) fn check_text(literal: &LitStr, errors: &mut Vec<syn::Error>) {
    let mut error = |message: String| errors.push(syn::Error::new(literal.span(), message));
    let text = literal.value();
    if !literal.suffix().is_empty() {
        error(format!("the key has the suffix `{}`; write a plain string literal", literal.suffix()));
    }
    if text.is_empty() {
        error("the key is empty; a key has 1 to 128 characters".to_owned());
    }
    if text.len() > MAX_LEN {
        error(format!("the key has {} bytes; a key has at most {MAX_LEN}", text.len()));
    }
    if let Some(found) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-')) {
        error(format!(
            "{found:?} in a key; legal are ASCII letters, digits, `.`, `_` and `-`, which need no escape in a flag \
             file, a URL or the name of an environment variable"
        ));
    } else if text.starts_with(['.', '_', '-']) {
        error("the key begins with a punctuation mark; a key begins with an ASCII letter or digit".to_owned());
    } else if (1..=MAX_LEN).contains(&text.len()) {
        match declared() {
            Declared::Unknown => {}
            Declared::Known(manifest) => manifest.objection(&text).into_iter().for_each(error),
            Declared::Broken(message) => error(message.clone()),
        }
    }
}
