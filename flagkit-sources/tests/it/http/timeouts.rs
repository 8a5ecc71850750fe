//! A slow or silent server costs no more than the configured timeout, and the error names the phase.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::stub::{STREAM, Stub, chunk, document, eager, event, start};
use crate::support::{self, STOP_TIMEOUT, holds_for, is_on, last_error, pause, status, wait_for_state, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::{Http, Readiness};

const GOOD: &str = "[flags]\na = true\n";
const HEADER: Duration = Duration::from_secs(1);
const TOTAL: Duration = Duration::from_secs(2);

fn impatient(url: &str) -> Http {
    eager(url).stream(false).header_timeout(HEADER).total_timeout(TOTAL)
}

/// Sends a byte every few milliseconds until the client closes the connection.
fn drip(stream: &mut TcpStream, bytes: impl IntoIterator<Item = u8>) -> io::Result<()> {
    for byte in bytes {
        stream.write_all(&[byte])?;
        pause(Duration::from_millis(10));
    }
    Ok(())
}

/// A server that is slow once a test says so.
struct SlowServer {
    stub: Stub,
    is_slow: Arc<AtomicBool>,
    /// The number of polls that were handled slowly.
    slow_polls: Arc<AtomicUsize>,
}

/// Serves polls until it is slow. Then it handles each with this function, and closes the connection.
fn slow(answer: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> SlowServer {
    let (is_slow, slow_polls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let stub = Stub::new({
        let (is_slow, slow_polls) = (Arc::clone(&is_slow), Arc::clone(&slow_polls));
        move |_, stream| {
            if !is_slow.load(Ordering::SeqCst) {
                return stream.write_all(document("v1", GOOD).as_bytes()).is_ok();
            }
            slow_polls.fetch_add(1, Ordering::SeqCst);
            let _ = answer(stream);
            false
        }
    });
    SlowServer { stub, is_slow, slow_polls }
}

/// Keeps the connection open until the client closes it or the test has long ended.
fn say_nothing(stream: &mut TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(support::DEADLINE))?;
    io::copy(stream, &mut io::sink()).map(drop)
}

/// Each try ends at its timeout and not before, and the next try follows.
fn assert_given_up(server: &SlowServer, http: Http, limit: Duration, phase: &str) {
    let guard = start(http);
    wait_until("the flags", || is_on(&guard, "a"));
    let (started, refusals) = (Instant::now(), status(&guard).failures);
    server.is_slow.store(true, Ordering::SeqCst);
    wait_until(phase, || status(&guard).failures >= refusals + 3);
    // The first of the three may have begun earlier.
    assert!(started.elapsed() >= 2 * limit, "given up before {limit:?}");
    let polls = server.stub.polls().len();
    wait_until("another try", || server.stub.polls().len() > polls);
    let error = last_error(&guard).expect("an error");
    assert!(error.contains("did not answer in time") && error.contains(phase), "{error}");
    assert!(is_on(&guard, "a"));
    assert_eq!(status(&guard).state, SourceState::Stale);
}

#[test]
fn a_server_that_accepts_and_sends_nothing_is_given_up() {
    let server = slow(say_nothing);
    assert_given_up(&server, impatient(&server.stub.url()), HEADER, "waiting for the response headers");
}

#[test]
fn a_header_that_drips_is_given_up() {
    let server = slow(|stream| drip(stream, b"HTTP/1.1 200 OK\r\nx: ".iter().copied().chain(std::iter::repeat(b'x'))));
    assert_given_up(&server, impatient(&server.stub.url()), HEADER, "waiting for the response headers");
}

#[test]
fn preliminary_answers_that_drip_are_given_up() {
    let server = slow(|stream| drip(stream, b"HTTP/1.1 102 Processing\r\n\r\n".iter().copied().cycle()));
    assert_given_up(&server, impatient(&server.stub.url()), HEADER, "waiting for the response headers");
}

#[test]
fn a_body_that_drips_is_given_up_however_it_is_framed() {
    for framing in ["content-length: 1000\r\n\r\n", "transfer-encoding: chunked\r\n\r\n3e8\r\n"] {
        let server = slow(move |stream| {
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{framing}").as_bytes())?;
            drip(stream, GOOD.bytes().cycle())
        });
        assert_given_up(&server, impatient(&server.stub.url()), TOTAL, "waiting for the end of the response");
    }
}

#[test]
fn a_body_that_never_comes_is_given_up() {
    let server = slow(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n")?;
        say_nothing(stream)
    });
    assert_given_up(&server, impatient(&server.stub.url()), TOTAL, "waiting for the end of the response");
}

/// Only the last byte is missing.
#[test]
fn a_body_that_never_ends_is_given_up() {
    let server = slow(|stream| {
        let chunks = chunk(GOOD);
        stream.write_all(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0").as_bytes())?;
        say_nothing(stream)
    });
    assert_given_up(&server, impatient(&server.stub.url()), TOTAL, "waiting for the end of the response");
}

#[test]
fn redirects_share_the_time_of_one_poll() {
    let stub = Stub::new(|_, stream| {
        pause(Duration::from_millis(150));
        stream.write_all(b"HTTP/1.1 302 Found\r\nlocation: /next\r\ncontent-length: 0\r\n\r\n").is_ok()
    });
    // Two redirects take less than this, and three take more.
    let http =
        impatient(&stub.url()).follow_redirects(true).header_timeout(TOTAL).total_timeout(Duration::from_millis(400));
    let guard = start(http);
    wait_until("a try", || status(&guard).failures >= 1);
    let error = last_error(&guard).expect("an error");
    assert!(error.contains("did not answer in time"), "{error}");
}

/// With TLS, the connect timeout includes the handshake.
#[test]
fn a_server_that_is_silent_about_encryption_is_given_up() {
    let stub = Stub::new(|_, _| false);
    let http = eager(&stub.url().replace("http:", "https:")).stream(false).connect_timeout(HEADER);
    let started = Instant::now();
    let guard = start(http);
    wait_until("two tries", || status(&guard).failures >= 2);
    let error = last_error(&guard).expect("an error");
    assert!(error.contains("did not answer in time (connecting)"), "{error}");
    assert!(started.elapsed() >= HEADER);
}

#[test]
fn a_server_that_is_slow_but_in_time_is_accepted() {
    let whole = document("v1", GOOD);
    let stub = Stub::new(move |_, stream| drip(stream, whole.bytes()).is_ok());
    let http = eager(&stub.url()).stream(false).header_timeout(support::DEADLINE).total_timeout(support::DEADLINE);
    let guard = start(http);
    assert!(
        guard.wait_until_ready(support::DEADLINE) == Readiness::Ready && is_on(&guard, "a"),
        "{:?}",
        last_error(&guard)
    );
}

#[test]
fn a_start_waits_no_longer_than_its_patience() {
    let stub = Stub::new(|_, stream| say_nothing(stream).is_ok());
    let builder = flagkit_sources::Builder::new().source(eager(&stub.url()).header_timeout(support::DEADLINE));
    let started = Instant::now();
    let guard = builder.startup_timeout(HEADER).start().expect("it has not failed yet");
    // Without the limit, the start would wait for the response.
    assert!((HEADER..support::DEADLINE).contains(&started.elapsed()), "{:?}", started.elapsed());
    assert_eq!((status(&guard).state, guard.readiness()), (SourceState::Starting, Readiness::Dark));
    // Stopping does not wait for such a response.
    assert!(guard.stop(STOP_TIMEOUT), "its thread is left");
}

/// Stopping interrupts the request in progress.
#[test]
fn a_drop_does_not_wait_for_a_dripping_response() {
    let drips: [fn(&mut TcpStream) -> io::Result<()>; 4] = [
        say_nothing,
        |stream| drip(stream, b"HTTP/1.1 200 OK\r\nx: ".iter().copied().chain(std::iter::repeat(b'x'))),
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n")?;
            drip(stream, std::iter::repeat(b'#'))
        },
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            drip(stream, chunk("#").bytes().collect::<Vec<_>>().into_iter().cycle())
        },
    ];
    for answer in drips {
        let server = slow(answer);
        let guard = start(eager(&server.stub.url()).stream(false));
        server.is_slow.store(true, Ordering::SeqCst);
        wait_until("a slow poll", || server.slow_polls.load(Ordering::SeqCst) > 0);
        assert!(guard.stop(STOP_TIMEOUT), "its thread is left");
    }
}

