//! A stream delivers changes as they happen. Whatever goes wrong with it, the flags come from the last valid document.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::stub::{Request, STREAM, Stub, answer, chunk, document, eager, start};
use crate::support::{STOP_TIMEOUT, is_on, last_error, status, wait_for_state, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::{Http, Retry};

const ON: &str = "[flags]\na = true\n";
const OFF: &str = "[flags]\na = false\n";
const HEARTBEAT: &str = ": still here\n\n";
/// The last chunk of a chunked response.
const END: &str = "0\r\n\r\n";

/// A server with a document and a stream, both controlled by the test.
struct Server {
    stub: Stub,
    state: Arc<Mutex<State>>,
}

struct State {
    /// The response to a poll, as sent.
    poll: String,
    /// The beginning of a stream, as sent.
    stream: String,
    /// The open streams.
    open: Vec<TcpStream>,
}

impl Server {
    /// Serves version 1 of a document with these flags, by polls and streams.
    fn new(text: &str) -> Self {
        let (poll, stream) = (document("v1", text), STREAM.to_owned() + &chunk(&event("v1", text)));
        let state = Arc::new(Mutex::new(State { poll, stream, open: Vec::new() }));
        let shared = Arc::clone(&state);
        let stub = Stub::new(move |request, stream| {
            let mut state = shared.lock().expect("no panic");
            if !request.is_stream_request() {
                return stream.write_all(state.poll.as_bytes()).is_ok();
            }
            let is_written = stream.write_all(state.stream.as_bytes()).is_ok();
            let goes_on = state.stream.starts_with(STREAM) && !state.stream.ends_with(END);
            if goes_on {
                state.open.push(stream.try_clone().expect("a handle"));
            }
            is_written && goes_on
        });
        Self { stub, state }
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("no panic"));
    }

    /// Writes to the open streams.
    fn send(&self, bytes: impl AsRef<[u8]>) {
        // Writing to a stream fails if the client has closed it.
        self.set(|state| state.open.retain_mut(|stream| stream.write_all(bytes.as_ref()).is_ok()));
    }

    /// Ends the open streams, as a server that stops does.
    fn end_streams(&self) {
        self.send(END);
        self.set(|state| state.open.clear());
    }

    /// The number of open streams.
    fn open(&self) -> usize {
        self.state.lock().expect("no panic").open.len()
    }

    fn streams(&self) -> Vec<Request> {
        self.stub.requests().into_iter().filter(Request::is_stream_request).collect()
    }

    /// A source that retries soon and polls so rarely that every change comes from the stream.
    fn http(&self) -> Http {
        eager(&self.stub.url()).poll_every(Duration::from_secs(3600))
    }
}

/// An event with a document, up to the end of its last line. A poll returns the same document.
fn event(tag: &str, text: &str) -> String {
    let data = text.replace('\n', "\ndata: ");
    format!("event: toml\nid: \"{tag}\"\ndata: {data}\n\n")
}

/// A chunk with bytes that may be invalid UTF-8.
fn raw_chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

#[test]
fn the_first_event_counts_and_each_one_after_it() {
    let server = Server::new(OFF);
    // A change between the poll and the stream is not lost.
    server.set(|state| state.stream = STREAM.to_owned() + &chunk(&event("v2", ON)));
    let guard = start(server.http());
    wait_until("the first event", || is_on(&guard, "a"));
    for round in 0..20 {
        let on = round % 2 == 1;
        server.send(chunk(&event(&format!("v{}", 3 + round), if on { ON } else { OFF })));
        wait_until("a change", || is_on(&guard, "a") == on);
    }
    // The event may be split anywhere.
    for byte in event("last", OFF).as_bytes() {
        server.send(raw_chunk(&[*byte]));
    }
    wait_until("the last event", || !is_on(&guard, "a"));
    let status = status(&guard);
    assert_eq!((status.state, status.failures), (SourceState::Fresh, 0));
    assert_eq!((server.stub.polls().len(), server.streams().len()), (1, 1));
    assert_eq!(server.streams()[0].header("if-none-match"), Some("\"v1\""));
}

