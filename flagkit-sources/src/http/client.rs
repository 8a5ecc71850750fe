//! One request and what comes of it.
//!
//! Everything that a server, or what stands before it, may answer is sorted here: into a document, "as before", or a
//! failure of one of two regimes. No message repeats a header, a token or a query.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use flagkit_core::source::{LoadError, Signal};
use flate2::read::MultiGzDecoder;
use ureq::http::{HeaderMap, HeaderName, Response, StatusCode, Version, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, BodyReader, Proxy, Timeout};

use super::schedule::{Outcome, Regime};
use super::secret::Secret;
use super::target::Target;
use crate::document::Format;

/// How a client asks.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) headers: Vec<(HeaderName, Secret)>,
    pub(super) connect_timeout: Duration,
    pub(super) header_timeout: Duration,
    pub(super) total_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) max_len: u64,
    pub(super) format: Option<Format>,
    pub(super) follow_redirects: bool,
    pub(super) use_proxy: bool,
    /// In DER; empty for those of the platform.
    pub(super) roots: Vec<Vec<u8>>,
}

/// Asks one server.
#[derive(Debug)]
pub(super) struct Client {
    target: Target,
    settings: Settings,
    agent: Agent,
    /// What ends a request that is under way.
    signal: Option<Signal>,
    uses_built_in_roots: bool,
}

/// A document that was answered.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) bytes: Vec<u8>,
    pub(super) format: Format,
    pub(super) tag: Option<String>,
}

/// What a poll came to.
#[derive(Debug)]
pub(super) enum Answer {
    Document(Fetched),
    /// As it was under the tag that was sent.
    Unchanged,
}

/// What asking for a stream came to.
pub(super) enum Offer {
    Stream(BodyReader<'static>),
    /// The server has nothing but documents.
    None,
}

/// Why there was no answer that is of use.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: LoadError,
    pub(super) regime: Regime,
    /// How long the server asks to wait.
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    /// A document that came whole and is refused.
    pub(super) fn document(error: LoadError) -> Self {
        Self { error, regime: Regime::Passing, retry_after: None }
    }

    pub(super) fn outcome(&self) -> Outcome {
        Outcome::Failed(self.regime, self.retry_after)
    }
}

/// More than a server needs; a document is not in its headers.
const MAX_HEADERS: usize = 32 << 10;
const MAX_REDIRECTS: usize = 3;
const DOCUMENTS: &str = "application/toml, application/json, text/plain;q=0.5, */*;q=0.1";
const EVENTS: &str = "text/event-stream";

impl Client {
    pub(super) fn new(target: Target, settings: Settings) -> Self {
        let roots: Vec<Certificate<'static>> =
            settings.roots.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        let roots = if roots.is_empty() { RootCerts::PlatformVerifier } else { RootCerts::new_with_certs(&roots) };
        let agent = agent(&target, &settings, roots);
        Self { target, settings, agent, signal: None, uses_built_in_roots: false }
    }

    /// Asks through another agent, made of the settings of this one.
    #[cfg(fuzzing)]
    pub(super) fn through(self, agent: impl FnOnce(ureq::config::Config) -> Agent) -> Self {
        Self { agent: agent(self.agent.config().clone()), ..self }
    }

    /// Has the signal's stop end what is under way.
    pub(super) fn attach(&mut self, signal: &Signal) {
        let agent = self.agent.clone();
        signal.on_stop(move || agent.shutdown());
        self.signal = Some(signal.clone());
    }

    pub(super) fn uses_built_in_roots(&self) -> bool {
        self.uses_built_in_roots
    }

    /// Which proxy is between, without its credentials.
    pub(super) fn proxy(&self) -> Option<String> {
        let proxy = self.agent.config().proxy()?;
        let goes_by = !proxy.is_no_proxy(self.target.uri());
        goes_by.then(|| format!("{}:{}", proxy.host(), proxy.port()))
    }

