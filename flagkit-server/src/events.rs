//! Documents as a stream of server-sent events.

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

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(15);
/// A comment, which clients pass over.
const SIGN_OF_LIFE: Bytes = Bytes::from_static(b":\n\n");

/// The document in force, and each one after it, until the server closes. Who is slow gets the latest alone; all get
/// the same bytes.
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
                // One that cannot be streamed ends the stream: its clients poll.
                documents.borrow_and_update().as_ref()?.event.clone()?
            }
            () = time::sleep(BEAT) => SIGN_OF_LIFE,
        };
        Some((Ok::<_, Infallible>(next), (documents, closing)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // nginx and others would gather the events until there are enough of them.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(events))
}
