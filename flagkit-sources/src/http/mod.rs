//! A flag document on an HTTP server as a source.
//!
//! ```text
//! Http ──▶ Client    one request, sorted into document, unchanged, or failure
//!      ──▶ Events    a stream of documents, where the server offers one
//!      ──▶ Schedule  when to ask again
//!      ──▶ Cache     the last good document on disk
//! ```

mod client;
mod events;
mod schedule;
mod secret;
mod target;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use flagkit_core::{Load, LoadError, Provenance, Publisher, Signal, Source, Wake};
use ureq::http::{HeaderName, HeaderValue, header};
use ureq::tls::{PemItem, parse_pem};
use xxhash_rust::xxh3::xxh3_128;

use self::client::{Answer, Client, Failure, Fetched, Offer, Settings};
use self::events::{Events, Item};
pub use self::schedule::Retry;
use self::schedule::{Outcome, Random, Regime, Schedule};
use self::secret::Secret;
use self::target::Target;
pub use self::target::UrlError;
use crate::cache::{Cache, Kept};
use crate::document::Format;

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
/// document, is [an error](crate::Builder::when_broken). With a document [on disk](Http::cache) the start is well in
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
///     .bearer(&std::env::var("FLAGS_TOKEN")?)?
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
    start_from_cache: bool,
    cache: Option<PathBuf>,
    state: State,
}

/// What was last seen of the server.
#[derive(Debug, Default)]
struct State {
    client: Option<Client>,
    accepted: Option<Accepted>,
    /// How the load at the start went, if it asked.
    start: Option<Outcome>,
    /// Until when not to ask for a stream again.
    no_stream_until: Option<Instant>,
    /// Why the stream could not be opened that the server should have.
    no_stream_because: Option<String>,
    /// When the document was last asked for without a tag.
    last_whole: Option<Instant>,
    /// The document in force, as long as it is not on disk, and why it is not.
    unkept: Option<Kept>,
    not_kept: Option<String>,
}

/// The document in force. The tag is part of it, so that "not modified" is never said of another.
#[derive(Debug)]
struct Accepted {
    digest: u128,
    tag: Option<String>,
}

/// Between two polls that ask for the whole document, whatever its tag.
const WHOLE: Duration = Duration::from_secs(600);
/// Between two polls while a stream is open.
const BENEATH: Duration = Duration::from_secs(300);
/// How long the start waits for a fresh document when there is one on disk.
const START_LIMIT: Duration = Duration::from_secs(2);
/// The longest of all times here: the clock has an end.
const DAY: Duration = Duration::from_secs(86_400);
/// How long to believe a server that it has no stream.
const NO_STREAM: Duration = Duration::from_secs(300);

impl Http {
    /// Follows the document at this URL: `https://`, or `http://` on this machine.
    ///
    /// # Errors
    ///
    /// Returns an error for what is no such URL. [`plain`](Http::plain) takes `http://` to other machines.
    pub fn new(url: &str) -> Result<Self, UrlError> {
        Target::parse(url, false).map(Self::of)
    }

