//! The copy of the accepted document on disk, for later starts.
//!
//! The poller calls [`Http::persist`] after each confirmation. The copy is therefore as recent as the last response, and
//! a restart of the program is as good as a process that keeps running.
//!
//! # Failures
//!
//! A write that fails is a warning, and is tried again with the next confirmation. A copy that cannot be replaced is
//! removed where possible, because it may have flags on that are off by now. A dark start is better.
//!
//! # Other processes
//!
//! Processes of one machine may share the file. The time of a copy is updated only if the copy is the document that this
//! process has; the last writer wins.

use std::time::{Duration, Instant, SystemTime};

use flagkit_core::source::{Provenance, Source as _};
use xxhash_rust::xxh3::xxh3_128;

use super::Http;
use crate::cache::Cache;

/// The minimum interval between two updates of the time in the cache. Heartbeats may be far more frequent.
const TOUCH_INTERVAL: Duration = Duration::from_secs(1);

impl Http {
    /// Writes the accepted document to the cache. If it is there already, updates the time in the cache.
    ///
    /// Called after each confirmation. The document in the cache thus counts as fresh at the next start.
    pub(super) fn persist(&mut self) {
        let is_recent = self.state.last_cached.is_some_and(|last| last.elapsed() < TOUCH_INTERVAL);
        if self.state.uncached.is_none() && is_recent {
            return;
        }
        let Some(cache) = self.open_cache() else { return };
        self.state.last_cached = Some(Instant::now());
        let Some(uncached) = self.state.uncached.take() else {
            // If another process has stored another document, or the file was removed, `touch` changes nothing.
            if let Some(accepted) = &self.state.accepted {
                let _ = cache.touch(accepted.bytes, SystemTime::now());
            }
            return;
        };
        if let Err(error) = cache.store(&uncached) {
            // The old document may have flags on that are off now, so no document is better.
            cache.remove();
            self.state.cache_problem = Some(format!("cannot write its cache: {error}"));
            self.state.uncached = Some(uncached);
        } else {
            self.state.cache_problem = None;
        }
    }

    /// Returns the cache for this document, if there is one.
    ///
    /// The cache refuses a file of another origin. The origin is the URL, all headers and the format, since each of them
    /// can change which document the server sends.
    pub(super) fn open_cache(&self) -> Option<Cache> {
        let path = self.cache.as_ref()?;
        let mut request = String::new();
        for (name, value) in &self.settings.headers {
            request.extend([name.as_str(), ":", value.reveal(), "\n"]);
        }
        let url = self.target.uri().to_string();
        if request.is_empty() && self.settings.format.is_none() && url == self.target.shown() {
            return Some(Cache::new(path, self.provenance()));
        }
        // Headers and the complete URL may be secret, so the file has only a digest of them.
        let request = format!("{request}{url} {:?}", self.settings.format);
        let from = format!("{} {:032x}", self.target.shown(), xxh3_128(request.as_bytes()));
        Some(Cache::new(path, Provenance::new(from)))
    }
}
