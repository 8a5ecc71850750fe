//! A flag document on an HTTP server as a source.
//!
//! ```text
//! Http ──▶ poller    request, accept, persist, wait
//!      ──▶ Client    one request, sorted into document, unchanged, or failure
//!      ──▶ Stream    a stream of documents on its own thread, if the server offers one
//!      ──▶ Plan      the time of the next poll and of the next stream
//!      ──▶ Cache     the last valid document on disk
//! ```
//!
//! # The files, in reading order
//!
//! - `mod`: [`Http`] and its settings. `target`, `secret`, `roots`: the types of its settings.
//! - `client`: requests and responses. `failure`: errors and their classes.
//! - `gzip`, `meter`, `throttle`: limits on the work that a server can cause.
//! - `events`: the parser of streams. `stream`: the thread that reads one. `follower`: what it means for the polls.
//!   `news`: what the poller does with what the thread has read.
//! - `schedule`: waits, with back-off and jitter. `plan`: the times that follow from them.
//! - `state`: what a source remembers. `stored`: its copy on disk. `poller`: the loop that uses all of them.
//! - `fuzzing`: access for the fuzz targets, compiled only for them.

mod client;
mod events;
mod failure;
mod follower;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gzip;
mod meter;
mod news;
mod plan;
mod poller;
mod roots;
mod schedule;
mod secret;
mod state;
mod stored;
mod stream;
mod target;
mod throttle;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ureq::http::{HeaderName, HeaderValue, header};

use self::client::Settings;
pub use self::schedule::Retry;
use self::secret::Secret;
use self::state::State;
use self::target::Target;
use crate::document::Format;
use crate::error::Error;

/// A source that follows a flag document on an HTTP server.
///
/// # Requests
///
/// The source sends conditional GET requests: a server that supports `ETag` answers "not modified" until the document
/// changes. The wait between polls is the interval, plus or minus a tenth. If the server offers a stream of events at the
/// same URL (`Accept: text/event-stream`, as flagkit-server does), changes arrive immediately. From its first valid
/// document on, the stream replaces the polls, except for one every five minutes. Polls continue at their interval while
/// the stream delivers no document, an invalid one, or nothing for half of the [idle timeout](Http::idle_timeout).
///
/// # Limits
///
/// A server cannot keep a client busy. At most 20 documents of a stream are published per second, and one error is
/// reported; the newest document wins. The size of a document, its framing, its headers and its compressed form are
/// limited, and so is the rate at which a stream is read.
///
/// # Responses
///
/// The source accepts a complete response with status 200. It needs a length or chunks, a content type of TOML, JSON or
/// plain text, a size within the limit, and a valid document. Every other response leaves the flags unchanged. The
/// source then retries at growing intervals, without end (see [`Retry`]).
///
/// # Startup
///
/// By default the flags are dark while a server [cannot be reached](crate::Builder::when_unreachable) or
/// [has no document](crate::Builder::when_missing) (404). A server that refuses the request (401, TLS), or sends no flag
/// document, is [an error](crate::Builder::when_invalid). With a document [in the cache](Http::cache), startup succeeds
/// in all these cases.
///
/// # Secrets
///
/// No message, `Debug` output or status contains headers, tokens, or the user information and query of the URL.
///
/// # Known limitations
///
/// - Name resolution and connecting cannot be interrupted. If the guard is dropped meanwhile, the thread remains until
///   the connect timeout at most.
/// - User information in the URL is sent in its written form, and relative redirects are not followed.
/// - A stream takes a second thread while it is open.
/// - An older document that the server serves again is accepted, because going back is a legal change. Caches between
///   server and client must honour `ETag`.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use flagkit_sources::{Builder, Env, Http};
///
/// let http = Http::new("https://flags.example.com/shop.toml")?
///     .bearer_token(&std::env::var("FLAGS_TOKEN")?)?
///     .poll_every(Duration::from_secs(15))
///     .cache("/var/cache/shop/flags");
/// let _guard = Builder::new().source(http).source(Env::new("FLAG_")).install()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Http {
    target: Target,
    settings: Settings,
    poll: Duration,
    retry: Retry,
    stream: bool,
    /// `None` for the default, which depends on the interval of the polls.
    max_staleness: Option<Duration>,
    cache: Option<PathBuf>,
    state: State,
}

/// The maximum of all durations that can be set, so that adding one to the current time cannot overflow.
const DAY: Duration = Duration::from_secs(86_400);

impl Http {
    /// Creates a source for a document at an `https://` URL, or at an `http://` URL on this machine.
    ///
    /// # Errors
    ///
    /// Returns an error for any other URL. [`Http::insecure`] accepts `http://` to other machines.
    pub fn new(url: &str) -> Result<Self, Error> {
        Target::parse(url, false).map(Self::with_target)
    }

    /// Creates a source for a document at any `https://` or `http://` URL.
    ///
    /// Use this only in a trusted network, such as that of a cluster. Over `http://`, anyone on the path can turn flags on,
    /// and can read the values of [`bearer_token`](Http::bearer_token) and [`header`](Http::header).
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is invalid.
    pub fn insecure(url: &str) -> Result<Self, Error> {
        Target::parse(url, true).map(Self::with_target)
    }

