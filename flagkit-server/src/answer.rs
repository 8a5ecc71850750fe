//! From requests to answers.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flagkit_core::tooling::SourceState;

use crate::{FlagServer, events};

/// Asked again each time: a cache on the way may keep it, and has to ask whether it is current.
const NO_CACHE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");
/// A document or a stream, as is asked for.
const VARY: (header::HeaderName, &str) = (header::VARY, "accept");

pub(crate) async fn flags(State(server): State<FlagServer>, headers: HeaderMap) -> Response {
    let asks = |name, is_met: &dyn Fn(&str) -> bool| {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(is_met)
    };
    if asks(header::ACCEPT, &|accepted| accepted.contains("text/event-stream")) {
        return events(State(server)).await;
    }
    let Some(document) = server.document() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [NO_CACHE, VARY], "there is no good document yet\n").into_response();
    };
    let tag = (header::ETAG, document.tag.clone());
    if asks(header::IF_NONE_MATCH, &|tags| document.is_named_in(tags)) {
        return (StatusCode::NOT_MODIFIED, [NO_CACHE, VARY], [tag]).into_response();
    }
    let content_type = (header::CONTENT_TYPE, document.content_type());
    ([NO_CACHE, VARY, content_type], [tag], document.bytes.clone()).into_response()
}

pub(crate) async fn events(State(server): State<FlagServer>) -> Response {
    // Without one to begin with, whoever asks would wait for something that may never come.
    if server.document().is_none_or(|document| document.event.is_none()) {
        return (StatusCode::NOT_ACCEPTABLE, [NO_CACHE, VARY], "there is nothing to stream\n").into_response();
    }
    ([NO_CACHE, VARY], events::stream(server.0.documents.clone(), server.0.closing.subscribe())).into_response()
}

pub(crate) async fn health(State(server): State<FlagServer>) -> Response {
    let state = server.flags().status().sources.first().map_or(SourceState::Starting, |source| source.state);
    let status = if server.document().is_some() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [NO_CACHE], format!("{}\n", state.as_str())).into_response()
}
