//! The visitor: an id that stays the same from page to page.

use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::{BuildHasher, Hasher};

use axum::extract::{FromRequestParts, Query};
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use flagkit_core::Subject;
use serde::Deserialize;

/// A visitor, identified by `?user=`, else by a cookie, else by a new random id.
///
/// The shop evaluates flags for a reference to the visitor; nothing is copied.
#[derive(Subject)]
pub(crate) struct Visitor {
    #[subject(id)]
    pub(crate) id: String,
    /// The plan that the visitor pays for. A real shop would look it up.
    pub(crate) plan: Option<String>,
    #[subject(skip)]
    pub(crate) is_new: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        #[derive(Deserialize)]
        struct Claims {
            user: Option<String>,
            plan: Option<String>,
        }

        let claims = Query::<Claims>::from_request_parts(parts, state).await.ok();
        let (user, plan) = claims.map_or((None, None), |Query(Claims { user, plan })| (user, plan));
        // A form sends an empty text for a field that is not filled in.
        let plan = plan.filter(|plan| !plan.is_empty());
        let id = user.filter(|user| !user.is_empty()).or_else(|| cookie(parts));
        Ok(match id {
            Some(id) => Self { id, plan, is_new: false },
            // The seed of the standard library's hasher is random enough for a demonstration.
            None => Self { id: format!("{:016x}", RandomState::new().build_hasher().finish()), plan, is_new: true },
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
