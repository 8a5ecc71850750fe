//! Requests to a running system: the checks of a gate, and its build.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::gate::{Build, Check};
use crate::terminal::escape_control_chars;

/// The time limit of a request, unless its check has a shorter one.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest body that is searched.
const MAX_BODY: u64 = 1 << 20;
/// The number of redirects that a request follows, if its check allows them.
const MAX_REDIRECTS: u32 = 3;
/// The description of an address where no program listens.
pub(crate) const REFUSED: &str = "connection refused";
/// The time between two requests for the build.
const INTERVAL: Duration = Duration::from_millis(200);

/// The result of one check. The log keeps it with the entry of a `go`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckResult {
    pub(crate) name: String,
    pub(crate) passed: bool,
    /// The response in a few words; for a failed check also the expected one.
    pub(crate) got: String,
    pub(crate) millis: u64,
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.got)
    }
}

/// A response to a request.
struct Response {
    status: u16,
    body: String,
    /// The address to which the server redirects.
    location: Option<String>,
}

impl Response {
    /// Describes the status, with the address of a redirect.
    fn describe(&self) -> String {
        match &self.location {
            Some(location) => format!("status {}, a redirect to {}", self.status, escape_control_chars(location)),
            None => format!("status {}", self.status),
        }
    }
}

/// Returns the first response or, if redirects are followed, the last one.
///
/// # Errors
///
/// Returns the reason in a few words if there is no response.
fn fetch(url: &str, timeout: Duration, follow: bool) -> Result<Response, String> {
    let describe = |error| describe(error, timeout);
    let redirects = if follow { MAX_REDIRECTS } else { 0 };
    let config = Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false);
    let agent: Agent = config.max_redirects(redirects).max_redirects_will_error(follow).build().into();
    let mut response = agent.get(url).call().map_err(describe)?;
    let status = response.status();
    let location = response.headers().get("location").filter(|_| status.is_redirection());
    let location = location.map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned());
    let body = response.body_mut().with_config().limit(MAX_BODY).lossy_utf8(true).read_to_string().map_err(describe)?;
    Ok(Response { status: status.as_u16(), body, location })
}

/// Returns the body of a response with status 200 from one address of the URL's host. Follows no redirect.
///
/// # Errors
///
/// Returns the reason in a few words if there is no such response.
pub(crate) fn fetch_at(url: &str, address: SocketAddr, timeout: Duration) -> Result<String, String> {
    let config = Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false);
    // A proxy would resolve the host again, and could reach another instance.
    let config = config.max_redirects(0).max_redirects_will_error(false).proxy(None).build();
    let agent = Agent::with_parts(config, DefaultConnector::default(), Pinned(address));
    let mut response = agent.get(url).call().map_err(|error| describe(error, timeout))?;
    let body = response.body_mut().with_config().limit(MAX_BODY).lossy_utf8(true).read_to_string();
    match response.status().as_u16() {
        200 => body.map_err(|error| describe(error, timeout)),
        status => Err(format!("status {status}")),
    }
}

/// A resolver that returns one address for every host.
#[derive(Debug)]
struct Pinned(SocketAddr);

impl Resolver for Pinned {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(self.0);
        Ok(addresses)
    }
}

fn describe(error: ureq::Error, timeout: Duration) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("no response within {} ms", timeout.as_millis()),
        ureq::Error::HostNotFound => "unknown host".to_owned(),
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => REFUSED.to_owned(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => "truncated response".to_owned(),
            _ => error.to_string(),
        },
        other => other.to_string(),
    }
}

/// Runs a check once.
pub(crate) fn check(name: &str, check: &Check) -> CheckResult {
    let expected = &check.expect;
    let timeout = expected.max_ms.map_or(TIMEOUT, |most| Duration::from_millis(most).min(TIMEOUT));
    let begin = Instant::now();
    let response = fetch(&check.url, timeout, check.follow_redirects);
    let millis = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (passed, got) = match response {
        Err(error) => (false, error),
        Ok(response) if response.status != expected.status => {
            (false, format!("{}, expected {}", response.describe(), expected.status))
        }
        Ok(Response { body, .. }) if expected.contains.as_ref().is_some_and(|part| !body.contains(part)) => {
            (false, format!("no {:?} in the body", expected.contains.as_deref().unwrap_or_default()))
        }
        Ok(_) if expected.max_ms.is_some_and(|most| millis > most) => {
            (false, format!("{millis} ms, expected at most {} ms", expected.max_ms.unwrap_or_default()))
        }
        Ok(response) => (true, response.describe()),
    };
    CheckResult { name: name.to_owned(), passed, got, millis }
}

/// Waits until enough consecutive responses contain the expected release. Returns the release.
///
/// # Errors
///
/// Returns the last response when the time is over.
pub(crate) fn build(build: &Build, expected: &str) -> Result<String, String> {
    let deadline = Instant::now() + build.within.0;
    let timeout = TIMEOUT.min(build.within.0.max(Duration::from_millis(100)));
    let mut consecutive = 0;
    loop {
        let got = match fetch(&build.url, timeout, false) {
            Ok(Response { status: 200, body, .. }) if is_release(&body, expected) => {
                consecutive += 1;
                if consecutive >= build.consecutive {
                    return Ok(expected.to_owned());
                }
                sleep_until(deadline);
                continue;
            }
            Ok(response) => {
                format!("{}, {:?}", response.describe(), response.body.trim().chars().take(80).collect::<String>())
            }
            Err(error) => error,
        };
        consecutive = 0;
        if Instant::now() >= deadline {
            return Err(format!("{got}, expected {expected:?}"));
        }
        sleep_until(deadline);
    }
}

/// Sleeps for the interval, but not beyond the deadline.
fn sleep_until(deadline: Instant) {
    thread::sleep(INTERVAL.min(deadline.saturating_duration_since(Instant::now())));
}

/// Whether the body is the release, or contains it as a word.
fn is_release(body: &str, expected: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    body.split(|c: char| !is_part(c)).any(|word| word == expected) || body.trim() == expected
}

/// Replaces each `${NAME}` by the environment variable.
///
/// # Errors
///
/// Returns a message with the name of a variable that is not set.
pub(crate) fn expanded(text: &str) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}').ok_or_else(|| format!("got `${{` without `}}` in {text:?}"))?;
        expanded += before;
        expanded += &std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))?;
        rest = tail;
    }
    Ok(expanded + rest)
}
