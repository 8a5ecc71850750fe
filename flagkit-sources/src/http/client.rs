//! The HTTP client of one source: a request, and the interpretation of its response.
//!
//! The client sorts every possible response of a server, or of a proxy in front of it, into three groups. It is a complete
//! document, "not modified", or a [`Failure`] of one of two classes. Only a response that is provably complete counts as
//! a document: it has a length or is chunked, and compressed data ends where the response ends.
//!
//! The client blocks, and it has no state other than its connections. The poller decides when to call it.
//!
//! # Responses
//!
//! | response | a poll returns | a request for a stream returns |
//! |---|---|---|
//! | 200, a document | the document, if it is complete | there is no stream |
//! | 200, `text/event-stream` | a transient failure | the stream |
//! | 304, if a tag was sent | unchanged | there is no stream |
//! | 304, if no tag was sent | a transient failure | there is no stream |
//! | 400, 406, 415 | a permanent failure | there is no stream |
//! | a redirect | that of its target, within the origin and if allowed; else a permanent failure | the same |
//! | any other status | a failure; [`Failure::rejected`] has the class | the same |
//! | none | a failure; [`Failure::request_failed`] has the class | the same |
//!
//! # Limits
//!
//! Each phase has a limit on time, on bytes, or on both, so a server can neither block the thread nor fill the memory.
//!
//! | phase | time | bytes |
//! |---|---|---|
//! | name, connection, TLS | connect timeout | |
//! | request and headers | header timeout | 32 KiB, and 256 KiB with interim responses |
//! | body of a poll | total timeout | the limit on documents, and twice that with the framing |
//! | body of a stream | idle timeout, for each read | a rate |
//!
//! # Why ureq
//!
//! A source is a thread, so the client may block, and needs no runtime. ureq does, and its `Agent::shutdown` ends a
//! request from another thread. Redirects and decompression are ours: those of ureq send headers to other origins, and
//! accept truncated data.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use flagkit_core::source::Signal;
use ureq::http::{HeaderMap, HeaderName, Response, StatusCode, Version, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, DefaultConnector};
use ureq::{Agent, Body, BodyReader, Proxy};

use super::failure::Failure;
use super::gzip::Gunzip;
use super::meter::{Meter, MeteredConnector};
use super::secret::Secret;
use super::target::Target;
use super::throttle::Throttle;
use crate::document::Format;

/// The settings of a client, as the user sets them on [`Http`](super::Http).
///
/// `Http` owns them and gives a copy to its client. The values of headers are secret, so they are never shown.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) headers: Vec<(HeaderName, Secret)>,
    /// The limit for resolving the name, and for connecting.
    pub(super) connect_timeout: Duration,
    /// The limit for the headers of a response.
    pub(super) header_timeout: Duration,
    /// The limit for a poll, from the first byte sent to the last byte received.
    pub(super) total_timeout: Duration,
    /// How long a stream may be silent.
    pub(super) idle_timeout: Duration,
    /// The maximum size of a document after decompression.
    pub(super) max_len: u64,
    /// The format, if it is set. It overrides the content type and the URL.
    pub(super) format: Option<Format>,
    pub(super) follow_redirects: bool,
    pub(super) use_proxy: bool,
    /// Trusted certificates in DER; empty for the certificates of the platform.
    pub(super) roots: Vec<Vec<u8>>,
}

/// A client for the document at one URL.
///
/// The poller owns it, creates it for its first request, and keeps it for the lifetime of the source. It reuses
/// connections. After [`Client::attach`], a stop of the source ends the request in progress. Each stream has a client of
/// its own, made by [`Client::for_stream`], so the end of a stream ends no poll.
#[derive(Debug)]
pub(super) struct Client {
    target: Target,
    settings: Settings,
    agent: Agent,
    /// Counts the bytes of all responses.
    meter: Meter,
    /// The signal that ends a request in progress.
    signal: Option<Signal>,
    /// Whether the platform had no certificates, so that those of Mozilla are in use.
    uses_built_in_roots: bool,
}

/// A complete document from a response. Nothing about its content has been checked.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) bytes: Vec<u8>,
    pub(super) format: Format,
    /// The entity tag that identifies this version, if it is unambiguous.
    pub(super) tag: Option<String>,
}

/// The result of a successful poll.
///
/// The client returns it, and the poller accepts the document or confirms the one that it has.
#[derive(Debug)]
pub(super) enum PollResponse {
    Document(Fetched),
    /// The document still has the tag that the request sent.
    Unchanged,
}

