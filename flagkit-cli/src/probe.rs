//! Asking a running system.

use std::fmt;
use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use ureq::Agent;

use crate::gate::{Build, Check};

/// How long one question may take, unless its check says less.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nobody checks for more than that.
const MOST_BYTES: u64 = 1 << 20;
/// How long to wait between two questions of the build.
const PACE: Duration = Duration::from_millis(200);

/// The result of one check. The log keeps it with the entry of a `go`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckResult {
    pub(crate) name: String,
    pub(crate) passed: bool,
    /// The actual result, for people.
    pub(crate) got: String,
    pub(crate) millis: u64,
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.got)
    }
}

fn agent(patience: Duration) -> Agent {
    Agent::config_builder().timeout_global(Some(patience)).http_status_as_error(false).max_redirects(3).build().into()
}

/// The status and the body, or why there is none.
fn ask(url: &str, patience: Duration) -> Result<(u16, String), String> {
    let said = |error| said(error, patience);
    let mut response = agent(patience).get(url).call().map_err(said)?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MOST_BYTES).lossy_utf8(true).read_to_string();
    body.map(|body| (status, body)).map_err(said)
}

/// Why there is no answer, for people.
fn said(error: ureq::Error, patience: Duration) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("no answer within {} ms", patience.as_millis()),
        ureq::Error::HostNotFound => "no such host".to_owned(),
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => "the answer breaks off".to_owned(),
            _ => error.to_string(),
        },
        other => other.to_string(),
    }
}

/// Asks for what a check wants, once.
pub(crate) fn check(name: &str, check: &Check) -> CheckResult {
    let expected = &check.expect;
    let patience = expected.max_ms.map_or(PATIENCE, |most| Duration::from_millis(most).min(PATIENCE));
    let begin = Instant::now();
    let answer = ask(&check.url, patience);
    let took = begin.elapsed();
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let (passed, got) = match answer {
        Err(error) => (false, error),
        Ok((status, _)) if status != expected.status => {
            (false, format!("status {status} in place of {}", expected.status))
        }
        Ok((_, body)) if expected.contains.as_ref().is_some_and(|part| !body.contains(part)) => {
            (false, format!("without {:?}", expected.contains.as_deref().unwrap_or_default()))
        }
        Ok(_) if expected.max_ms.is_some_and(|most| millis > most) => {
            (false, format!("{millis} ms in place of {} at the most", expected.max_ms.unwrap_or_default()))
        }
        Ok((status, _)) => (true, format!("status {status}")),
    };
    CheckResult { name: name.to_owned(), passed, got, millis }
}

/// Waits until the build answers as expected, so many times running.
///
/// # Errors
///
/// Returns what it answered last when the time is over.
pub(crate) fn build(build: &Build, expected: &str) -> Result<String, String> {
    let deadline = Instant::now() + build.within.0;
    let mut running = 0;
    loop {
        let got = match ask(&build.url, PATIENCE.min(build.within.0.max(Duration::from_millis(100)))) {
            Ok((200, body)) if is_release(&body, expected) => {
                running += 1;
                if running >= build.consecutive {
                    return Ok(expected.to_owned());
                }
                continue_after(deadline);
                continue;
            }
            Ok((status, body)) => format!("status {status}, {:?}", body.trim().chars().take(80).collect::<String>()),
            Err(error) => error,
        };
        running = 0;
        if Instant::now() >= deadline {
            return Err(format!("{got}, expected {expected:?}"));
        }
        continue_after(deadline);
    }
}

fn continue_after(deadline: Instant) {
    thread::sleep(PACE.min(deadline.saturating_duration_since(Instant::now())));
}

/// The text by itself, or as a word of what was answered.
fn is_release(body: &str, expected: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    body.split(|c: char| !is_part(c)).any(|word| word == expected) || body.trim() == expected
}

/// The text with `${NAME}` replaced by environment variables.
///
/// # Errors
///
/// Returns the name of a variable that is not set.
pub(crate) fn expanded(text: &str) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}').ok_or_else(|| format!("`${{` without `}}` in {text:?}"))?;
        expanded += before;
        expanded += &std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))?;
        rest = behind;
    }
    Ok(expanded + rest)
}
