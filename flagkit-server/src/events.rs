//! The stream of server-sent events.

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{self, Instant};

use crate::accept;
use crate::document::Document;

/// The time between two heartbeats.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// A comment line, which clients ignore. It keeps the connection open through proxies.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// A stream in progress. Its drop lets another client open one.
struct Subscriber {
    documents: watch::Receiver<Option<Arc<Document>>>,
    closing: watch::Receiver<bool>,
    end: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Subscriber {
    /// Waits for the next event or heartbeat. Returns `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        tokio::select! {
            biased;
            _ = self.closing.wait_for(|closing| *closing) => None,
            changed = self.documents.changed() => {
                changed.ok()?;
                // A document that cannot be streamed ends the stream, and its clients poll.
                self.documents.borrow_and_update().as_ref()?.event.clone()
            }
            () = time::sleep_until(self.end) => None,
            () = time::sleep(HEARTBEAT_INTERVAL) => Some(HEARTBEAT),
        }
    }
}

/// Streams the current document and each later one, until the server closes or the lifetime ends.
///
/// Slow clients skip to the latest document; all clients share the same buffer. A document costs each stream one
/// wake-up, however many streams there are.
pub(crate) fn stream(
    mut documents: watch::Receiver<Option<Arc<Document>>>,
    closing: watch::Receiver<bool>,
    lifetime: Duration,
    permit: OwnedSemaphorePermit,
) -> impl IntoResponse {
    documents.mark_changed();
    let end = Instant::now() + around(lifetime);
    let subscriber = Subscriber { documents, closing, end, _permit: permit };
    let events = stream::unfold(subscriber, |mut subscriber| async move {
        let next = subscriber.next().await?;
        Some((Ok::<_, Infallible>(next), subscriber))
    });
    let headers = [
        (header::CONTENT_TYPE, accept::EVENTS),
        // Turns off buffering in nginx and other proxies, which would delay events.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(events))
}

/// Returns a random duration that differs from `lifetime` by at most a tenth.
///
/// Streams that were opened together, after a restart of the server, then end one after the other.
fn around(lifetime: Duration) -> Duration {
    let random = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or(u32::MAX);
    lifetime.mul_f64(0.9 + 0.2 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use flagkit_sources::document::Format;
    use futures_util::StreamExt as _;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn forty_thousand_streams_share_one_buffer() {
        const STREAMS: usize = 40_000;
        let document = |text: &str| Some(Arc::new(Document::new(text.as_bytes().to_vec(), Format::Toml)));
        let (documents, receiver) = watch::channel(document("[flags]\na = true\n"));
        let closing = watch::Sender::new(false);
        let permits = Arc::new(Semaphore::new(STREAMS));
        let open = |_| {
            let permit = Arc::clone(&permits).try_acquire_owned().expect("a permit");
            let stream = stream(receiver.clone(), closing.subscribe(), Duration::from_secs(3600), permit);
            stream.into_response().into_body().into_data_stream()
        };
        let mut streams: Vec<_> = (0..STREAMS).map(open).collect();
        for text in ["[flags]\na = true\n", "[flags]\na = false\n"] {
            documents.send_replace(document(text));
            let shared = documents.borrow().as_ref().and_then(|document| document.event.clone()).expect("an event");
            for stream in &mut streams {
                let event = stream.next().await.expect("an event").expect("no error");
                assert!(event.as_ptr() == shared.as_ptr() && event.len() == shared.len());
            }
        }
        assert_eq!(permits.available_permits(), 0);
        closing.send_replace(true);
        for stream in &mut streams {
            assert!(stream.next().await.is_none());
        }
        drop(streams);
        assert_eq!(permits.available_permits(), STREAMS);
    }

    #[test]
    fn lifetimes_differ_by_at_most_a_tenth() {
        let lifetimes: Vec<_> = (0..100).map(|_| around(Duration::from_secs(1000)).as_secs()).collect();
        assert!(lifetimes.iter().all(|seconds| (900..=1100).contains(seconds)), "{lifetimes:?}");
        assert!(lifetimes.iter().any(|seconds| *seconds != lifetimes[0]));
    }
}
