//! Only status 200 delivers a document. No status ends the polling. The client honours `Retry-After` within limits.

use std::io::Write as _;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::support::stub::{Stub, answer, document, eager, start};
use crate::support::{self, is_on, last_error, status, wait_until};
use flagkit_core::source::ErrorKind;
use flagkit_core::tooling::SourceState;
use flagkit_sources::{Builder, Guard, Http, OnFailedStart, Readiness, Retry};

const GOOD: &str = "[flags]\na = true\n";
const AFTER: &str = "[flags]\na = true\nafter = true\n";
/// A document that would change a flag if the status did not matter.
const EVIL: &str = "[flags]\nevil = true\n";

/// These waits are far longer than a test. Each can thus be measured, and the test makes the source poll by `reload`.
const TRANSIENT: (u64, u64) = (100, 300);
const PERMANENT: (u64, u64) = (1_000, 2_500);

/// A server with a response that the test sets. It records the time of its last response.
struct Server {
    stub: Stub,
    answer: Arc<Mutex<String>>,
    answered: Arc<Mutex<SystemTime>>,
}

impl Server {
    fn responding(answer: String) -> Self {
        let (answer, answered) = (Arc::new(Mutex::new(answer)), Arc::new(Mutex::new(SystemTime::UNIX_EPOCH)));
        let (current, at) = (Arc::clone(&answer), Arc::clone(&answered));
        let stub = Stub::new(move |_, stream| {
            *at.lock().expect("no panic") = SystemTime::now();
            let answer = current.lock().expect("no panic").clone();
            stream.write_all(answer.as_bytes()).is_ok()
        });
        Self { stub, answer, answered }
    }

    fn set_response(&self, answer: String) {
        *self.answer.lock().expect("no panic") = answer;
    }

    /// A source that retries only after long waits.
    fn patient(&self) -> Http {
        let mut retry = Retry::default();
        let seconds = |(first, longest)| (Duration::from_secs(first), Duration::from_secs(longest));
        (retry.transient, retry.permanent) = (seconds(TRANSIENT), seconds(PERMANENT));
        self.source(retry)
    }

    fn source(&self, retry: Retry) -> Http {
        eager(&self.stub.url()).poll_every(Duration::from_secs(1_000)).stream(false).retry(retry)
    }

    /// Lower and upper bounds of the source's current wait, as exactly as a test can measure it.
    fn wait(&self, guard: &Guard) -> (Duration, Duration) {
        let next = next_try(guard);
        let since = |start| next.duration_since(start).unwrap_or_default();
        (since(SystemTime::now()), since(*self.answered.lock().expect("no panic")))
    }

    fn assert_waits(&self, guard: &Guard, window: RangeInclusive<u64>) {
        let (least, most) = self.wait(guard);
        let (from, to) = window.into_inner();
        assert!(
            most >= Duration::from_secs(from) && least <= Duration::from_secs(to),
            "waits from {least:?} to {most:?}, not from {from} s to {to} s: {:?}",
            last_error(guard)
        );
    }
}

/// The time of the source's next poll, once it is set.
fn next_try(guard: &Guard) -> SystemTime {
    wait_until("the source to wait", || status(guard).next_try.is_some());
    status(guard).next_try.expect("a time")
}

/// Makes the source poll, and waits until it is idle again. No two waits end in the same nanosecond.
fn poll_now(guard: &Guard) {
    let before = next_try(guard);
    guard.reload();
    wait_until("the source to poll", || status(guard).next_try.is_some_and(|next| next != before));
}

/// The text that an error adds about the existing flags.
fn kind(code: u16) -> ErrorKind {
    match code {
        404 | 410 => ErrorKind::Missing,
        408 | 429 | 500..=599 => ErrorKind::Unreachable,
        _ => ErrorKind::Invalid,
    }
}

/// From half of a wait to all of it: half of it is random.
fn jittered(seconds: u64) -> RangeInclusive<u64> {
    seconds / 2..=seconds
}