    /// Follows the document at this URL, also where it is neither encrypted nor on this machine.
    ///
    /// For networks that are trusted, such as that of a cluster: whoever is on the way can turn flags on, and reads
    /// what [`bearer`](Http::bearer) and [`header`](Http::header) send.
    ///
    /// # Errors
    ///
    /// Returns an error for what is no URL.
    pub fn plain(url: &str) -> Result<Self, UrlError> {
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
            start_from_cache: false,
            cache: None,
            state: State::default(),
        }
    }

    /// Sends this header with every question, in the place of an earlier one of its name.
    ///
    /// # Errors
    ///
    /// Returns an error when the name is no header's, or the value cannot be sent (it may have no line's end in it).
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, HeaderError> {
        let name: HeaderName = name.parse().map_err(|_| HeaderError("not the name of a header"))?;
        HeaderValue::from_str(value).map_err(|_| HeaderError("a value that cannot be sent in a header"))?;
        self.settings.headers.retain(|(known, _)| *known != name);
        self.settings.headers.push((name, Secret::new(value)));
        Ok(self)
    }

    /// Sends this token with every question: `Authorization: Bearer …`.
    ///
    /// # Errors
    ///
    /// Returns an error when the token cannot be sent in a header.
    pub fn bearer(self, token: &str) -> Result<Self, HeaderError> {
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
    /// A start waits two seconds for a fresh document, and then takes the one on disk, if it was got from the same URL
    /// with the same headers. One that can no longer be written over is removed where possible: it may have flags on
    /// that are off by now. See [`Cache`].
    pub fn cache(mut self, path: impl Into<PathBuf>) -> Self {
        self.cache = Some(path.into());
        self
    }

    /// Sets whether a start takes the document on disk at once, and asks within one interval. Default: no.
    ///
    /// For fleets so large that their starting together would be too much for the server. Until it has asked, a process
    /// may have flags that were turned off meanwhile.
    pub fn start_from_cache(mut self, at_once: bool) -> Self {
        self.start_from_cache = at_once;
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
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, CertificateError> {
        let items = parse_pem(pem).collect::<Result<Vec<_>, _>>().map_err(|_| CertificateError("not PEM"))?;
        let roots = items.iter().filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate.der().to_vec()),
            _ => None,
        });
        self.settings.roots = roots.collect();
        if self.settings.roots.is_empty() {
            return Err(CertificateError("no certificate in the PEM"));
        }
        if self.settings.roots.iter().all(|der| is_sequence(der)) {
            Ok(self)
        } else {
            Err(CertificateError("a certificate in the PEM that is none"))
        }
    }
}

/// The reason why a header cannot be sent. It repeats neither name nor value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderError(&'static str);

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for HeaderError {}

/// The reason why certificates cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateError(&'static str);

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for CertificateError {}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("target", &self.target).field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Source for Http {
    fn provenance(&self) -> Provenance {
        Provenance::new(self.target.shown())
    }

    fn attach(&mut self, signal: &Signal) {
        self.client().attach(signal);
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        let kept = self.disk().and_then(|cache| cache.load());
        // What can no longer be read is as good as not kept.
        let kept = kept.and_then(|kept| kept.format.read(&kept.bytes).ok().map(|load| (load, kept)));
        let Some((kept_load, kept)) = kept else {
            return self.start(Duration::MAX).map(Option::unwrap_or_default);
        };
        self.state.accepted = Some(Accepted { digest: xxh3_128(&kept.bytes), tag: kept.tag.filter(is_sendable) });
        let error = if self.start_from_cache {
            LoadError::unreachable("not asked yet")
        } else {
            match self.start(START_LIMIT) {
                Ok(fresh) => return Ok(fresh.unwrap_or(kept_load)),
                Err(error) => error,
            }
        };
        Ok(kept_load.stale(error, Some(kept.at)))
    }

    fn run(&mut self, publisher: &Publisher) {
        let mut polls = Schedule::new(self.poll, self.retry, Random::new());
        let mut streams = polls.clone();
        let start = self.state.start.take();
        let mut is_well = start == Some(Outcome::Good);
        // All that started together have asked together, or not at all yet.
        let mut wait = match start {
            None | Some(Outcome::Good) => polls.splay(),
            Some(outcome) => polls.after(outcome),
        };
        loop {
            publisher.warn(self.warnings());
            if is_well && self.asks_for_stream() {
                let followed = self.follow(publisher);
                let rest = match followed {
                    Followed::Stopped => return,
                    Followed::NotOffered => {
                        self.state.no_stream_because = None;
                        NO_STREAM
                    }
                    // The polls go on as if nothing had been tried.
                    Followed::Failed(outcome) => streams.after(outcome),
                    Followed::Ended(lasted) => {
                        let rest = streams.after(Outcome::Ended(lasted));
                        // What has changed since has to be asked for; never later than without a stream.
                        wait = wait.min(rest);
                        rest
                    }
                };
                self.state.no_stream_until = Instant::now().checked_add(rest);
                publisher.warn(self.warnings());
            }
            if publisher.wait(wait) == Wake::Stopped {
                return;
            }
            let outcome = self.poll(publisher);
            is_well = outcome == Outcome::Good;
            wait = polls.after(outcome);
        }
    }
}

