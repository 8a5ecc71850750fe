//! Failures of requests, sorted by whether they usually pass without human help.
//!
//! A failure has three parts: an error for the status, a [`FailureClass`] for the schedule, and the time that the server
//! asked for in `Retry-After`. No message repeats a header, a token or the query of a URL, because messages are logged.
//!
//! # How failures are sorted
//!
//! The class determines the wait before the next request: by default seconds for a transient failure, and minutes for
//! a permanent one.
//!
//! The kind of the error selects the policy of the builder at the start, for example `when_unreachable`.
//!
//! | failure | class | kind |
//! |---|---|---|
//! | status 408, 429 or 5xx | transient | unreachable |
//! | status 404 or 410 | permanent | missing |
//! | any other status from 300 | permanent | invalid |
//! | a status below 300 without a document, 304 to a request without a tag | transient | invalid |
//! | no connection, no answer in time, a truncated response | transient | unreachable |
//! | TLS, a header that cannot be sent | permanent | invalid |
//! | a response that is too large, malformed, or of another type | transient | invalid |
//! | an invalid document | transient | that of the document |

use std::io;
use std::time::Duration;

use flagkit_core::source::LoadError;
use ureq::Timeout;
use ureq::http::{HeaderMap, HeaderName, StatusCode, header};

use super::client::MAX_HEADERS;
use super::schedule::{FailureClass, PollOutcome};

/// The reason why a request brought no usable document.
///
/// The [`Client`](super::client::Client) creates failures. The poller publishes the error, and passes
/// [`Failure::outcome`] to its [`Schedule`](super::schedule::Schedule).
#[derive(Debug)]
pub(super) struct Failure {
    /// The error for the status and for subscribers.
    pub(super) error: LoadError,
    /// Which of the two back-offs applies.
    pub(super) class: FailureClass,
    /// The wait that the server requests. The schedule uses it if it is longer than the back-off, up to an hour.
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    /// A failure that usually passes: a server between two versions, a proxy that restarts.
    pub(super) fn transient(message: impl Into<String>) -> Self {
        Self::with_error(LoadError::new(message))
    }

    /// A failure that usually remains until a person fixes it: credentials, certificates, a wrong URL.
    pub(super) fn permanent(message: impl Into<String>) -> Self {
        Self { class: FailureClass::Permanent, ..Self::transient(message) }
    }

    /// A server that cannot be reached for now. Unlike other failures, it says nothing about the document.
    fn unavailable(message: impl Into<String>) -> Self {
        Self::with_error(LoadError::unreachable(message))
    }

    /// A stream that has been silent for too long.
    pub(super) fn idle() -> Self {
        Self::request_failed(&ureq::Error::Timeout(Timeout::PerRead))
    }

    /// A document that arrived complete and is invalid. The next version of it may be valid, so the class is transient.
    pub(super) fn invalid_document(error: LoadError) -> Self {
        Self::with_error(error)
    }

    fn with_error(error: LoadError) -> Self {
        Self { error, class: FailureClass::Transient, retry_after: None }
    }

    /// A response with a status that brings no document.
    ///
    /// The message has the status and its standard name. The reason phrase and the body of the response are not shown,
    /// because they may repeat secrets of the request.
    pub(super) fn rejected(status: StatusCode, headers: &HeaderMap) -> Self {
        let reason = status.canonical_reason().unwrap_or("an unknown status").to_ascii_lowercase();
        let message = format!("answered {} ({reason})", status.as_u16());
        let mut failure = match status.as_u16() {
            408 | 429 | 500..=599 => Self::unavailable(message),
            100..=299 => Self::transient(message),
            404 | 410 => Self { class: FailureClass::Permanent, ..Self::with_error(LoadError::missing(message)) },
            _ => Self::permanent(message),
        };
        failure.retry_after = retry_after(headers);
        failure
    }

    /// A request without a response: the network, a timeout, TLS, or a server that does not speak HTTP.
    ///
    /// The message names the phase of a timeout, so that a user knows which setting applies.
    pub(super) fn request_failed(error: &ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(timeout) => Self::unavailable(format!("did not answer in time ({})", phase(*timeout))),
            ureq::Error::Io(error) => Self::io_failure(error),
            ureq::Error::HostNotFound => Self::unavailable("the host is unknown"),
            ureq::Error::ConnectionFailed => Self::unavailable("cannot connect"),
            ureq::Error::Rustls(error) => Self::permanent(format!("TLS: {error}")),
            ureq::Error::Tls(message) => Self::permanent(format!("TLS: {message}")),
            ureq::Error::LargeResponseHeader(..) => {
                Self::transient(format!("answered with more than {MAX_HEADERS} bytes of headers"))
            }
            ureq::Error::InvalidProxyUrl | ureq::Error::ConnectProxyFailed(_) => {
                Self::unavailable("the proxy refused the connection")
            }
            ureq::Error::Http(_) | ureq::Error::BadUri(_) => {
                Self::permanent("a header has a value that cannot be sent")
            }
            _ => Self::transient("answered with something that is not HTTP"),
        }
    }

    /// A failure while the body of a response was read.
    ///
    /// A connection that fails says nothing about the document. A body that is too large or malformed does.
    pub(super) fn io_failure(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
        if let Some(inner) = inner {
            return Self::request_failed(inner);
        }
        // `rustls` wraps its errors in I/O errors of this kind.
        let is_tls = error.kind() == io::ErrorKind::InvalidData
            && error
                .get_ref()
                .is_some_and(|inner| inner.source().is_some() || inner.to_string().contains("certificate"));
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::unavailable("the response is truncated"),
            // The response arrived, and its content is invalid.
            io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput => Self::transient(error.to_string()),
            _ if is_tls => Self::permanent(format!("TLS: {error}")),
            io::ErrorKind::InvalidData => Self::transient(error.to_string()),
            _ => Self::unavailable(error.to_string()),
        }
    }

    /// Returns the part of the failure that determines the next wait.
    pub(super) fn outcome(&self) -> PollOutcome {
        PollOutcome::Failed(self.class, self.retry_after)
    }
}

/// Returns the wait that the server requests: in seconds, or until a date by the server's own clock.
///
/// The date is compared with the `Date` of the same response, so a wrong clock of this machine does not matter. A date
/// in the past, or one without a `Date`, requests nothing. A number that is too large becomes the longest wait.
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

/// Names the phase of a request that took too long.
///
/// Each phase has its own setting, and "timeout" would not show which one to change.
fn phase(timeout: Timeout) -> &'static str {
    match timeout {
        Timeout::Resolve => "resolving the name",
        Timeout::Connect => "connecting",
        Timeout::SendRequest => "sending the request",
        Timeout::RecvResponse => "waiting for the response headers",
        Timeout::PerRead => "no data within the idle timeout",
        _ => "waiting for the end of the response",
    }
}
