//! Whoever asks for a stream gets the document at once, each one after it, and signs of life in between.

mod support;

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use support::{DEADLINE, Events, Place, Served, wait_until};

const EVENTS: &[(&str, &str)] = &[("accept", "text/event-stream")];

/// A document that says which one it is. All have the same flag, as one that drops flags is held for a while.
fn version(number: usize) -> String {
    format!("[flags]\na = true\n# version {number}\n")
}

fn serve(text: &str) -> (Place, Served) {
    let place = Place::new();
    place.replace("flags.toml", text);
    let served = Served::new(place.file("flags.toml"));
    (place, served)
}

#[test]
fn the_document_comes_at_once_and_then_each_one_after_it() {
    let (place, served) = serve(&version(0));
    let mut streams = [
        Events::open(served.address, "/events", &[]),
        Events::open(served.address, "/events", EVENTS),
        Events::open(served.address, "/flags", EVENTS),
        // As `flagkit_sources::Http` may know it already, and as a browser asks that has been there before.
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
        place.replace("flags.toml", version(number + 1));
    }
}

#[test]
fn an_event_is_the_format_the_tag_and_the_lines() {
    let place = Place::new();
    place.replace("flags.json", "{\r\n  \"flags\": {\n\n\"a\": true }\r}\n");
    let served = Served::new(place.file("flags.json"));
    let tag = served.get("/flags").header("etag").expect("a tag").to_owned();
    let block = Events::open(served.address, "/events", &[]).block().expect("an event");
    let lines: Vec<&str> = block.lines().collect();
    let data = ["data: {", "data:   \"flags\": {", "data: ", "data: \"a\": true }", "data: }", "data: "];
    assert_eq!(lines[..2], ["event: json", &*format!("id: {tag}")], "{block:?}");
    assert_eq!(lines[2..], [&data[..], &[""]].concat(), "{block:?}");
}

#[test]
fn a_type_is_a_stream_or_a_document_as_is_asked_for() {
    let (_place, served) = serve(&version(1));
    for accept in [
        "text/event-stream",
        "text/event-stream; charset=utf-8",
        "application/json, text/event-stream",
        "text/event-stream;q=0.5, */*;q=0.1",
    ] {
        let mut stream = Events::open(served.address, "/flags", &[("accept", accept)]);
        assert_eq!(stream.next().expect("an event").data, version(1), "{accept}");
    }
    let document = "application/toml, application/json, text/plain;q=0.5, */*;q=0.1";
    for accept in [document, "*/*", "text/*", "text/html", ""] {
        let answer = served.ask("GET", "/flags", &[("accept", accept)]);
        assert_eq!((answer.status, answer.text()), (200, &*version(1)), "{accept}");
    }
}

#[test]
fn a_broken_file_is_no_event() {
    let (place, served) = serve(&version(0));
    let mut stream = Events::open(served.address, "/events", &[]);
    assert_eq!(stream.next().expect("an event").data, version(0));
    for number in 1..5 {
        place.replace("flags.toml", "[flags\n");
        wait_until("it is stale", || served.get("/healthz").text() == "stale\n");
        place.replace("flags.toml", version(number));
        assert_eq!(stream.next().expect("an event").data, version(number));
    }
}

#[test]
fn a_stream_gives_signs_of_life_while_nothing_changes() {
    let (place, served) = serve(&version(0));
    let mut stream = Events::open(served.address, "/events", &[]);
    assert_eq!(stream.next().expect("an event").data, version(0));
    // Promised every 15 seconds; a client waits for 60.
    stream.patience(Duration::from_secs(30));
    let start = Instant::now();
    let beat = stream.block().expect("a sign of life");
    assert!(beat.starts_with(':') && beat.trim_end().lines().count() == 1, "{beat:?}");
    assert!(start.elapsed() > Duration::from_secs(10), "after {:?}", start.elapsed());
    // And it goes on.
    place.replace("flags.toml", version(1));
    assert_eq!(stream.next().expect("an event").data, version(1));
}

