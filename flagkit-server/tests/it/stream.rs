//! A stream starts with the document, sends each later one, and sends heartbeats in between.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Events, Served, TestDir, wait_until};
use flagkit_server::Limits;

const EVENTS: &[(&str, &str)] = &[("accept", "text/event-stream")];

/// Returns a document with a version number. All have the same flag, because the source holds back documents that
/// drop flags.
fn version(number: usize) -> String {
    format!("[flags]\na = true\n# version {number}\n")
}

fn serve_file(text: &str) -> (TestDir, Served) {
    let dir = TestDir::new();
    dir.replace("flags.toml", text);
    let served = Served::new(dir.file("flags.toml"));
    (dir, served)
}

#[test]
fn a_stream_starts_with_the_document_and_sends_each_later_one() {
    let (dir, served) = serve_file(&version(0));
    let mut streams = [
        Events::open(served.address, "/events", &[]),
        Events::open(served.address, "/events", EVENTS),
        Events::open(served.address, "/flags", EVENTS),
        // As `flagkit_sources::Http` with a cached document, and as a browser that reconnects.
        Events::open(served.address, "/flags", &[EVENTS[0], ("if-none-match", "*"), ("last-event-id", "\"x\"")]),
    ];
    for stream in &streams {
        assert_eq!((stream.status, stream.header("content-type")), (200, Some("text/event-stream")));
        assert_eq!((stream.header("vary"), stream.header("cache-control")), (Some("accept"), Some("no-cache")));
        assert_eq!(stream.header("etag"), None);
    }
    for number in 0..10 {
        for stream in &mut streams {
            let event = stream.next().expect("an event");
            assert_eq!((&*event.kind, event.data), ("toml", version(number)));
            assert_eq!(served.get("/flags").header("etag"), Some(&*event.id));
        }
        dir.replace("flags.toml", version(number + 1));
    }
}

#[test]
fn an_event_has_the_format_the_tag_and_the_lines() {
    let dir = TestDir::new();
    dir.replace("flags.json", "{\r\n  \"flags\": {\n\n\"a\": true }\r}\n");
    let served = Served::new(dir.file("flags.json"));
    let tag = served.get("/flags").header("etag").expect("a tag").to_owned();
    let block = Events::open(served.address, "/events", &[]).block().expect("an event");
    let lines: Vec<&str> = block.lines().collect();
    let data = ["data: {", "data:   \"flags\": {", "data: ", "data: \"a\": true }", "data: }", "data: "];
    assert_eq!(lines[..2], ["event: json", &*format!("id: {tag}")], "{block:?}");
    assert_eq!(lines[2..], [&data[..], &[""]].concat(), "{block:?}");
}

#[test]
fn the_accept_header_decides_between_stream_and_document() {
    let (_place, served) = serve_file(&version(1));
    for accept in [
        "text/event-stream",
        "text/event-stream; charset=utf-8",
        "application/json, text/event-stream",
        "text/event-stream;q=0.5, */*;q=0.1",
        "Text/Event-Stream",
        "TEXT/EVENT-STREAM; Q=0.1",
        "application/json;q=0.2, text/event-stream;q=0.3",
    ] {
        let mut stream = Events::open(served.address, "/flags", &[("accept", accept)]);
        assert_eq!(stream.next().expect("an event").data, version(1), "{accept}");
    }
    let document = "application/toml, application/json, text/plain;q=0.5, */*;q=0.1";
    for accept in [
        document,
        "*/*",
        "text/*",
        "text/html",
        "",
        "text/event-stream;q=0",
        "Text/Event-Stream; Q=0.000, */*",
        "application/toml, text/event-stream;q=0.5",
    ] {
        let response = served.request("GET", "/flags", &[("accept", accept)]);
        assert_eq!((response.status, response.text()), (200, &*version(1)), "{accept}");
    }
}

#[test]
fn an_invalid_file_causes_no_event() {
    let (dir, served) = serve_file(&version(0));
    let mut stream = Events::open(served.address, "/events", &[]);
    assert_eq!(stream.next().expect("an event").data, version(0));
    for number in 1..5 {
        dir.replace("flags.toml", "[flags\n");
        wait_until("the source is stale", || served.get("/healthz").text() == "stale\n");
        dir.replace("flags.toml", version(number));
        assert_eq!(stream.next().expect("an event").data, version(number));
    }
}

#[test]
fn a_stream_sends_heartbeats_while_nothing_changes() {
    let (dir, served) = serve_file(&version(0));
    let mut stream = Events::open(served.address, "/events", &[]);
    assert_eq!(stream.next().expect("an event").data, version(0));
    // The server promises one every 15 seconds.
    let start = Instant::now();
    let heartbeat = stream.block().expect("a heartbeat");
    assert!(heartbeat.starts_with(':') && heartbeat.trim_end().lines().count() == 1, "{heartbeat:?}");
    assert!(start.elapsed() > Duration::from_secs(10), "after {:?}", start.elapsed());
    // The stream continues.
    dir.replace("flags.toml", version(1));
    assert_eq!(stream.next().expect("an event").data, version(1));
}

