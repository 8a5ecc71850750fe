//! A flag document on an HTTP server as a source.
//!
//! ```text
//! Http ──▶ follow    ask, take in, keep, wait
//!      ──▶ Client    one request, sorted into document, unchanged, or failure
//!      ──▶ Events    a stream of documents, where the server offers one
//!      ──▶ Schedule  when to ask again
//!      ──▶ Cache     the last good document on disk
//! ```

mod client;
mod events;
mod follow;
#[cfg(fuzzing)]
pub mod fuzzing;
mod roots;
mod schedule;
mod secret;
mod state;
mod target;

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

/// Follows a flag document on an HTTP server.
///
/// # How it asks
///
/// With a conditional GET: a server that names versions (`ETag`) answers "not modified" as long as nothing changes. The
/// next poll comes after the interval, give or take a tenth. Where the server offers a stream of events at the same
/// URL (`Accept: text/event-stream`; flagkit-server does), changes arrive as they happen, and a poll every five
/// minutes stays beneath.
///
/// # What counts
///
/// An answer 200 with a length or in chunks, whole, of a type that is TOML, JSON or plain, within the size limit, and a
/// document that is not refused. Everything else changes nothing: the last good flags stay, and the source asks again,
/// ever less often and for ever (see [`Retry`]).
///
/// # At the start
///
/// By default the flags are dark until a server answers that [cannot be reached](crate::Builder::when_unreachable), or
/// [has nothing there](crate::Builder::when_missing) (404). One that refuses us (401, TLS), or answers what is no flag
/// document, is [an error](crate::Builder::when_invalid). With a document [on disk](Http::cache) the start is well in
/// all cases.
///
/// # What is not shown
///
/// Headers and tokens, and of the URL user information and query: they are in no message, no `Debug` and no status.
///
/// # Known limitations
///
/// - Resolving a name and opening a connection cannot be interrupted: a drop of the guard meanwhile leaves the thread
///   behind, for as long as the connect timeout.
/// - User information in the URL is sent as it is spelled there, and relative redirects are not followed.
/// - While a stream is open, [`Guard::reload`](crate::Guard::reload) takes effect with its next sign of life.
/// - An older document that the server serves again counts: turning back is as good as turning on or off. Have caches
///   on the way honour `ETag`.
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
    /// The interval, unless set.
    fresh_for: Option<Duration>,
    cache: Option<PathBuf>,
    state: State,
}

/// The longest of all times here: the clock has an end.
const DAY: Duration = Duration::from_secs(86_400);

impl Http {
    /// Follows the document at this URL: `https://`, or `http://` on this machine.
    ///
    /// # Errors
    ///
    /// Returns an error for what is no such URL. [`plain`](Http::insecure) takes `http://` to other machines.
    pub fn new(url: &str) -> Result<Self, Error> {
        Target::parse(url, false).map(Self::of)
    }

    /// Follows the document at this URL, also where it is neither encrypted nor on this machine.
    ///
    /// For networks that are trusted, such as that of a cluster: whoever is on the way can turn flags on, and reads
    /// what [`bearer`](Http::bearer_token) and [`header`](Http::header) send.
    ///
    /// # Errors
    ///
    /// Returns an error for what is no URL.
    pub fn insecure(url: &str) -> Result<Self, Error> {
        Target::parse(url, true).map(Self::of)
    }