/// Statuses that usually pass by themselves, each with its name in the error.
const TRANSIENT_STATUSES: [(u16, &str); 16] = [
    (101, "switching protocols"),
    (201, "created"),
    (202, "accepted"),
    (203, "non authoritative information"),
    (204, "no content"),
    (205, "reset content"),
    (206, "partial content"),
    (299, "an unknown status"),
    (408, "request timeout"),
    (429, "too many requests"),
    (500, "internal server error"),
    (501, "not implemented"),
    (502, "bad gateway"),
    (503, "service unavailable"),
    (504, "gateway timeout"),
    (599, "an unknown status"),
];
/// Statuses that last until an operator acts.
const PERMANENT_STATUSES: [(u16, &str); 17] = [
    (301, "a redirect"),
    (302, "a redirect"),
    (307, "a redirect"),
    (400, "bad request"),
    (401, "unauthorized"),
    (402, "payment required"),
    (403, "forbidden"),
    (404, "not found"),
    (405, "method not allowed"),
    (406, "not acceptable"),
    (407, "proxy authentication required"),
    (410, "gone"),
    (418, "i'm a teapot"),
    (451, "unavailable for legal reasons"),
    (499, "an unknown status"),
    (600, "an unknown status"),
    (999, "an unknown status"),
];

#[test]
fn each_status_but_200_is_an_error_that_names_it_and_passes() {
    let all = TRANSIENT_STATUSES.map(|(code, name)| (code, name, TRANSIENT.0)).into_iter();
    for (code, name, wait) in all.chain(PERMANENT_STATUSES.map(|(code, name)| (code, name, PERMANENT.0))) {
        let server = Server::responding(document("v1", GOOD));
        let guard = start(server.patient());
        assert!(is_on(&guard, "a"));

        server.set_response(answer(
            &format!("{code} Whatever"),
            "content-type: application/toml\r\netag: \"v2\"\r\n",
            EVIL,
        ));
        poll_now(&guard);
        server.assert_waits(&guard, jittered(wait));
        let error = status(&guard).last_error.expect("an error");
        let text = error.to_string();
        assert!(text.contains(&format!("answered {code} ({name})")), "{text}");
        assert_eq!(error.kind(), kind(code), "{text}");
        assert_eq!(status(&guard).state, SourceState::Stale);
        assert!(is_on(&guard, "a") && !is_on(&guard, "evil"));

        server.set_response(document("v3", AFTER));
        poll_now(&guard);
        assert!(is_on(&guard, "after"), "no recovery from {code}");
        assert_eq!(status(&guard).state, SourceState::Fresh);
        assert_eq!((last_error(&guard), status(&guard).failures, status(&guard).loads), (None, 1, 2));
        // The source rejected every document, so it has no ETag to send.
        let tags: Vec<_> =
            server.stub.polls().iter().map(|poll| poll.header("if-none-match").map(str::to_owned)).collect();
        assert_eq!(tags, [None, Some("\"v1\"".to_owned()), Some("\"v1\"".to_owned())], "{code}");
    }
}

/// The same holds at a start, when there is no document yet.
#[test]
fn a_start_with_any_status_is_dark_until_the_next_good_answer() {
    for (code, window) in [(204, jittered(TRANSIENT.0)), (404, jittered(PERMANENT.0)), (503, jittered(TRANSIENT.0))] {
        let server = Server::responding(answer(&format!("{code} Whatever"), "", EVIL));
        let guard = start(server.patient());
        server.assert_waits(&guard, window);
        assert_eq!((status(&guard).state, guard.readiness()), (SourceState::Waiting, Readiness::Dark));
        assert!(!is_on(&guard, "evil"));
        server.set_response(document("v1", GOOD));
        poll_now(&guard);
        assert!(is_on(&guard, "a"));
        assert_eq!(guard.wait_until_ready(support::DEADLINE), Readiness::Ready);
    }
}