#[test]
fn a_document_with_a_line_too_long_is_not_streamed() {
    let long = |len: usize| format!("[flags]\na = true\n#{}\n", "x".repeat(len - 1));
    // With the name of its field, this is the longest line that a client accepts.
    let limit = (1 << 20) - 8;
    let (dir, served) = serve_file(&long(limit));
    let mut stream = Events::open(served.address, "/events", &[]);
    assert_eq!(stream.next().expect("an event").data, long(limit));
    dir.replace("flags.toml", long(limit + 1));
    assert_eq!(stream.next(), None, "the stream ends");
    for path in ["/events", "/flags"] {
        let response = served.request("GET", path, EVENTS);
        assert_eq!((response.status, response.header("vary")), (406, Some("accept")), "{path}");
    }
    assert_eq!(served.get("/flags").text(), long(limit + 1));
    dir.replace("flags.toml", version(1));
    wait_until("the next document", || served.get("/flags").text() == version(1));
    assert_eq!(Events::open(served.address, "/events", &[]).next().expect("an event").data, version(1));
}

#[test]
fn without_a_document_there_is_no_stream() {
    let dir = TestDir::new();
    let served = Served::new(dir.file("flags.toml"));
    for path in ["/events", "/flags"] {
        let status = served.request("GET", path, EVENTS).status;
        assert!([406, 503].contains(&status), "{path}: {status}");
    }
    dir.replace("flags.toml", version(1));
    wait_until("the document", || served.get("/flags").status == 200);
    assert_eq!(Events::open(served.address, "/flags", EVENTS).next().expect("an event").data, version(1));
}

#[test]
fn close_ends_open_and_later_streams() {
    let (dir, served) = serve_file(&version(0));
    let mut streams: Vec<Events> = (0..20).map(|_| Events::open(served.address, "/events", &[])).collect();
    for stream in &mut streams {
        assert_eq!(stream.next().expect("an event").data, version(0));
    }
    served.server.close();
    for stream in &mut streams {
        assert_eq!(stream.next(), None);
    }
    assert_eq!(Events::open(served.address, "/events", &[]).next(), None);
    // Documents are still served.
    dir.replace("flags.toml", version(1));
    wait_until("the change", || served.get("/flags").text() == version(1));
    served.stop();
}

#[test]
fn a_graceful_stop_ends_all_streams() {
    let dir = TestDir::new();
    dir.replace("flags.toml", version(0));
    // A slow machine may need longer than the default to end them properly.
    let served = Served::with_limits(dir.file("flags.toml"), Limits::default().shutdown_timeout(DEADLINE));
    let idle = TcpStream::connect(served.address).expect("a connection");
    let mut streams: Vec<Events> = (0..20).map(|_| Events::open(served.address, "/events", &[])).collect();
    for stream in &mut streams {
        assert_eq!(stream.next().expect("an event").data, version(0));
    }
    let address = served.address;
    served.stop();
    for stream in &mut streams {
        assert_eq!(stream.next(), None);
    }
    drop(idle);
    assert_eq!(TcpStream::connect(address).map(drop).map_err(|error| error.kind()), Err(ErrorKind::ConnectionRefused));
}

/// Expects a graceful stop to end while a client has sent these bytes and nothing more.
fn stops_after(request: &str) {
    let (_place, served) = serve_file(&version(0));
    let mut half = TcpStream::connect(served.address).expect("a connection");
    half.write_all(request.as_bytes()).expect("it can be sent");
    // This connection is accepted after the other one.
    assert_eq!(served.get("/flags").status, 200);
    served.stop();
    drop(half);
}

#[test]
fn a_graceful_stop_does_not_wait_for_another_request() {
    stops_after("GET /flags HTTP/1.1\r\nhost: x\r\n\r\n");
}

#[test]
fn a_graceful_stop_does_not_wait_for_the_rest_of_a_request() {
    stops_after("GET /flags HTTP/1.1\r\nhost: x\r\n");
}

#[test]
fn a_graceful_stop_does_not_wait_for_a_client_that_does_not_read() {
    // More than the buffers of two sockets hold.
    let large = version(0) + &"# padding padding padding padding\n".repeat(200_000);
    let (_place, served) = serve_file(&large);
    let idle = Events::open(served.address, "/events", &[]);
    served.stop();
    drop(idle);
}

#[test]
fn a_client_that_leaves_or_does_not_read_harms_no_other() {
    // Larger than the buffers of two sockets.
    let large = |number: usize| format!("{}{}", version(number), "# padding padding padding padding\n".repeat(100_000));
    let dir = TestDir::new();
    dir.replace("flags.toml", large(0));
    // The idle clients read again later, and a slow machine may take longer than the default.
    let served = Served::with_limits(dir.file("flags.toml"), Limits::default().write_timeout(DEADLINE));
    let mut reader = Events::open(served.address, "/events", &[]);
    let idle: Vec<Events> = (0..3).map(|_| Events::open(served.address, "/events", &[])).collect();
    for number in 0..5 {
        assert!(reader.next().expect("an event").data == large(number), "version {number}");
        // A client that connects and leaves in the middle.
        drop(Events::open(served.address, "/events", &[]));
        dir.replace("flags.toml", large(number + 1));
    }
    assert!(reader.next().expect("an event").data == large(5));
    // A slow client gets what was buffered, and then the latest document.
    for mut client in idle {
        let mut received = 0;
        let start = Instant::now();
        while client.next().expect("an event").data != large(5) {
            received += 1;
        }
        assert!(received <= 5 && start.elapsed() < DEADLINE);
    }
}
