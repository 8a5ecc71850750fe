//! The handlers: one function per route, from a request to a response.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flagkit_core::tooling::SourceState;

use crate::{FlagServer, events};

/// A cache between server and client may store a response, and must revalidate it before each use.
const NO_CACHE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");
/// `Accept` decides between the document and the stream.
const VARY: (header::HeaderName, &str) = (header::VARY, "accept");

/// `GET /flags`.
pub(crate) async fn flags(State(server): State<FlagServer>, headers: HeaderMap) -> Response {
    let has_header = |name, matches: &dyn Fn(&str) -> bool| {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(matches)
    };
    if has_header(header::ACCEPT, &|accepted| accepted.contains("text/event-stream")) {
        return events(State(server)).await;
    }
    let Some(document) = server.document() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [NO_CACHE, VARY], "no valid document yet\n").into_response();
    };
    let tag = (header::ETAG, document.tag.clone());
    if has_header(header::IF_NONE_MATCH, &|tags| document.matches_any(tags)) {
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
    ([NO_CACHE, VARY], events::stream(server.documents(), server.closing())).into_response()
}

/// `GET /healthz`.
pub(crate) async fn health(State(server): State<FlagServer>) -> Response {
    let state = server.flags().status().sources.first().map_or(SourceState::Starting, |source| source.state);
    let status = if server.document().is_some() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [NO_CACHE], format!("{}\n", state.as_str())).into_response()
}