/// Whether the bytes are one sequence of DER (X.690), as every certificate is. What is in it shows when it is used.
fn is_sequence(der: &[u8]) -> bool {
    let Some((0x30, rest)) = der.split_first().map(|(tag, rest)| (*tag, rest)) else { return false };
    let Some((&first, rest)) = rest.split_first() else { return false };
    let (len, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let Some((bytes, rest)) = rest.split_at_checked(usize::from(first & 0x7F)) else { return false };
            (bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
        }
        _ => return false,
    };
    rest.len() == len
}

/// Whether the tag is one (RFC 9110, section 8.8.3) and can be sent back: `*`, for one, would be met by anything.
#[allow(clippy::ptr_arg)] // for `Option::filter`
fn is_sendable(tag: &String) -> bool {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let opaque = opaque.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    opaque.is_some_and(|tag| !tag.contains('"')) && HeaderValue::from_str(tag).is_ok()
}

/// How following a stream ended.
enum Followed {
    /// There was one, for so long.
    Ended(Duration),
    /// There should be one, and it could not be opened.
    Failed(Outcome),
    NotOffered,
    Stopped,
}

impl Http {
    /// Asks at the start; `None` for flags as they were.
    fn start(&mut self, limit: Duration) -> Result<Option<Load>, LoadError> {
        let settled = self.ask(limit);
        self.state.start = Some(match &settled {
            Ok(_) => Outcome::Good,
            Err(failure) => failure.outcome(),
        });
        settled.map_err(|failure| failure.error)
    }

    fn poll(&mut self, publisher: &Publisher) -> Outcome {
        match self.ask(Duration::MAX) {
            Ok(Some(load)) => publisher.publish(load),
            Ok(None) => publisher.confirm(),
            Err(failure) => {
                let outcome = failure.outcome();
                publisher.refuse(failure.error);
                return outcome;
            }
        }
        Outcome::Good
    }

    /// Asks once; `None` for flags as they were.
    fn ask(&mut self, limit: Duration) -> Result<Option<Load>, Failure> {
        // Now and then without a tag: a server may give the same one to two documents.
        let is_due = self.state.last_whole.is_some_and(|last| last.elapsed() >= WHOLE);
        let known = self.state.accepted.as_ref().filter(|_| !is_due);
        let tag = known.and_then(|accepted| accepted.tag.clone());
        match self.client().poll(tag.as_deref(), limit)? {
            Answer::Document(fetched) => {
                self.state.last_whole = Some(Instant::now());
                self.take(fetched)
            }
            Answer::Unchanged => {
                self.state.last_whole.get_or_insert_with(Instant::now);
                self.keep();
                Ok(None)
            }
        }
    }

    /// Takes a document in. Its tag is remembered if it is good, and with it.
    fn take(&mut self, fetched: Fetched) -> Result<Option<Load>, Failure> {
        let Fetched { bytes, format, tag } = fetched;
        let tag = tag.filter(is_sendable);
        let digest = xxh3_128(&bytes);
        let is_known = self.state.accepted.as_ref().is_some_and(|accepted| accepted.digest == digest);
        let load = if is_known { None } else { Some(format.read(&bytes).map_err(Failure::document)?) };
        if self.cache.is_some() && !is_known {
            self.state.unkept = Some(Kept { bytes, format, tag: tag.clone(), at: SystemTime::now() });
        }
        self.state.accepted = Some(Accepted { digest, tag });
        self.keep();
        Ok(load)
    }

    /// Keeps on disk what is not kept yet.
    fn keep(&mut self) {
        let (Some(cache), Some(unkept)) = (self.disk(), self.state.unkept.take()) else { return };
        if let Err(error) = cache.keep(&unkept) {
            // What is there may have flags on that are off by now: better none.
            cache.forget();
            self.state.not_kept = Some(format!("cannot be kept on disk: {error}"));
            self.state.unkept = Some(unkept);
        } else {
            self.state.not_kept = None;
        }
    }

    /// The file on disk, as that of this document: of this URL, asked for in this way.
    fn disk(&self) -> Option<Cache> {
        let path = self.cache.as_ref()?;
        let mut asked = String::new();
        for (name, value) in &self.settings.headers {
            asked.extend([name.as_str(), ":", value.reveal(), "\n"]);
        }
        let url = self.target.uri().to_string();
        if asked.is_empty() && self.settings.format.is_none() && url == self.target.shown() {
            return Some(Cache::new(path, self.provenance()));
        }
        // What else it depends on may be secret, and is there as a digest alone.
        let asked = format!("{asked}{url} {:?}", self.settings.format);
        let from = format!("{} {:032x}", self.target.shown(), xxh3_128(asked.as_bytes()));
        Some(Cache::new(path, Provenance::new(from)))
    }