    fn of(target: Target) -> Self {
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
            fresh_for: None,
            cache: None,
            state: State::default(),
        }
    }

    /// Sends this header with every question, in the place of an earlier one of its name.
    ///
    /// # Errors
    ///
    /// Returns an error when the name is no header's, or the value cannot be sent (it may have no line's end in it).
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let name: HeaderName = name.parse().map_err(|_| Error::header("its name is not the name of a header"))?;
        HeaderValue::from_str(value)
            .map_err(|_| Error::header("its value has characters that a header cannot hold"))?;
        self.settings.headers.retain(|(known, _)| *known != name);
        self.settings.headers.push((name, Secret::new(value)));
        Ok(self)
    }

    /// Sends this token with every question: `Authorization: Bearer …`.
    ///
    /// # Errors
    ///
    /// Returns an error when the token cannot be sent in a header.
    pub fn bearer_token(self, token: &str) -> Result<Self, Error> {
        self.header(header::AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Sets how often to ask. Default: 30 seconds, give or take a tenth; at least 10 milliseconds, at most a day.
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.poll = interval.clamp(Duration::from_millis(10), DAY);
        self
    }

    /// Sets how long to wait after failures.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Sets whether to take a stream of events where the server offers one. Default: yes.
    pub fn stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self
    }

    /// Keeps the last good document in this file, for starts while the server is away. Default: nowhere.
    ///
    /// A start takes the one on disk at once if it is as fresh as that of any process that [polls](Http::max_staleness),
    /// and asks within an interval. Else it waits two seconds for the server, and then takes the one on disk. It
    /// counts only if it was got from the same URL with the same headers. One that can no longer be written over is removed where possible: it may have flags on
    /// that are off by now. See [`Cache`](crate::Cache).
    pub fn cache(mut self, path: impl Into<PathBuf>) -> Self {
        self.cache = Some(path.into());
        self
    }

    /// Sets for how long after the server's last good answer the document on disk is taken at a start without asking.
    /// Default: the interval of the [polls](Http::poll_every), but 30 seconds at the most unless streams are off.
    ///
    /// The server is asked within that time again: processes that all restart at one moment do not all ask at one
    /// moment, and may be two intervals behind, where one that polls is one behind. The age goes by the clock of the
    /// machine. With [`Duration::ZERO`] a start always asks. With more than the default it may have flags that were turned off meanwhile, and is [stale](flagkit_core::tooling::SourceState::Stale)
    /// until it has asked; [`Duration::MAX`] is for fleets so large that any start together would be too much for the
    /// server.
    pub fn max_staleness(mut self, time: Duration) -> Self {
        self.fresh_for = Some(time);
        self
    }

    /// Sets how long to wait for a name and for a connection, each. Default: 2 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout.min(DAY);
        self
    }

    /// Sets how long to wait for the headers of an answer. Default: 5 seconds.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.settings.header_timeout = timeout.min(DAY);
        self
    }

    /// Sets how long a poll may take altogether. Default: 10 seconds.
    pub fn total_timeout(mut self, timeout: Duration) -> Self {
        self.settings.total_timeout = timeout.min(DAY);
        self
    }

    /// Sets how long a stream may be silent before it counts as lost. Default: 60 seconds; a server should give a sign
    /// of life three times as often.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings.idle_timeout = timeout.min(DAY);
        self
    }

    /// Sets the greatest size of a document, in bytes, after decompression. Default: 8 MiB.
    pub fn max_len(mut self, bytes: u64) -> Self {
        self.settings.max_len = bytes;
        self
    }

    /// Sets the format. Default: as the server says by the content type, else by the extension of the URL's path.
    pub fn format(mut self, format: Format) -> Self {
        self.settings.format = Some(format);
        self
    }

    /// Sets whether to follow redirects, to the same scheme, host and port alone, and three in a row. Default: no.
    pub fn follow_redirects(mut self, follow: bool) -> Self {
        self.settings.follow_redirects = follow;
        self
    }

    /// Sets whether to go by the proxies that the environment names. Default: yes. The status warns of one that is gone
    /// by.
    ///
    /// The first of `ALL_PROXY`, `HTTPS_PROXY` and `HTTP_PROXY` counts, but for what `NO_PROXY` lists; also a plain
    /// `http://` server is asked through a tunnel (`CONNECT`).
    pub fn use_proxy(mut self, use_proxy: bool) -> Self {
        self.settings.use_proxy = use_proxy;
        self
    }

    /// Trusts these certificates, in PEM, and no others. Default: those of the platform; where it has none, those of
    /// Mozilla.
    ///
    /// # Errors
    ///
    /// Returns an error when there is no certificate in it.
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