/// Far longer than a busy machine delays a heartbeat.
const IDLE: Duration = Duration::from_secs(3);
const HEARTBEAT: Duration = Duration::from_millis(50);

/// The state of a server with a stream, set by the test.
#[derive(Default)]
struct Script {
    /// Whether polls get a response; until then they wait.
    answers: AtomicBool,
    streams: AtomicUsize,
}

/// Serves the first poll at once. The first stream sends an event and falls silent; later ones continue.
fn half_open(script: &Arc<Script>) -> Stub {
    let (script, polls) = (Arc::clone(script), AtomicUsize::new(0));
    Stub::new(move |request, stream| {
        if !request.is_stream_request() {
            let is_first = polls.fetch_add(1, Ordering::SeqCst) == 0;
            wait_until("the test to let polls be answered", || is_first || script.answers.load(Ordering::SeqCst));
            let text = if is_first { GOOD } else { "[flags]\na = true\npolled = true\n" };
            return stream.write_all(document("v", text).as_bytes()).is_ok();
        }
        let turn = script.streams.fetch_add(1, Ordering::SeqCst);
        let text = format!("[flags]\na = true\nstreamed-{turn} = true\n");
        let _ = stream.write_all(format!("{STREAM}{}", chunk(&event("s", &text))).as_bytes());
        if turn == 0 {
            let _ = say_nothing(stream);
        } else {
            while stream.write_all(chunk(":\n\n").as_bytes()).is_ok() {
                pause(HEARTBEAT);
            }
        }
        false
    })
}

