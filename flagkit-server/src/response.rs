//! The handlers: one function per route, from a request to a response.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flagkit_core::tooling::SourceState;

use crate::{FlagServer, accept, events};

/// A cache between server and client may store a response, and must revalidate it before each use.
const NO_CACHE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");
/// The status of an instance is about this moment, so no cache may store it.
const NO_STORE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-store");
const JSON: (header::HeaderName, &str) = (header::CONTENT_TYPE, "application/json");
/// `Accept` decides between the document and the stream.
const VARY: (header::HeaderName, &str) = (header::VARY, "accept");
/// The seconds after which a client may request a stream again, while there are too many.
const RETRY_AFTER: (header::HeaderName, &str) = (header::RETRY_AFTER, "60");

/// `GET /flags`.
pub(crate) async fn flags(State(server): State<FlagServer>, headers: HeaderMap) -> Response {
    let Some(document) = server.document() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [NO_CACHE, VARY], "no valid document yet\n").into_response();
    };
    if accept::prefers_stream(&headers, document.content_type()) {
        return events(State(server)).await;
    }
    let tag = (header::ETAG, document.tag.clone());
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    if known.into_iter().any(|tags| document.matches_any(tags)) {
        return (StatusCode::NOT_MODIFIED, [NO_CACHE, VARY], [tag]).into_response();
    }
    let content_type = (header::CONTENT_TYPE, document.content_type());
    ([NO_CACHE, VARY, content_type], [tag], document.bytes.clone()).into_response()
}

/// `GET /events`.
pub(crate) async fn events(State(server): State<FlagServer>) -> Response {
    // Without a first event, the client would wait for something that may never arrive.
    if server.document().is_none_or(|document| document.event.is_none()) {
        return (StatusCode::NOT_ACCEPTABLE, [NO_CACHE, VARY], "no document to stream\n").into_response();
    }
    let Some(permit) = server.stream_permit() else {
        let headers = [NO_CACHE, VARY, RETRY_AFTER];
        return (StatusCode::SERVICE_UNAVAILABLE, headers, "too many streams\n").into_response();
    };
    let lifetime = server.limits().stream_lifetime;
    ([NO_CACHE, VARY], events::stream(server.documents(), server.closing(), lifetime, permit)).into_response()
}

/// `GET /healthz`.
pub(crate) async fn health(State(server): State<FlagServer>) -> Response {
    let state = server.flags().status().sources.first().map_or(SourceState::Starting, |source| source.state);
    let status = if server.document().is_some() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [NO_CACHE], format!("{}\n", state.as_str())).into_response()
}

/// `GET /status`.
pub(crate) async fn status(State(server): State<FlagServer>) -> Response {
    ([NO_STORE, JSON], server.status().to_json()).into_response()
}
