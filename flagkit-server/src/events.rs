//! Documents as a stream of server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use tokio::sync::watch;

use crate::document::Document;

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(15);

/// The document in force, and each one after it, until the server closes. Who is slow gets the latest alone.
pub(crate) fn stream(
    documents: watch::Receiver<Option<Arc<Document>>>,
    closing: watch::Receiver<bool>,
) -> impl IntoResponse {
    let mut start = (documents, closing);
    start.0.mark_changed();
    let events = stream::unfold(start, |(mut documents, mut closing)| async move {
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return None,
            changed = documents.changed() => changed.ok()?,
        }
        let document = documents.borrow_and_update().clone()?;
        // One that cannot be streamed ends the stream: its clients poll.
        let event = event(&document)?;
        Some((Ok::<_, Infallible>(event), (documents, closing)))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(BEAT))
}

fn event(document: &Document) -> Option<Event> {
    let data = document.data.as_deref()?;
    Some(Event::default().event(document.format.extension()).id(&document.tag).data(data))
}