/// The result of a successful request for a stream. The thread of the stream reads it.
pub(super) enum StreamResponse {
    Stream(BodyReader<'static>),
    /// The server answers requests for a stream with documents.
    NotOffered,
}

/// The maximum size of response headers, in bytes. Real servers need far less.
pub(super) const MAX_HEADERS: usize = 32 << 10;
/// The maximum number of bytes up to the end of the headers, with all interim responses (1xx). It includes what ureq
/// reads ahead: up to 128 KiB.
const MAX_HEAD: u64 = 256 << 10;
/// How many redirects in a row are followed.
const MAX_REDIRECTS: usize = 3;
/// The minimum of the size that determines the rate of a stream: twice the size at once, and another every 32 seconds.
const MIN_STREAM_LEN: u32 = 1 << 20;
/// The `Accept` header of a poll. `*/*` is for servers that know neither format.
const DOCUMENTS: &str = "application/toml, application/json, text/plain;q=0.5, */*;q=0.1";
/// The `Accept` header of a request for a stream.
const EVENTS: &str = "text/event-stream";

impl Client {
    /// Creates a client. The first request connects, and reads the certificates of the platform.
    pub(super) fn new(target: Target, settings: Settings) -> Self {
        let roots: Vec<Certificate<'static>> =
            settings.roots.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        let roots = if roots.is_empty() { RootCerts::PlatformVerifier } else { RootCerts::new_with_certs(&roots) };
        let meter = Meter::default();
        let agent = agent(&target, &settings, roots, &meter);
        Self { target, settings, agent, meter, signal: None, uses_built_in_roots: false }
    }

    /// Returns a client for a stream at the same URL.
    ///
    /// It has an agent of its own, so that its end interrupts no poll, and trusts the same certificates.
    pub(super) fn for_stream(&self) -> Self {
        let mut client = Self::new(self.target.clone(), self.settings.clone());
        if self.uses_built_in_roots {
            client.use_built_in_roots();
        }
        // The server in memory of the fuzz targets belongs to the agent.
        #[cfg(fuzzing)]
        let client = client.with_agent(|_| self.agent.clone());
        client
    }

    /// Returns a function that ends the request in progress and all later ones.
    pub(super) fn closer(&self) -> impl FnOnce() + Send + 'static {
        let (agent, meter) = (self.agent.clone(), self.meter.clone());
        move || {
            meter.close();
            // The polls of a fuzz target share its agent.
            if !cfg!(fuzzing) {
                agent.shutdown();
            }
        }
    }

    /// Replaces the agent with one that is made from the same configuration.
    #[cfg(fuzzing)]
    pub(super) fn with_agent(self, agent: impl FnOnce(ureq::config::Config) -> Agent) -> Self {
        Self { agent: agent(self.agent.config().clone()), ..self }
    }

    /// Makes a stop of the signal end the request in progress.
    ///
    /// Without it, a stop would wait for a slow server. Name resolution and connecting cannot be interrupted.
    pub(super) fn attach(&mut self, signal: &Signal) {
        let agent = self.agent.clone();
        signal.on_stop(move || agent.shutdown());
        self.signal = Some(signal.clone());
    }

    /// Returns whether the built-in certificates are in use, which the status shows as a warning.
    pub(super) fn uses_built_in_roots(&self) -> bool {
        self.uses_built_in_roots
    }

    /// Returns the host and port of the proxy in use, without its credentials.
    pub(super) fn proxy(&self) -> Option<String> {
        let proxy = self.agent.config().proxy()?;
        let is_used = !proxy.is_no_proxy(self.target.uri());
        is_used.then(|| format!("{}:{}", proxy.host(), proxy.port()))
    }