#[test]
fn a_document_with_a_line_too_long_is_not_streamed() {
    let long = |len: usize| format!("[flags]\na = true\n#{}\n", "x".repeat(len - 1));
    // With the name of its field it is as long as a client takes.
    let limit = (1 << 20) - 8;
    let (place, served) = serve(&long(limit));
    let mut stream = Events::open(served.address, "/events", &[]);
    assert_eq!(stream.next().expect("an event").data, long(limit));
    place.replace("flags.toml", long(limit + 1));
    assert_eq!(stream.next(), None, "it ends");
    for path in ["/events", "/flags"] {
        let answer = served.ask("GET", path, EVENTS);
        assert_eq!((answer.status, answer.header("vary")), (406, Some("accept")), "{path}");
    }
    assert_eq!(served.get("/flags").text(), long(limit + 1));
    place.replace("flags.toml", version(1));
    wait_until("the next one", || served.get("/flags").text() == version(1));
    assert_eq!(Events::open(served.address, "/events", &[]).next().expect("an event").data, version(1));
}

#[test]
fn there_is_no_stream_without_a_document() {
    let place = Place::new();
    let served = Served::new(place.file("flags.toml"));
    for path in ["/events", "/flags"] {
        let status = served.ask("GET", path, EVENTS).status;
        assert!([406, 503].contains(&status), "{path}: {status}");
    }
    place.replace("flags.toml", version(1));
    wait_until("the document", || served.get("/flags").status == 200);
    assert_eq!(Events::open(served.address, "/flags", EVENTS).next().expect("an event").data, version(1));
}

#[test]
fn close_ends_all_streams_now_and_from_now_on() {
    let (place, served) = serve(&version(0));
    let mut streams: Vec<Events> = (0..20).map(|_| Events::open(served.address, "/events", &[])).collect();
    for stream in &mut streams {
        assert_eq!(stream.next().expect("an event").data, version(0));
    }
    served.server.close();
    for stream in &mut streams {
        assert_eq!(stream.next(), None);
    }
    assert_eq!(Events::open(served.address, "/events", &[]).next(), None);
    // Documents are served on.
    place.replace("flags.toml", version(1));
    wait_until("the change", || served.get("/flags").text() == version(1));
    served.stop();
}

#[test]
fn a_graceful_stop_ends_streams_and_comes_to_its_end() {
    let (_place, served) = serve(&version(0));
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

/// Whether a graceful stop comes to its end while somebody has sent this much and then nothing.
fn stops_after(question: &str) {
    let (_place, served) = serve(&version(0));
    let mut half = TcpStream::connect(served.address).expect("a connection");
    half.write_all(question.as_bytes()).expect("it can be sent");
    // Accepted after that one, and answered.
    assert_eq!(served.get("/flags").status, 200);
    served.stop();
    drop(half);
}

#[test]
fn a_graceful_stop_does_not_wait_for_another_question() {
    stops_after("GET /flags HTTP/1.1\r\nhost: x\r\n\r\n");
}

#[test]
fn a_graceful_stop_does_not_wait_for_the_rest_of_a_question() {
    stops_after("GET /flags HTTP/1.1\r\nhost: x\r\n");
}

#[test]
fn a_graceful_stop_does_not_wait_for_who_does_not_read() {
    // More than fits between two sockets.
    let large = version(0) + &"# and so on, and so on, and so on\n".repeat(200_000);
    let (_place, served) = serve(&large);
    let asleep = Events::open(served.address, "/events", &[]);
    served.stop();
    drop(asleep);
}

#[test]
fn who_goes_or_does_not_read_harms_nobody() {
    // Larger than what is on its way between two sockets.
    let large = |number: usize| format!("{}{}", version(number), "# and so on, and so on, and so on\n".repeat(100_000));
    let (place, served) = serve(&large(0));
    let mut reader = Events::open(served.address, "/events", &[]);
    let asleep: Vec<Events> = (0..3).map(|_| Events::open(served.address, "/events", &[])).collect();
    for number in 0..5 {
        assert!(reader.next().expect("an event").data == large(number), "version {number}");
        // Comes and goes in the middle.
        drop(Events::open(served.address, "/events", &[]));
        place.replace("flags.toml", large(number + 1));
    }
    assert!(reader.next().expect("an event").data == large(5));
    // Who was slow gets what was on its way, and then the latest.
    for mut sleeper in asleep {
        let mut seen = 0;
        let start = Instant::now();
        while sleeper.next().expect("an event").data != large(5) {
            seen += 1;
        }
        assert!(seen <= 5 && start.elapsed() < DEADLINE);
    }
}
