//! The state that a source keeps between requests.

use std::time::Instant;

use xxhash_rust::xxh3::xxh3_128;

use super::client::Client;
use super::schedule::PollOutcome;
use crate::cache::CachedDocument;
use crate::document;

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

/// The identity of the accepted document, and the tag that the server sent with it.
///
/// They are kept together, so that "not modified" always refers to the document in use.
#[derive(Debug)]
pub(super) struct Accepted {
    /// The digest of its text, without regard to its line ends. A stream replaces CRLF by LF.
    pub(super) contents: u128,
    /// The digest of its bytes, as the cache stores them.
    pub(super) bytes: u128,
    pub(super) tag: Option<String>,
}

impl Accepted {
    pub(super) fn new(bytes: &[u8], tag: Option<String>) -> Self {
        Self { contents: document::digest(bytes), bytes: xxh3_128(bytes), tag }
    }
}