#[test]
fn a_stream_that_breaks_is_opened_again_and_begins_with_all_there_is() {
    let server = Server::new(OFF);
    let guard = start(server.http());
    wait_until("a stream", || server.open() == 1);
    for round in 0..5 {
        let on = round % 2 == 0;
        let text = if on { ON } else { OFF };
        // The polls return the old document, so the new stream itself delivers the missed change.
        server.set(|state| {
            state.stream = STREAM.to_owned() + &chunk(&event(&format!("r{round}"), text));
            state.open.clear();
        });
        server.stub.hang_up();
        wait_until("the change", || is_on(&guard, "a") == on);
        server.set(|state| state.poll = document(&format!("r{round}"), text));
    }
    wait_for_state(&guard, SourceState::Fresh);
    assert!(status(&guard).failures >= 5);
}

#[test]
fn a_poll_comes_between_two_streams() {
    let server = Server::new(OFF);
    let guard = start(server.http());
    wait_until("a stream", || server.open() == 1);
    // The stream cannot be opened again, but the change still arrives.
    server.set(|state| {
        (state.poll, state.stream) = (document("v2", ON), answer("502 Bad Gateway", "", ""));
    });
    server.end_streams();
    wait_until("the change", || is_on(&guard, "a"));
}

#[test]
fn a_stream_that_goes_wrong_is_given_up_for_another() {
    let long = vec![b'x'; (1 << 20) + 1];
    let bad: [&[u8]; 4] = [
        b"event: toml\ndata: [flags]\ndata: a = false\ndata: # \xff\n\n",
        b"event: \xff\xfe\ndata: x\n\n",
        b": \xc3\n\n",
        &long,
    ];
    for bytes in bad {
        let server = Server::new(ON);
        let guard = start(server.http());
        wait_until("its first event", || status(&guard).unchanged >= 1);
        server.send(raw_chunk(bytes));
        wait_until("another stream", || {
            assert!(is_on(&guard, "a"));
            server.streams().len() == 2
        });
        assert!(status(&guard).failures >= 1);
        wait_for_state(&guard, SourceState::Fresh);
        wait_until("a change", || {
            server.send(chunk(&event("v2", OFF)));
            !is_on(&guard, "a")
        });
    }
}

#[test]
fn no_chunking_is_no_stream_and_changes_nothing() {
    let server = Server::new(ON);
    let guard = start(server.http());
    wait_until("its first event", || status(&guard).unchanged >= 1);
    server.send("zzz\r\nevent: toml\ndata: [flags]\ndata: a = false\n\n\r\n");
    wait_until("another stream", || {
        assert!(is_on(&guard, "a"));
        server.streams().len() == 2
    });
    wait_for_state(&guard, SourceState::Fresh);
}

#[test]
fn a_document_that_is_refused_leaves_the_stream_open_for_a_good_one() {
    let server = Server::new(ON);
    let guard = start(server.http());
    wait_until("a stream", || server.open() == 1);
    server.send(chunk(&event("v2", "[flags\na = false\n")));
    wait_for_state(&guard, SourceState::Stale);
    assert!(is_on(&guard, "a") && last_error(&guard).expect("an error").contains("1:1"));
    // A live server does not make its document valid.
    let confirmations = status(&guard).unchanged;
    (0..20).for_each(|_| server.send(chunk(HEARTBEAT)));
    server.send(chunk(&event("v3", "[flags]\na = 2 = 3\n")));
    wait_until("the second refusal", || status(&guard).failures == 2);
    assert_eq!((status(&guard).state, status(&guard).unchanged), (SourceState::Stale, confirmations));
    server.send(chunk(&event("v4", OFF)));
    wait_until("the good one", || !is_on(&guard, "a"));
    wait_for_state(&guard, SourceState::Fresh);
    assert_eq!((server.streams().len(), server.stub.polls().len()), (1, 1));
}

#[test]
fn the_tag_of_a_document_that_is_refused_is_never_sent() {
    let server = Server::new(ON);
    let guard = start(server.http());
    wait_until("a stream", || server.open() == 1);
    server.send(chunk(&event("broken", "[flags\n")));
    wait_for_state(&guard, SourceState::Stale);
    server.end_streams();
    wait_until("another stream", || server.streams().len() == 2);
    for request in server.stub.requests().iter().skip(1) {
        assert_eq!(request.header("if-none-match"), Some("\"v1\""), "{request:?}");
    }
}