    /// Requests the document. `limit` applies if it is shorter than the total timeout.
    ///
    /// With a `tag`, the request is conditional, and the server can answer "not modified".
    ///
    /// # Errors
    ///
    /// Returns a failure unless the response is a complete document, or "not modified" to a conditional request. The
    /// document may still be invalid.
    pub(super) fn poll(&mut self, tag: Option<&str>, limit: Duration) -> Result<PollResponse, Failure> {
        let total = self.settings.total_timeout.min(limit);
        let mut response = self.request(DOCUMENTS, tag, Some(total))?;
        // Twice the size is more than the framing of real servers adds. Compression only makes it smaller.
        let max_body = self.settings.max_len.saturating_mul(2).saturating_add(MAX_HEAD);
        self.meter.set_total(max_body, "with chunks and trailers");
        let headers = response.headers();
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if tag.is_some() => return Ok(PollResponse::Unchanged),
            StatusCode::NOT_MODIFIED => {
                return Err(Failure::transient("answered 304 (not modified) to a request without a tag"));
            }
            status => return Err(Failure::rejected(status, headers)),
        }
        let format = self.format(headers).map_err(Failure::transient)?;
        let tag = headers.get(header::ETAG).filter(|_| !etag_is_ambiguous(headers));
        let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let bytes = self.body(&mut response)?;
        Ok(PollResponse::Document(Fetched { bytes, format, tag }))
    }

    /// Requests a stream of documents at the same URL.
    ///
    /// The tag lets a server without streams answer "not modified" instead of sending the document again. The reader
    /// that is returned fails after the idle timeout without data.
    ///
    /// # Errors
    ///
    /// Returns a failure if the server rejects the request or does not respond. A server that has no streams is not a
    /// failure.
    pub(super) fn stream(&mut self, tag: Option<&str>) -> Result<StreamResponse, Failure> {
        let response = self.request(EVENTS, tag, None)?;
        match response.status() {
            StatusCode::OK if media_type(response.headers()).as_deref() == Some(EVENTS) => {
                let max_len = u32::try_from(self.settings.max_len).unwrap_or(u32::MAX).max(MIN_STREAM_LEN);
                self.meter.set_rate(Throttle::new(max_len.saturating_mul(2), max_len / 32, Instant::now()));
                Ok(StreamResponse::Stream(response.into_body().into_reader()))
            }
            // The server has no stream: it sends the document, "not modified", or an error about the requested type.
            StatusCode::OK
            | StatusCode::NOT_MODIFIED
            | StatusCode::NOT_ACCEPTABLE
            | StatusCode::BAD_REQUEST
            | StatusCode::UNSUPPORTED_MEDIA_TYPE => Ok(StreamResponse::NotOffered),
            status => Err(Failure::rejected(status, response.headers())),
        }
    }

    /// Sends a request, and follows redirects if that is allowed. A `total` of `None` is for a stream.
    ///
    /// Redirects stay within scheme, host and port, because the headers may be secret. All of them share the total. A
    /// relative path is not followed, so that no URL has to be resolved against another.
    fn request(
        &mut self,
        accept: &'static str,
        tag: Option<&str>,
        total: Option<Duration>,
    ) -> Result<Response<Body>, Failure> {
        let mut target = self.target.clone();
        let start = Instant::now();
        let left = || total.map(|total| total.saturating_sub(start.elapsed()));
        for _ in 0..=MAX_REDIRECTS {
            let response = match self.send(&target, accept, tag, left()) {
                // Minimal containers have no certificates, so the built-in certificates of Mozilla are used instead.
                Err(ureq::Error::Rustls(error)) if has_no_roots(&error.to_string()) && !self.uses_built_in_roots => {
                    self.use_built_in_roots();
                    self.send(&target, accept, tag, left())
                }
                result => result,
            };
            let response = response.map_err(|error| Failure::request_failed(&error))?;
            if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED {
                return Ok(response);
            }
            let status = response.status().as_u16();
            if !self.settings.follow_redirects {
                return Err(Failure::permanent(format!(
                    "answered {status} (a redirect), and redirects are not followed"
                )));
            }
            let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
            target = location.and_then(|location| target.redirected(location)).ok_or_else(|| {
                let message = "(a redirect) to another origin or a relative path, which is not followed";
                Failure::permanent(format!("answered {status} {message}"))
            })?;
        }
        Err(Failure::permanent(format!("answered with more than {MAX_REDIRECTS} redirects in a row")))
    }

    /// Replaces the agent with one that trusts the built-in certificates.
    ///
    /// A stop must end requests of the new agent too.
    fn use_built_in_roots(&mut self) {
        self.agent = agent(&self.target, &self.settings, RootCerts::WebPki, &self.meter);
        self.uses_built_in_roots = true;
        if let Some(signal) = self.signal.take() {
            self.attach(&signal);
        }
    }

    /// Sends one request to `target`, with all headers.
    ///
    /// Compression is requested for documents only: a proxy that compresses a stream may delay its events.
    fn send(
        &self,
        target: &Target,
        accept: &'static str,
        tag: Option<&str>,
        total: Option<Duration>,
    ) -> Result<Response<Body>, ureq::Error> {
        let timeouts = self
            .agent
            .get(target.uri())
            .config()
            .timeout_global(total)
            // A stream has no total limit. The limit on each read detects a lost connection between two heartbeats.
            .timeout_per_read(if total.is_none() { Some(self.settings.idle_timeout) } else { None });
        let mut request = timeouts.build();
        for (name, value) in &self.settings.headers {
            request = request.header(name, value.reveal());
        }
        request = request.header(header::ACCEPT, accept);
        if total.is_some() {
            request = request.header(header::ACCEPT_ENCODING, "gzip");
        }
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        self.meter.set_total(MAX_HEAD, "without a response");
        request.call()
    }

    /// Returns the format of the document: the one that is set, else that of the content type, else that of the URL.
    ///
    /// Servers without a type for TOML send plain text or binary data, so these types leave the choice to the URL. Any
    /// other type, such as HTML, is an error: login pages and error pages have status 200 surprisingly often.
    fn format(&self, headers: &HeaderMap) -> Result<Format, String> {
        let by_type = match media_type(headers).as_deref() {
            Some("application/toml" | "text/toml" | "application/x-toml" | "text/x-toml") => Some(Format::Toml),
            Some("application/json" | "text/json") => Some(Format::Json),
            Some("text/plain" | "application/octet-stream" | "binary/octet-stream") | None => None,
            Some(_) => return Err("answered with something other than TOML or JSON (by its content type)".to_owned()),
        };
        let by_path = || Format::from_path(self.target.uri().path());
        Ok(self.settings.format.or(by_type).unwrap_or_else(by_path))
    }

    /// Returns the body, decompressed. Fails unless the body is provably complete.
    ///
    /// Half of a flag file may be a valid flag file. A body that ends with its connection is therefore rejected, even if
    /// it looks whole; and the framing is read to its end, even if the document has the maximum size.
    fn body(&self, response: &mut Response<Body>) -> Result<Vec<u8>, Failure> {
        let headers = response.headers();
        let chunked = headers.get_all(header::TRANSFER_ENCODING).iter();
        let is_chunked = chunked
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked")));
        // HTTP/1.0 has no chunks. Such a response ends with its connection, so its end is not reliable.
        let is_chunked = is_chunked && response.version() > Version::HTTP_10;
        if !is_chunked && response.body().content_length().is_none() {
            return Err(Failure::transient(
                "sent a response with neither Content-Length nor chunked encoding, so a truncated body cannot be detected",
            ));
        }
        let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
        let encodings: Vec<_> = encodings.map(|encoding| encoding.as_bytes().to_ascii_lowercase()).collect();
        let max_len = self.settings.max_len;
        let reader = response.body_mut().as_reader();
        let bytes = match encodings.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] {
            [] | [b"identity" | b""] => read(reader, max_len),
            [b"gzip" | b"x-gzip"] => read(Gunzip::new(reader), max_len),
            _ => return Err(Failure::transient("answered with an encoding that was not requested")),
        };
        bytes.map_err(|error| Failure::io_failure(&error))
    }
}