    /// Follows a stream to its end.
    fn follow(&mut self, publisher: &Publisher) -> Followed {
        let tag = self.state.accepted.as_ref().and_then(|accepted| accepted.tag.clone());
        let opened = Instant::now();
        let reader = match self.client().stream(tag.as_deref()) {
            _ if publisher.signal().is_stopped() => return Followed::Stopped,
            Ok(Offer::Stream(reader)) => reader,
            Ok(Offer::None) => return Followed::NotOffered,
            Err(failure) => {
                let complaint = format!("its stream cannot be opened, changes are seen by polling: {}", failure.error);
                self.state.no_stream_because = Some(complaint);
                return Followed::Failed(failure.outcome());
            }
        };
        let max_len = usize::try_from(self.settings.max_len).unwrap_or(usize::MAX);
        let mut events = Events::new(reader, max_len, self.settings.idle_timeout);
        let mut last_poll = opened;
        // Whether the last document of the stream was good, so that a sign of life says that the flags are.
        let (mut is_well, mut has_begun) = (false, false);
        loop {
            let item = events.next();
            if publisher.signal().is_stopped() {
                return Followed::Stopped;
            }
            let document = match item {
                Ok(Item::Event { kind, id, data }) => Format::from_extension(&kind).map(|format| (format, id, data)),
                Ok(Item::Beat) => None,
                // One that says nothing and goes, or stays silent: something on the way keeps it back.
                Ok(Item::End) if !has_begun => return self.no_stream("it ends before it begins"),
                Err(error) if !has_begun => return self.no_stream(&client::broken(&error).error.to_string()),
                // The server goes, as at its restart. Whether it is well the poll will tell that comes next.
                Ok(Item::End) => return Followed::Ended(opened.elapsed()),
                Err(error) => {
                    publisher.refuse(client::broken(&error).error);
                    return Followed::Ended(opened.elapsed());
                }
            };
            match document {
                Some((format, tag, data)) => {
                    has_begun = true;
                    if self.state.no_stream_because.take().is_some() {
                        publisher.warn(self.warnings());
                    }
                    let taken = self.take(Fetched { bytes: data.into_bytes(), format, tag });
                    is_well = taken.is_ok();
                    match taken {
                        Ok(Some(load)) => publisher.publish(load),
                        Ok(None) => publisher.confirm(),
                        Err(failure) => publisher.refuse(failure.error),
                    }
                }
                None if is_well => publisher.confirm(),
                None => {}
            }
            if publisher.signal().wait(Duration::ZERO) == Wake::Asked || last_poll.elapsed() >= BENEATH {
                is_well = self.poll(publisher) == Outcome::Good;
                last_poll = Instant::now();
            }
        }
    }

    /// Notes that there should be a stream and is none. It is tried ever less often: while it is tried, nobody polls.
    fn no_stream(&mut self, because: &str) -> Followed {
        self.state.no_stream_because = Some(format!("its stream is of no use, changes are seen by polling: {because}"));
        Followed::Failed(Outcome::Failed(Regime::Lasting, None))
    }

    fn asks_for_stream(&self) -> bool {
        self.stream && self.state.no_stream_until.is_none_or(|until| Instant::now() >= until)
    }

    fn warnings(&mut self) -> Vec<String> {
        let proxy = self.client().proxy().map(|proxy| format!("is asked through the proxy {proxy}"));
        let roots = "is asked with the certificates that are built in: the system has none";
        let roots = self.client().uses_built_in_roots().then(|| roots.to_owned());
        proxy
            .into_iter()
            .chain(roots)
            .chain(self.state.no_stream_because.clone())
            .chain(self.state.not_kept.clone())
            .collect()
    }

    /// Made when it is first needed: with all settings.
    fn client(&mut self) -> &mut Client {
        let (target, settings) = (&self.target, &self.settings);
        self.state.client.get_or_insert_with(|| Client::new(target.clone(), settings.clone()))
    }
}
