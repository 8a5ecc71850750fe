//! The options in `#[subject(…)]` and `#[attribute(…)]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned;
use syn::{Attribute, LitStr, Path, parse_quote};

use crate::errors::Errors;

/// The options of the type.
#[derive(Default)]
pub(crate) struct ContainerOptions {
    core: Option<Path>,
    /// The span of `anonymous`, if the type has it.
    pub(crate) anonymous: Option<Span>,
}

impl ContainerOptions {
    pub(crate) fn parse(attributes: &[Attribute], of: &str, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(of)) {
            let parsed = attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("crate") {
                    let path: LitStr = meta.value()?.parse()?;
                    let is_path = || syn::Error::new(path.span(), "expected a path such as `path::to::flagkit_core`");
                    options.core = Some(path.parse().map_err(|_| is_path())?);
                    Ok(())
                } else if meta.path.is_ident("anonymous") {
                    options.anonymous = Some(meta.path.span());
                    Ok(())
                } else {
                    Err(meta.error("expected `crate = \"…\"` or `anonymous`"))
                }
            });
            if let Err(error) = parsed {
                errors.extend(error);
            }
        }
        options
    }

    /// Returns the path of flagkit-core, which a derive cannot find out by itself.
    pub(crate) fn core(&self) -> Path {
        self.core.clone().unwrap_or_else(|| parse_quote!(::flagkit_core))
    }
}

/// The options of a field, or of a variant of an enum.
#[derive(Default)]
pub(crate) struct FieldOptions {
    pub(crate) role: Role,
    pub(crate) rename: Option<LitStr>,
}

/// The part that a field has in its subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// An attribute.
    #[default]
    Attribute,
    /// The id, which distinguishes subjects.
    Id,
    /// Ignored.
    Skip,
    /// An attribute, converted by `AsRef<str>`.
    Text,
    /// A subject with attributes read as `field.attribute`.
    Nested,
    /// A subject with attributes that become attributes of this one.
    Flatten,
}

impl Role {
    /// Returns the trait that the field's type must implement.
    pub(crate) fn bound(self, core: &Path) -> Option<TokenStream> {
        match self {
            Self::Attribute => Some(quote!(#core::Attribute)),
            Self::Id | Self::Nested | Self::Flatten => Some(quote!(#core::Subject)),
            Self::Text => Some(quote!(::core::convert::AsRef<::core::primitive::str>)),
            Self::Skip => None,
        }
    }
}

impl FieldOptions {
    pub(crate) fn parse(attributes: &[Attribute], of: &str, errors: &mut Errors) -> Self {
        let roles: &[(&str, Role)] = if of == "subject" {
            &[
                ("id", Role::Id),
                ("skip", Role::Skip),
                ("text", Role::Text),
                ("nested", Role::Nested),
                ("flatten", Role::Flatten),
            ]
        } else {
            &[]
        };
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(of)) {
            let parsed = attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") {
                    if options.rename.is_some() {
                        return Err(meta.error("got a second `rename`, expected one"));
                    }
                    options.rename = Some(meta.value()?.parse()?);
                    return Ok(());
                }
                let Some((_, role)) = roles.iter().find(|(word, _)| meta.path.is_ident(word)) else {
                    return Err(meta.error(if roles.is_empty() {
                        "expected `rename = \"…\"`"
                    } else {
                        "expected `id`, `rename = \"…\"`, `skip`, `text`, `nested` or `flatten`"
                    }));
                };
                if options.role != Role::Attribute {
                    return Err(
                        meta.error("got a second option, expected one of `id`, `skip`, `text`, `nested` and `flatten`")
                    );
                }
                options.role = *role;
                Ok(())
            });
            if let Err(error) = parsed {
                errors.extend(error);
            }
        }
        if let (Some(rename), Role::Id | Role::Skip | Role::Flatten) = (&options.rename, options.role) {
            errors.push(rename.span(), "cannot rename an id, a skipped field or a flattened field: it has no name");
        }
        options
    }
}