    /// Asks for the document, within `limit` if that is less than the timeout.
    pub(super) fn poll(&mut self, tag: Option<&str>, limit: Duration) -> Result<Answer, Failure> {
        let total = self.settings.total_timeout.min(limit);
        let mut response = self.request(DOCUMENTS, tag, Some(total))?;
        let headers = response.headers();
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if tag.is_some() => return Ok(Answer::Unchanged),
            StatusCode::NOT_MODIFIED => {
                return Err(passing("answered 304 (not modified) to a question without a tag".to_owned()));
            }
            status => return Err(refused(status, headers)),
        }
        let format = self.format(headers).map_err(passing)?;
        let tag = headers.get(header::ETAG).filter(|_| !is_young(headers));
        let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let bytes = self.body(&mut response)?;
        Ok(Answer::Document(Fetched { bytes, format, tag }))
    }

    /// Asks for a stream of documents at the same place.
    pub(super) fn stream(&mut self, tag: Option<&str>) -> Result<Offer, Failure> {
        let response = self.request(EVENTS, tag, None)?;
        match response.status() {
            StatusCode::OK if media_type(response.headers()).as_deref() == Some(EVENTS) => {
                Ok(Offer::Stream(response.into_body().into_reader()))
            }
            // A document, "as before", or the word of a server that has nothing of that type.
            StatusCode::OK
            | StatusCode::NOT_MODIFIED
            | StatusCode::NOT_ACCEPTABLE
            | StatusCode::BAD_REQUEST
            | StatusCode::UNSUPPORTED_MEDIA_TYPE => Ok(Offer::None),
            status => Err(refused(status, response.headers())),
        }
    }

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
                // A container without certificates: those of Mozilla, which are built in.
                Err(ureq::Error::Rustls(error)) if has_no_roots(&error.to_string()) => {
                    self.agent = agent(&self.target, &self.settings, RootCerts::WebPki);
                    self.uses_built_in_roots = true;
                    if let Some(signal) = self.signal.take() {
                        self.attach(&signal);
                    }
                    self.send(&target, accept, tag, left())
                }
                answer => answer,
            };
            let response = response.map_err(|error| failed(&error))?;
            if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED {
                return Ok(response);
            }
            let status = response.status().as_u16();
            if !self.settings.follow_redirects {
                return Err(lasting(format!("answered {status} (a redirect), and redirects are not followed")));
            }
            let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
            target = location.and_then(|location| target.redirected(location)).ok_or_else(|| {
                let message = "(a redirect) to another origin or without its whole path, which is not followed";
                lasting(format!("answered {status} {message}"))
            })?;
        }
        Err(lasting(format!("answered more than {MAX_REDIRECTS} redirects in a row")))
    }

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
            // A stream may be silent between two signs of life, and last for ever.
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
        request.call()
    }

    /// The format of the document: as set, as the server says, or by the extension of the path.
    fn format(&self, headers: &HeaderMap) -> Result<Format, String> {
        let by_type = match media_type(headers).as_deref() {
            Some("application/toml" | "text/toml" | "application/x-toml" | "text/x-toml") => Some(Format::Toml),
            Some("application/json" | "text/json") => Some(Format::Json),
            Some("text/plain" | "application/octet-stream" | "binary/octet-stream") | None => None,
            Some(_) => return Err("answered something other than TOML or JSON (by its content type)".to_owned()),
        };
        let by_path = || Format::from_path(self.target.uri().path());
        Ok(self.settings.format.or(by_type).unwrap_or_else(by_path))
    }

    fn body(&self, response: &mut Response<Body>) -> Result<Vec<u8>, Failure> {
        let headers = response.headers();
        let chunked = headers.get_all(header::TRANSFER_ENCODING).iter();
        let is_chunked = chunked
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked")));
        // There were no chunks before HTTP/1.1: such an answer ends with its connection, whatever it says.
        let is_chunked = is_chunked && response.version() > Version::HTTP_10;
        if !is_chunked && response.body().content_length().is_none() {
            let message =
                "answered without saying how long the answer is, so that half of it could not be told from all";
            return Err(passing(message.to_owned()));
        }
        let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
        let encodings: Vec<_> = encodings.map(|encoding| encoding.as_bytes().to_ascii_lowercase()).collect();
        let max_len = self.settings.max_len;
        let reader = response.body_mut().as_reader();
        let bytes = match encodings.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] {
            [] | [b"identity" | b""] => read(reader, max_len),
            // Read to the end and beyond it: what follows is either nothing or wrong.
            [b"gzip" | b"x-gzip"] => read(MultiGzDecoder::new(reader), max_len),
            _ => return Err(passing("answered in an encoding that was not asked for".to_owned())),
        };
        bytes.map_err(|error| broken(&error))
    }
}

fn agent(target: &Target, settings: &Settings, roots: RootCerts) -> Agent {
    // What is for this machine does not leave it.
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
    config.build().new_agent()
}

