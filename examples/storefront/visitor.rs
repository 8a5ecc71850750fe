//! Who is looking: an id that stays the same from page to page.

use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::{BuildHasher, Hasher};

use axum::extract::{FromRequestParts, Query};
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use flagkit_core::{Id, Subject};
use serde::Deserialize;

/// A visitor, known by `?user=`, else by a cookie, else not before now.
pub(crate) struct Visitor {
    pub(crate) id: String,
    pub(crate) is_new: bool,
}

/// The shop asks its flags for visitors by reference; nothing is copied.
impl Subject for Visitor {
    fn id(&self) -> Option<Id<'_>> {
        Some(Id::from(self.id.as_str()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        #[derive(Deserialize)]
        struct Named {
            user: String,
        }

        let named = Query::<Named>::from_request_parts(parts, state).await.ok().map(|Query(Named { user })| user);
        let known = named.filter(|user| !user.is_empty()).or_else(|| cookie(parts));
        Ok(match known {
            Some(id) => Self { id, is_new: false },
            // The standard library's hasher is seeded at random, which is random enough for a demonstration.
            None => Self { id: format!("{:016x}", RandomState::new().build_hasher().finish()), is_new: true },
        })
    }
}

fn cookie(parts: &Parts) -> Option<String> {
    let cookies = parts.headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix("visitor="))
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
}
