//! What a source remembers of its server.

use std::time::Instant;

use super::client::Client;
use super::schedule::Outcome;
use crate::cache::CachedDocument;

/// What was last seen of the server.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) client: Option<Client>,
    pub(super) accepted: Option<Accepted>,
    /// How the load at the start went, if it asked.
    pub(super) start: Option<Outcome>,
    /// Until when not to ask for a stream again.
    pub(super) no_stream_until: Option<Instant>,
    /// Why the stream could not be opened that the server should have.
    pub(super) no_stream_because: Option<String>,
    /// When the document was last asked for without a tag.
    pub(super) last_whole: Option<Instant>,
    /// The document in force, as long as it is not on disk, and why it is not.
    pub(super) unkept: Option<CachedDocument>,
    pub(super) not_kept: Option<String>,
    /// When that was last noted on disk.
    pub(super) last_kept: Option<Instant>,
}

/// The document in force. The tag is part of it, so that "not modified" is never said of another.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) digest: u128,
    pub(super) tag: Option<String>,
}
