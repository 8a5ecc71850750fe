//! The state that a source keeps between requests.

use std::time::Instant;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

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
    /// The digest of its contents, whatever its line endings are. A stream replaces them.
    pub(super) contents: u128,
    /// The digest of its bytes, as the cache stores them.
    pub(super) bytes: u128,
    pub(super) tag: Option<String>,
}

impl Accepted {
    pub(super) fn new(bytes: &[u8], tag: Option<String>) -> Self {
        Self { contents: contents_digest(bytes), bytes: xxh3_128(bytes), tag }
    }
}

/// Returns the digest of a text with LF line endings.
///
/// An event of a stream has no other line endings (HTML Living Standard, section 9.2.6). A document with CRLF would
/// therefore be published twice: as a response, and as an event.
pub(super) fn contents_digest(bytes: &[u8]) -> u128 {
    let mut digest = Xxh3Default::new();
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\r') {
        let (line, end) = rest.split_at(at);
        digest.update(line);
        digest.update(b"\n");
        rest = end.strip_prefix(b"\r\n").or_else(|| end.strip_prefix(b"\r")).unwrap_or_default();
    }
    digest.update(rest);
    digest.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_endings_do_not_change_the_digest_of_contents() {
        let digest = |text: &str| contents_digest(text.as_bytes());
        for (text, lf) in
            [("a\r\nb\r\n", "a\nb\n"), ("\ra\r\r\nb\r", "\na\n\nb\n"), ("", ""), ("\r", "\n"), ("a\n\rb", "a\n\nb")]
        {
            assert_eq!(digest(text), xxh3_128(lf.as_bytes()), "{text:?}");
        }
        assert_ne!(digest("a\r\n"), digest("a\n\n"));
        assert_ne!(digest("a\r\n"), digest("a"));
    }
}