#[test]
fn waits_double_up_to_the_longest_and_start_over_with_another_kind_of_failure() {
    let server = Server::responding(document("v1", GOOD));
    let guard = start(server.patient());
    let fail = |code: u16, wait: u64| {
        server.set_response(answer(&format!("{code} Whatever"), "", ""));
        poll_now(&guard);
        server.assert_waits(&guard, jittered(wait));
    };
    for (code, waits) in [(503, &[100, 200, 300, 300][..]), (401, &[1_000, 2_000, 2_500, 2_500]), (500, &[100, 200])] {
        for wait in waits {
            fail(code, *wait);
        }
    }
    // Two good polls in a row reset the back-off; one does not.
    let good = |count| {
        server.set_response(document("v1", GOOD));
        (0..count).for_each(|_| poll_now(&guard));
        assert_eq!(status(&guard).state, SourceState::Fresh);
    };
    good(1);
    fail(429, 300);
    good(2);
    fail(408, 100);
    assert!(is_on(&guard, "a"));
}

#[test]
fn by_default_a_permanent_failure_is_retried_after_minutes() {
    let server = Server::responding(answer("403 Forbidden", "", ""));
    let guard = start(server.source(Retry::default()));
    server.assert_waits(&guard, 150..=300);
}

#[test]
fn retry_after_is_honoured_within_bounds() {
    let date = "date: Wed, 21 Oct 2015 07:28:00 GMT\r\n";
    // At most a tenth is added, so that clients do not return at the same time.
    let two_minutes = || 120..=132;
    let own = || jittered(10);
    let cases = [
        ("retry-after: 120\r\n".to_owned(), two_minutes()),
        ("Retry-After:   120  \r\n".to_owned(), two_minutes()),
        ("retry-after: 0120\r\n".to_owned(), two_minutes()),
        (format!("{date}retry-after: 120\r\n"), two_minutes()),
        (format!("{date}retry-after: Wed, 21 Oct 2015 07:30:00 GMT\r\n"), two_minutes()),
        // The two obsolete date formats (RFC 9110, 5.6.7).
        (format!("{date}retry-after: Wednesday, 21-Oct-15 07:30:00 GMT\r\n"), two_minutes()),
        (format!("{date}retry-after: Wed Oct 21 07:30:00 2015\r\n"), two_minutes()),
        // At most an hour.
        ("retry-after: 3600\r\n".to_owned(), 3_600..=3_600),
        ("retry-after: 3601\r\n".to_owned(), 3_600..=3_600),
        ("retry-after: 99999999999\r\n".to_owned(), 3_600..=3_600),
        (format!("retry-after: {}\r\n", u64::MAX), 3_600..=3_600),
        (format!("retry-after: {}\r\n", "9".repeat(100)), 3_600..=3_600),
        (format!("{date}retry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\n"), 3_600..=3_600),
        // At least the wait without the header.
        ("retry-after: 0\r\n".to_owned(), own()),
        ("retry-after: 4\r\n".to_owned(), own()),
        (format!("{date}retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n"), own()),
        (format!("{date}retry-after: Wed, 21 Oct 2015 07:27:00 GMT\r\n"), own()),
        // An invalid value is ignored.
        ("retry-after: -1\r\n".to_owned(), own()),
        ("retry-after: +120\r\n".to_owned(), own()),
        ("retry-after: 120.5\r\n".to_owned(), own()),
        ("retry-after: 120s\r\n".to_owned(), own()),
        ("retry-after: soon\r\n".to_owned(), own()),
        ("retry-after:\r\n".to_owned(), own()),
        ("retry-after: \u{661}\u{662}\u{660}\r\n".to_owned(), own()),
        ("retry-after: Wed, 32 Oct 2015 07:30:00 GMT\r\n".to_owned(), own()),
        // A date means nothing without the `Date` header of the same response.
        ("retry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\n".to_owned(), own()),
        ("date: now\r\nretry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\n".to_owned(), own()),
    ];
    let mut retry = Retry::default();
    let ten = Duration::from_secs(10);
    (retry.transient, retry.permanent) = ((ten, ten), (ten, ten));
    for (headers, window) in &cases {
        for code in ["429 Too Many Requests", "503 Service Unavailable"] {
            let server = Server::responding(answer(code, headers, ""));
            let guard = start(server.source(retry));
            let (least, most) = server.wait(&guard);
            let (from, to) = (Duration::from_secs(*window.start()), Duration::from_secs(*window.end()));
            assert!(most >= from && least <= to, "{headers}: waits from {least:?} to {most:?}, not {window:?}");
        }
    }
}