    fn with_target(target: Target) -> Self {
        let settings = Settings {
            headers: Vec::new(),
            connect_timeout: Duration::from_secs(2),
            header_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            max_len: 8 << 20,
            format: None,
            follow_redirects: false,
            use_proxy: true,
            roots: Vec::new(),
        };
        Self {
            target,
            settings,
            poll: Duration::from_secs(30),
            retry: Retry::default(),
            stream: true,
            max_staleness: None,
            cache: None,
            state: State::default(),
        }
    }

    /// Sends this header with every request. It replaces an earlier header of the same name.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is not a header name, or if the value cannot be sent, for example because of a line
    /// break.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let name: HeaderName = name.parse().map_err(|_| Error::header("its name is not the name of a header"))?;
        HeaderValue::from_str(value)
            .map_err(|_| Error::header("its value has characters that a header cannot hold"))?;
        self.settings.headers.retain(|(known, _)| *known != name);
        self.settings.headers.push((name, Secret::new(value)));
        Ok(self)
    }

    /// Sends this token with every request: `Authorization: Bearer …`.
    ///
    /// # Errors
    ///
    /// Returns an error if the token cannot be sent in a header.
    pub fn bearer_token(self, token: &str) -> Result<Self, Error> {
        self.header(header::AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Sets the interval of polls, from 10 milliseconds to a day. Default: 30 seconds.
    ///
    /// Each wait differs from it by up to a tenth, at random.
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.poll = interval.clamp(Duration::from_millis(10), DAY);
        self
    }

    /// Sets the waits after failures.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Sets whether to use a stream of events if the server offers one. Default: `true`.
    pub fn stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self
    }

    /// Stores the last valid document in this file, for starts while the server is unavailable. Default: no file.
    ///
    /// If the stored document is [recent](Http::max_staleness), startup uses it immediately, and the first request follows
    /// within an interval. Otherwise startup waits two seconds for the server, and then uses the stored document.
    ///
    /// The document is used only if it came from the same URL with the same headers. If the file can no longer be
    /// written, it is removed where possible, because it may have flags on that are off now. See
    /// [`Cache`](crate::Cache).
    pub fn cache(mut self, path: impl Into<PathBuf>) -> Self {
        self.cache = Some(path.into());
        self
    }

    /// Sets the age up to which startup uses the document in the cache without a request. Default: the interval of the
    /// [polls](Http::poll_every), and at most 30 seconds if streams are enabled.
    ///
    /// The age is the time since the last successful response, by the clock of the machine. The first request follows
    /// within the default age, at a random time, so processes that restart at once do not send their requests at once.
    /// Flags may then be two intervals old; flags of a running process are at most one interval old.
    ///
    /// - With [`Duration::ZERO`], startup always sends a request.
    /// - With more than the default, startup may use flags that were turned off meanwhile. The source is then
    ///   [stale](flagkit_core::tooling::SourceState::Stale) until its first response.
    /// - [`Duration::MAX`] is for large fleets: a simultaneous start would overload the server.
    pub fn max_staleness(mut self, time: Duration) -> Self {
        self.max_staleness = Some(time);
        self
    }

    /// Sets the timeout for name resolution, and the same for connecting. Default: 2 seconds; at most a day.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout.min(DAY);
        self
    }

    /// Sets the timeout for the headers of a response. Default: 5 seconds; at most a day.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.settings.header_timeout = timeout.min(DAY);
        self
    }

    /// Sets the timeout for a whole poll. Default: 10 seconds; at most a day.
    pub fn total_timeout(mut self, timeout: Duration) -> Self {
        self.settings.total_timeout = timeout.min(DAY);
        self
    }

    /// Sets how long a stream may be silent before it counts as lost. Default: 60 seconds; at most a day.
    ///
    /// A server should send a heartbeat three times in this period. After half of it without one, polls continue.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings.idle_timeout = timeout.min(DAY);
        self
    }

    /// Sets the maximum size of a document, in bytes, after decompression. Default: 8 MiB.
    pub fn max_len(mut self, bytes: u64) -> Self {
        self.settings.max_len = bytes;
        self
    }

    /// Sets the format. Default: that of the content type, else that of the extension in the URL's path.
    pub fn format(mut self, format: Format) -> Self {
        self.settings.format = Some(format);
        self
    }

    /// Sets whether to follow redirects. Default: `false`.
    ///
    /// Only redirects to the same scheme, host and port are followed, and at most three in a row.
    pub fn follow_redirects(mut self, follow: bool) -> Self {
        self.settings.follow_redirects = follow;
        self
    }

    /// Sets whether to use the proxy from the environment. Default: `true`.
    ///
    /// The first of `ALL_PROXY`, `HTTPS_PROXY` and `HTTP_PROXY` counts, except for the hosts in `NO_PROXY`. All requests
    /// use a tunnel (`CONNECT`), even those to an `http://` server. The status of the source has a warning while a proxy
    /// is in use.
    pub fn use_proxy(mut self, use_proxy: bool) -> Self {
        self.settings.use_proxy = use_proxy;
        self
    }

    /// Trusts only these certificates, in PEM. Default: the certificates of the platform, or those of Mozilla if it has
    /// none.
    ///
    /// # Errors
    ///
    /// Returns an error if the text has no certificate.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, Error> {
        self.settings.roots = roots::parse(pem)?;
        Ok(self)
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("target", &self.target).field("settings", &self.settings).finish_non_exhaustive()
    }
}