/// Creates an agent, which owns connections, TLS and the proxy.
///
/// Statuses are not errors, because the client sorts them itself. Timeouts that depend on the request are set with it.
fn agent(target: &Target, settings: &Settings, roots: RootCerts, meter: &Meter) -> Agent {
    // A request to this machine must not leave it, so it never uses a proxy.
    let use_proxy = settings.use_proxy && !target.is_loopback();
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(if use_proxy { Proxy::try_from_env() } else { None })
        .user_agent(concat!("flagkit/", env!("CARGO_PKG_VERSION")))
        .max_response_header_size(MAX_HEADERS)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .timeout_resolve(Some(settings.connect_timeout))
        .timeout_connect(Some(settings.connect_timeout))
        .timeout_send_request(Some(settings.header_timeout))
        .timeout_recv_response(Some(settings.header_timeout));
    let connector = DefaultConnector::new().chain(MeteredConnector(meter.clone()));
    Agent::with_parts(config.build(), connector, DefaultResolver::default())
}

/// Reads to the end, up to the limit.
///
/// Memory grows with the bytes that arrive, not with the announced length: a server may announce any length.
fn read(mut reader: impl Read, max_len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.by_ref().take(max_len).read_to_end(&mut bytes)?;
    // Framing and compression end after the last byte, so one more read is needed to check them.
    if reader.read(&mut [0])? > 0 {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {max_len} bytes")));
    }
    Ok(bytes)
}

/// Returns the content type without its parameters, in lower case. Several content types count as an unknown one.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let types: Vec<_> = headers.get_all(header::CONTENT_TYPE).iter().collect();
    let value = match types[..] {
        [] => return None,
        [value] => value.to_str().unwrap_or("not text"),
        _ => "more than one",
    };
    value.split(';').next().map(|kind| kind.trim().to_ascii_lowercase())
}

/// Returns whether the document changed less than two seconds before it was served.
///
/// Many servers derive the tag from the length and the second of the last change (RFC 9110, section 8.8.2.2). Another
/// change in that second would then have the same tag, so the tag cannot be used.
fn etag_is_ambiguous(headers: &HeaderMap) -> bool {
    let date = |name: HeaderName| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok();
    let age = date(header::LAST_MODIFIED).zip(date(header::DATE)).map(|(changed, now)| now.duration_since(changed));
    age.is_some_and(|age| age.unwrap_or_default() < Duration::from_secs(2))
}

/// Returns whether this is the error of a platform without certificates.
///
/// The verifier has no kind for it, so only the message can be compared.
fn has_no_roots(message: &str) -> bool {
    message.contains("No CA certificates")
}