/// The wait is the same at the start and later, for transient and for permanent failures.
#[test]
fn retry_after_is_honoured_at_each_poll() {
    let server = Server::responding(document("v1", GOOD));
    let guard = start(server.patient());
    for (code, headers, window) in [
        (503, "retry-after: 900\r\n", 900..=990),
        (403, "retry-after: 1200\r\n", 1_200..=1_320),
        (403, "retry-after: 7\r\n", jittered(2_000)),
        (429, "retry-after: 99999999999\r\n", 3_600..=3_600),
    ] {
        server.set_response(answer(&format!("{code} Whatever"), headers, ""));
        poll_now(&guard);
        server.assert_waits(&guard, window);
    }
    // An operator's request takes precedence over the server's.
    server.set_response(document("v2", AFTER));
    poll_now(&guard);
    assert!(is_on(&guard, "after"));
}

#[test]
fn no_request_is_sent_before_the_time_that_the_server_has_named() {
    let stub = Stub::responding(answer("429 Too Many Requests", "retry-after: 1\r\n", ""));
    let guard = start(eager(&stub.url()));
    wait_until("another try", || stub.polls().len() >= 2);
    let polls = stub.polls();
    assert!(polls[1].at - polls[0].at >= Duration::from_secs(1));
    drop(guard);
}

#[test]
fn a_start_that_may_fail_returns_the_first_error() {
    for (code, expected) in [
        (401, "answered 401 (unauthorized)"),
        (204, "answered 204 (no content)"),
        (500, "answered 500 (internal server error)"),
        (429, "answered 429 (too many requests)"),
        (404, "answered 404 (not found)"),
        (410, "answered 410 (gone)"),
    ] {
        let server = Server::responding(answer(&format!("{code} Whatever"), "", EVIL));
        let builder = |start: OnFailedStart, others: OnFailedStart| {
            let (mut missing, mut unreachable, mut invalid) = (others, others, others);
            match kind(code) {
                ErrorKind::Missing => missing = start,
                ErrorKind::Unreachable => unreachable = start,
                ErrorKind::Invalid => invalid = start,
            }
            let builder = Builder::new().source(server.patient()).startup_timeout(support::DEADLINE);
            builder.when_missing(missing).when_unreachable(unreachable).when_invalid(invalid)
        };
        let error = builder(OnFailedStart::Fail, OnFailedStart::StayDark).start().expect_err("it is to refuse");
        assert!(error.is_load());
        assert_eq!(error.to_string(), format!("{}: {expected}", server.stub.url()));
        assert_eq!(error.failures()[0].1.kind(), kind(code));
        // The same source starts if the policy lets it stay dark, or skips it.
        let guard = builder(OnFailedStart::StayDark, OnFailedStart::Fail).start().expect("it may be dark");
        assert_eq!((status(&guard).state, guard.readiness()), (SourceState::Waiting, Readiness::Dark));
        let guard = builder(OnFailedStart::Skip, OnFailedStart::Fail).start().expect("it may be done without");
        assert_eq!((status(&guard).state, guard.readiness()), (SourceState::Waiting, Readiness::Ready));
    }
}

/// One source gets every one of these statuses in turn, within the time of a test.
#[test]
fn a_source_outlives_a_server_with_every_error() {
    let codes = [500, 401, 403, 404, 410, 429, 503, 400, 418, 301, 204, 206, 502, 504, 408, 405, 451, 499, 599, 201];
    let turn = AtomicUsize::new(0);
    let stub = Stub::new(move |_, stream| {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        let answer = match turn.checked_sub(1).map(|turn| codes.get(turn)) {
            None => document("v1", GOOD),
            Some(Some(code)) => answer(&format!("{code} Whatever"), "content-type: application/toml\r\n", EVIL),
            Some(None) => document("v2", AFTER),
        };
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let guard = start(eager(&stub.url()).stream(false));
    wait_until("the good answer after all", || {
        assert!(is_on(&guard, "a") && !is_on(&guard, "evil"));
        is_on(&guard, "after")
    });
    assert_eq!((status(&guard).failures, status(&guard).loads), (codes.len() as u64, 2));
}