#[test]
fn a_stream_that_is_silent_for_too_long_is_lost_and_opened_again_after_the_next_good_poll() {
    let script = Arc::new(Script::default());
    let stub = half_open(&script);
    // Only the end of a stream makes a poll due.
    let http = eager(&stub.url()).poll_every(Duration::from_secs(3600)).idle_timeout(IDLE);
    let guard = start(http);
    wait_until("the event", || is_on(&guard, "streamed-0"));
    let opened = stub.requests().iter().find(|request| request.is_stream_request()).expect("a stream").at;

    wait_for_state(&guard, SourceState::Stale);
    assert!(opened.elapsed() >= IDLE);
    let error = last_error(&guard).expect("an error");
    assert!(error.contains("did not answer in time (no data within the idle timeout)"), "{error}");
    assert_eq!(guard.readiness(), Readiness::Stale);
    // The flags stay and the status reports the loss. No new stream is opened until a poll shows that the server is up.
    wait_until("the poll after it", || stub.polls().len() >= 2);
    holds_for(Duration::from_millis(300), "stale, with the flags of before", || {
        is_on(&guard, "streamed-0") && status(&guard).state == SourceState::Stale
    });
    assert_eq!(script.streams.load(Ordering::SeqCst), 1);

    script.answers.store(true, Ordering::SeqCst);
    wait_for_state(&guard, SourceState::Fresh);
    wait_until("the stream again", || is_on(&guard, "streamed-1"));
    // Heartbeats keep the stream far beyond the idle timeout, and confirm the flags.
    let confirmations = status(&guard).unchanged;
    holds_for(2 * IDLE, "a stream with signs of life", || status(&guard).state == SourceState::Fresh);
    assert!(status(&guard).unchanged > confirmations);
    assert_eq!((script.streams.load(Ordering::SeqCst), status(&guard).failures), (2, 1));
}

/// Half an event does not count. If nothing follows, the stream is lost too.
#[test]
fn a_stream_that_falls_silent_within_an_event_is_lost_without_it() {
    let stub = Stub::new(|request, stream| {
        if !request.is_stream_request() {
            return stream.write_all(document("v", GOOD).as_bytes()).is_ok();
        }
        let event = event("s", "[flags]\nhalf = true\n");
        let _ = stream.write_all(format!("{STREAM}{}", chunk(event.trim_end())).as_bytes());
        let _ = say_nothing(stream);
        false
    });
    let guard = start(eager(&stub.url()).idle_timeout(HEADER));
    let streams = || stub.requests().iter().filter(|request| request.is_stream_request()).count();
    wait_until("two streams that were lost", || {
        assert!(!is_on(&guard, "half") && is_on(&guard, "a"));
        streams() >= 3
    });
    // The stream never delivered anything while the polls succeed, so there is a warning.
    let status = status(&guard);
    assert_eq!((status.state, status.failures), (SourceState::Fresh, 0));
    assert!(
        status.warnings.iter().any(|warning| warning.contains("its stream brings no documents")),
        "{:?}",
        status.warnings
    );
}

#[test]
fn a_stream_that_is_not_answered_is_warned_of_and_the_polls_go_on() {
    let stub = Stub::new(|request, stream| {
        if request.is_stream_request() {
            let _ = say_nothing(stream);
            return false;
        }
        stream.write_all(document("v", GOOD).as_bytes()).is_ok()
    });
    // Polls have the same timeout.
    let guard = start(eager(&stub.url()).header_timeout(5 * HEADER));
    let reason = "did not answer in time (waiting for the response headers)";
    let warning = format!("its stream cannot be opened, changes are detected by polling: {reason}");
    wait_until("the warning", || status(&guard).warnings.iter().any(|known| **known == *warning));
    let polls = stub.polls().len();
    wait_until("more polls", || stub.polls().len() > polls + 2);
    assert!(is_on(&guard, "a"));
    assert_eq!((status(&guard).state, status(&guard).failures), (SourceState::Fresh, 0));
}

/// The stream is alive and sends nothing. It must not delay what an operator requests.
#[test]
fn a_stream_that_never_ends_its_event_holds_up_no_reload() {
    let stub = Stub::new(|request, stream| {
        if !request.is_stream_request() {
            return stream.write_all(document("v", GOOD).as_bytes()).is_ok();
        }
        let _ = stream.write_all(format!("{STREAM}{}", chunk("event: toml\n")).as_bytes());
        while stream.write_all(chunk(":\n").as_bytes()).is_ok() {
            pause(HEARTBEAT);
        }
        false
    });
    let guard = start(eager(&stub.url()).idle_timeout(IDLE));
    let is_stream = |request: &support::stub::Request| request.is_stream_request();
    wait_until("the stream", || stub.requests().iter().any(is_stream));
    let polls = stub.polls().len();
    guard.reload();
    wait_until("the requested poll", || stub.polls().len() > polls);
    assert!(is_on(&guard, "a"));
}