/// Reads all, up to the limit; the memory grows with what comes, not with what is announced.
fn read(mut reader: impl Read, max_len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.by_ref().take(max_len).read_to_end(&mut bytes)?;
    // The end of the framing, of the compression too, is behind the last byte.
    if reader.read(&mut [0])? > 0 {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {max_len} bytes")));
    }
    Ok(bytes)
}

/// The content type without its parameters, in lower case; several are none that is known.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let types: Vec<_> = headers.get_all(header::CONTENT_TYPE).iter().collect();
    let value = match types[..] {
        [] => return None,
        [value] => value.to_str().unwrap_or("not text"),
        _ => "more than one",
    };
    value.split(';').next().map(|kind| kind.trim().to_ascii_lowercase())
}

fn passing(message: String) -> Failure {
    Failure { error: LoadError::new(message), regime: Regime::Passing, retry_after: None }
}

/// Nobody is there, for now.
fn away(message: impl Into<String>) -> Failure {
    Failure { error: LoadError::unreachable(message), regime: Regime::Passing, retry_after: None }
}

fn lasting(message: String) -> Failure {
    Failure { regime: Regime::Lasting, ..passing(message) }
}

/// An answer of another status.
fn refused(status: StatusCode, headers: &HeaderMap) -> Failure {
    let reason = status.canonical_reason().unwrap_or("a status that is not known").to_ascii_lowercase();
    let message = format!("answered {} ({reason})", status.as_u16());
    let mut failure = match status.as_u16() {
        408 | 429 | 500..=599 => away(message),
        100..=299 => passing(message),
        404 | 410 => Failure { error: LoadError::missing(message), regime: Regime::Lasting, retry_after: None },
        _ => lasting(message),
    };
    failure.retry_after = retry_after(headers);
    failure
}

/// Whether the document was changed right before it was served, and may be changed again without getting another tag:
/// many servers make tags of the length and of the second of the last change (RFC 9110, section 8.8.2.2).
fn is_young(headers: &HeaderMap) -> bool {
    let date = |name: HeaderName| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok();
    let age = date(header::LAST_MODIFIED).zip(date(header::DATE)).map(|(changed, now)| now.duration_since(changed));
    age.is_some_and(|age| age.unwrap_or_default() < Duration::from_secs(2))
}

/// How long the server asks to wait: in seconds, or until a date by its own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let value = text(header::RETRY_AFTER)?;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(text(header::DATE)?).ok()?;
    until.duration_since(now).ok()
}

/// No answer: the network, a timeout, TLS, or a server that does not speak HTTP.
fn failed(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::Timeout(timeout) => away(format!("did not answer in time ({})", phase(*timeout))),
        ureq::Error::Io(error) => broken(error),
        ureq::Error::HostNotFound => away("the host is not known"),
        ureq::Error::ConnectionFailed => away("no connection"),
        ureq::Error::Rustls(error) => lasting(format!("TLS: {error}")),
        ureq::Error::Tls(message) => lasting(format!("TLS: {message}")),
        ureq::Error::LargeResponseHeader(..) => {
            passing(format!("answered with more than {MAX_HEADERS} bytes of headers"))
        }
        ureq::Error::InvalidProxyUrl | ureq::Error::ConnectProxyFailed(_) => {
            away("the proxy does not let the connection through")
        }
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => lasting("a header cannot be sent as it is".to_owned()),
        _ => passing("answered in a way that is not HTTP".to_owned()),
    }
}

/// Reading failed on the way.
pub(super) fn broken(error: &io::Error) -> Failure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    if let Some(inner) = inner {
        return failed(inner);
    }
    // TLS errors arrive wrapped.
    let is_tls = error.kind() == io::ErrorKind::InvalidData
        && error.get_ref().is_some_and(|inner| inner.source().is_some() || inner.to_string().contains("certificate"));
    match error.kind() {
        io::ErrorKind::UnexpectedEof => away("the answer ends before its end"),
        // What was read is no good.
        io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput => passing(error.to_string()),
        _ if is_tls => lasting(format!("TLS: {error}")),
        io::ErrorKind::InvalidData => passing(error.to_string()),
        _ => away(error.to_string()),
    }
}

fn phase(timeout: Timeout) -> &'static str {
    match timeout {
        Timeout::Resolve => "resolving the name",
        Timeout::Connect => "connecting",
        Timeout::SendRequest => "sending the question",
        Timeout::RecvResponse => "waiting for the answer to begin",
        Timeout::PerRead => "nothing came for too long",
        _ => "waiting for the answer to end",
    }
}

fn has_no_roots(message: &str) -> bool {
    message.contains("No CA certificates")
}
