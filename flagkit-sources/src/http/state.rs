//! The state that a source keeps between requests.

use std::time::Instant;

use super::client::Client;
use super::schedule::PollOutcome;
use crate::cache::CachedDocument;

/// What a source remembers of its server and of its cache.
///
/// [`Http`](super::Http) owns one. The poller reads and changes it on the thread of the source. A restarted source begins
/// with an empty state.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The client, created for the first request with all settings.
    pub(super) client: Option<Client>,
    /// The last accepted document.
    pub(super) accepted: Option<Accepted>,
    /// The outcome of the request at startup, if there was one.
    pub(super) startup_outcome: Option<PollOutcome>,
    /// The time of the next request for a stream; `None` for now.
    pub(super) stream_retry_at: Option<Instant>,
    /// The warning about a stream that failed.
    pub(super) stream_problem: Option<String>,
    /// The time of the last complete document, which is that of the last request without a tag.
    pub(super) last_full: Option<Instant>,
    /// The accepted document, until it is in the cache.
    pub(super) uncached: Option<CachedDocument>,
    /// The warning about a cache that cannot be written.
    pub(super) cache_problem: Option<String>,
    /// The time of the last write to the cache.
    pub(super) last_cached: Option<Instant>,
}

/// The identity of the accepted document: its digest, and the tag that the server sent with it.
///
/// The two are kept together, so that "not modified" always refers to the document in use.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) digest: u128,
    pub(super) tag: Option<String>,
}