#[test]
fn events_of_other_types_are_passed_over() {
    let server = Server::new(ON);
    let guard = start(server.http());
    wait_until("a stream", || server.open() == 1);
    for other in [
        "event: announcement\ndata: [flags]\ndata: a = false\n\n",
        "data: [flags]\ndata: a = false\n\n",
        "event: message\ndata: {}\n\n",
        "event: toml \ndata: a\n\n",
        "retry: 0\n\n",
        "nonsense: x\nid\n\n",
    ] {
        server.send(chunk(other));
    }
    // The client has read everything before this event.
    server.send(chunk("event: json\nid: \"v2\"\ndata: { \"flags\": { \"a\": true, \"b\": true } }\n\n"));
    wait_until("a document", || is_on(&guard, "b"));
    let status = status(&guard);
    assert_eq!((status.state, status.loads, status.failures), (SourceState::Fresh, 2, 0));
    assert!(is_on(&guard, "a"));
    assert_eq!(server.streams().len(), 1);
}

#[test]
fn signs_of_life_confirm_the_flags() {
    let server = Server::new(ON);
    let guard = start(server.http());
    wait_until("a stream", || server.open() == 1);
    for _ in 0..5 {
        let before = status(&guard).unchanged;
        server.send(chunk(HEARTBEAT));
        wait_until("a confirmation", || status(&guard).unchanged > before);
    }
    assert_eq!(status(&guard).state, SourceState::Fresh);
    assert_eq!((server.stub.polls().len(), server.streams().len()), (1, 1));
}

#[test]
fn an_event_that_is_cut_is_none() {
    let cut = "event: toml\nid: \"v2\"\ndata: [flags]\ndata: a = false\n";
    for end in [END, ""] {
        let server = Server::new(ON);
        let guard = start(server.http());
        wait_until("a stream", || server.open() == 1);
        server.send(chunk(cut) + end);
        server.set(|state| state.open.clear());
        if end.is_empty() {
            server.stub.hang_up();
        }
        wait_until("another stream", || {
            assert!(is_on(&guard, "a"));
            server.streams().len() == 2
        });
        assert_eq!(status(&guard).loads, 1);
        for request in server.stub.requests().iter().skip(1) {
            assert_eq!(request.header("if-none-match"), Some("\"v1\""));
        }
    }
}

#[test]
fn a_server_that_ends_its_streams_is_no_cause_for_alarm() {
    let server = Server::new(ON);
    let guard = start(server.http());
    for round in 1..=5 {
        wait_until("a stream", || server.open() == 1);
        server.end_streams();
        wait_until("the next stream", || {
            assert_eq!(status(&guard).state, SourceState::Fresh);
            server.streams().len() == round + 1
        });
    }
    assert_eq!(status(&guard).failures, 0);
    assert!(is_on(&guard, "a"));
}

#[test]
fn a_stream_that_is_silent_for_too_long_is_lost_and_opened_again() {
    let server = Server::new(ON);
    let (second, idle) = (Duration::from_secs(1), Duration::from_millis(500));
    let guard = start(server.http().poll_every(second).idle_timeout(idle));
    wait_until("two lost streams", || status(&guard).failures >= 2);
    wait_until("another stream", || server.streams().len() >= 3);
    assert!(is_on(&guard, "a"));
    server.set(|state| state.stream = STREAM.to_owned() + &chunk(&event("v2", OFF)));
    wait_until("the change", || !is_on(&guard, "a"));
}

#[test]
fn a_stream_that_ends_at_once_is_opened_ever_less_often() {
    // The default limits, twenty times faster.
    const TIMES: u32 = 20;
    let minute = Duration::from_secs(60) / TIMES;
    let count = |is_cut: bool| {
        let server = Server::new(ON);
        // Half of a chunk, or no further chunk.
        server.set(|state| state.stream += if is_cut { "ff\r\n: \r\n\r\n0\r\n\r\n" } else { END });
        let mut retry = Retry::default();
        retry.transient = (retry.transient.0 / TIMES, retry.transient.1 / TIMES);
        // Successful polls by themselves do not count as a healthy stream.
        let guard = start(server.http().poll_every(Duration::from_millis(20)).retry(retry));
        wait_until("the first stream", || !server.streams().is_empty());
        let minute_later = server.streams()[0].at + minute;
        wait_until("a minute", || Instant::now() > minute_later);
        wait_until("it never gives up", || server.streams().len() >= 4);
        assert!(is_on(&guard, "a"));
        server.streams().iter().filter(|request| request.at <= minute_later).count()
    };
    let counts = std::thread::scope(|scope| {
        let counts = [false, true].map(|is_cut| scope.spawn(move || count(is_cut)));
        counts.map(|count| count.join().expect("it ends"))
    });
    assert!(counts.iter().all(|count| *count <= 12), "{counts:?} in what is a minute");
}

