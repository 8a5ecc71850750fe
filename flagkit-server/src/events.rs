//! The stream of server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use futures_util::stream;
use tokio::sync::watch;
use tokio::time;

use crate::document::Document;

/// The time between two heartbeats.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// A comment line, which clients ignore. It keeps the connection open through proxies.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// Streams the current document and each later one until the server closes.
///
/// Slow clients skip to the latest document; all clients share the same buffer.
pub(crate) fn stream(
    mut documents: watch::Receiver<Option<Arc<Document>>>,
    closing: watch::Receiver<bool>,
) -> impl IntoResponse {
    documents.mark_changed();
    let events = stream::unfold((documents, closing), |(mut documents, mut closing)| async move {
        let next = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return None,
            changed = documents.changed() => {
                changed.ok()?;
                // A document that cannot be streamed ends the stream, and its clients poll.
                documents.borrow_and_update().as_ref()?.event.clone()?
            }
            () = time::sleep(HEARTBEAT_INTERVAL) => HEARTBEAT,
        };
        Some((Ok::<_, Infallible>(next), (documents, closing)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // Turns off buffering in nginx and other proxies, which would delay events.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(events))
}