#[test]
fn a_stream_that_cannot_be_opened_does_not_affect_the_polls() {
    let server = Server::new(ON);
    server.set(|state| state.stream = answer("502 Bad Gateway", "x-secret: canary\r\n", "canary"));
    let guard = start(eager(&server.stub.url()));
    let complaint = "its stream cannot be opened, changes are detected by polling";
    let is_warned = || status(&guard).warnings.iter().any(|warning| warning.contains(complaint));
    wait_until("a warning", is_warned);
    let warnings = status(&guard).warnings;
    assert!(warnings.iter().any(|warning| warning.contains("502")) && !format!("{warnings:?}").contains("canary"));
    wait_until("polls, and tries", || server.stub.polls().len() > 10 && server.streams().len() > 2);
    server.set(|state| state.poll = document("v2", OFF));
    wait_until("a change", || !is_on(&guard, "a"));
    let status = status(&guard);
    assert_eq!((status.state, status.failures), (SourceState::Fresh, 0));

    server.set(|state| state.stream = STREAM.to_owned() + &chunk(&event("v3", ON)));
    wait_until("a stream", || is_on(&guard, "a"));
    wait_until("no warning", || !is_warned());
}

#[test]
fn a_server_that_has_no_stream_is_trusted() {
    for none in [answer("406 Not Acceptable", "", ""), answer("304 Not Modified", "", ""), document("v1", ON)] {
        let server = Server::new(ON);
        server.set(|state| state.stream = none);
        let guard = start(eager(&server.stub.url()));
        wait_until("some polls", || server.stub.polls().len() > 10);
        assert_eq!(server.streams().len(), 1);
        let status = status(&guard);
        assert!(status.warnings.is_empty() && status.state == SourceState::Fresh, "{status:?}");
    }
}

#[test]
fn a_client_without_streams_requests_none() {
    let server = Server::new(OFF);
    let guard = start(eager(&server.stub.url()).stream(false));
    wait_until("some polls", || server.stub.polls().len() > 10);
    server.set(|state| state.poll = document("v2", ON));
    wait_until("the change", || is_on(&guard, "a"));
    assert!(server.streams().is_empty());
}

#[test]
fn the_id_of_an_event_is_the_tag_of_the_next_question() {
    let server = Server::new(ON);
    let guard = start(server.http());
    wait_until("a stream", || server.open() == 1);
    server.set(|state| state.poll = answer("304 Not Modified", "", ""));
    server.send(chunk(&event("v2", OFF)));
    wait_until("the change", || !is_on(&guard, "a"));
    server.end_streams();
    wait_until("a poll", || server.stub.polls().len() == 2);
    assert_eq!(server.stub.polls()[1].header("if-none-match"), Some("\"v2\""));
    wait_until("a stream", || server.open() == 1);
    assert_eq!(server.streams()[1].header("if-none-match"), Some("\"v2\""));
    assert_eq!(status(&guard).failures, 0);

    // Without an id the client has no ETag to send, least of all the one of another document.
    server.set(|state| state.poll = document("v4", OFF));
    server.send(chunk("event: toml\ndata: [flags]\ndata: b = true\n\n"));
    wait_until("the change", || is_on(&guard, "b"));
    server.end_streams();
    wait_until("a poll", || server.stub.polls().len() == 3);
    assert_eq!(server.stub.polls()[2].header("if-none-match"), None);
}

#[test]
fn a_reload_during_a_stream_polls_with_the_next_sign_of_life() {
    let server = Server::new(ON);
    let guard = start(server.http());
    wait_until("a stream", || server.open() == 1);
    wait_until("its first event", || status(&guard).unchanged >= 1);
    server.set(|state| state.poll = document("v2", OFF));
    guard.reload();
    server.send(chunk(HEARTBEAT));
    wait_until("the poll", || !is_on(&guard, "a"));
    assert_eq!((server.stub.polls().len(), server.streams().len()), (2, 1));
    // One reload causes one poll.
    let before = status(&guard).unchanged;
    server.send(chunk(HEARTBEAT));
    wait_until("another sign of life", || status(&guard).unchanged > before);
    assert_eq!(server.stub.polls().len(), 2);
}

#[test]
fn a_drop_ends_a_stream_at_once() {
    let server = Server::new(ON);
    let guard = start(server.http());
    wait_until("a stream", || server.open() == 1);
    assert!(guard.stop(STOP_TIMEOUT), "its thread is left");
    wait_until("the connection is closed", || {
        server.send(chunk(HEARTBEAT));
        server.open() == 0
    });
}
