//! Clients that are slow, silent, numerous or endless cost the server little, and no other client notices them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{DEADLINE, Events, Served, TestDir, wait_until};
use flagkit_server::Limits;

const ON: &str = "[flags]\na = true\n";
/// Far shorter than the default, and far longer than a step of a test.
const SHORT: Duration = Duration::from_secs(3);
/// No test runs for so long.
const LONG: Duration = Duration::from_secs(3600);
const REQUEST: &str = "GET /flags HTTP/1.1\r\nhost: x\r\n\r\n";

fn serve(text: &str, limits: Limits) -> (TestDir, Served) {
    let dir = TestDir::new();
    dir.replace("flags.toml", text);
    let served = Served::with_limits(dir.file("flags.toml"), limits);
    (dir, served)
}

/// Opens a connection and sends these bytes.
fn connect(served: &Served, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("a valid timeout");
    stream.write_all(text.as_bytes()).expect("it can be sent");
    stream
}

/// Reads until the server closes the connection. Returns the text that it has sent.
fn read_to_close(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the server does not close the connection: {error}"),
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Returns whether the server sends nothing for a moment.
fn is_silent(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a valid timeout");
    let is_silent =
        stream.peek(&mut [0]).is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    stream.set_read_timeout(Some(DEADLINE)).expect("a valid timeout");
    is_silent
}

#[test]
fn half_a_request_is_closed_after_the_header_timeout() {
    let (dir, served) = serve(ON, Limits::default().header_timeout(SHORT));
    let mut events = Events::open(served.address, "/events", &[]);
    assert_eq!(events.next().expect("an event").data, ON);
    let halves = [
        "",
        "G",
        "GET /flags HTTP/1.1\r\n",
        "GET /flags HTTP/1.1\r\nhost: x\r\nx:",
        "GET /flags HTTP/1.1\r\nhost: x\r\n",
    ];
    let open: Vec<TcpStream> = halves.iter().cycle().take(200).map(|half| connect(&served, half)).collect();
    // Meanwhile the server responds to others.
    assert_eq!(served.get("/flags").text(), ON);
    for stream in open {
        let text = read_to_close(stream);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{text}");
    }
    // A stream is a response in progress, so the timeout does not apply to it.
    dir.replace("flags.toml", "[flags]\na = false\n");
    assert_eq!(events.next().expect("an event").data, "[flags]\na = false\n");
}

#[test]
fn a_request_that_drips_is_closed_after_the_header_timeout() {
    let (_dir, served) = serve(ON, Limits::default().header_timeout(SHORT));
    let mut stream = connect(&served, "GET /flags HTTP/1.1\r\nhost: x\r\nx: ");
    wait_until("the connection is closed", || stream.write_all(b"x").is_err());
}

#[test]
fn an_idle_connection_is_closed_after_its_response() {
    let (_dir, served) = serve(ON, Limits::default().header_timeout(SHORT));
    let text = read_to_close(connect(&served, REQUEST));
    assert!(text.starts_with("HTTP/1.1 200") && text.contains(ON), "{text}");
}

#[test]
fn connections_beyond_the_limit_wait_for_others_to_end() {
    let (_dir, served) = serve(ON, Limits::default().header_timeout(LONG).max_connections(2));
    let first = [connect(&served, ""), connect(&served, "GET ")];
    let waiting: Vec<TcpStream> = (0..20).map(|_| connect(&served, REQUEST)).collect();
    assert!(waiting.iter().all(is_silent), "the server has accepted more than two connections");
    drop(first);
    for mut stream in waiting {
        let mut start = [0; 12];
        stream.read_exact(&mut start).expect("a response");
        assert_eq!(&start, b"HTTP/1.1 200");
    }
}

#[test]
fn silent_connections_do_not_keep_others_out_for_ever() {
    let (_dir, served) = serve(ON, Limits::default().header_timeout(SHORT).max_connections(2));
    let _silent = [connect(&served, ""), connect(&served, "GET ")];
    assert_eq!(served.get("/flags").text(), ON);
}

#[test]
fn a_client_that_does_not_read_is_closed_after_the_write_timeout() {
    // More than the buffers of two sockets hold.
    let large = ON.to_owned() + &"# padding padding padding padding\n".repeat(200_000);
    let limits = Limits::default().header_timeout(LONG).write_timeout(SHORT).max_connections(1);
    let (_dir, served) = serve(&large, limits);
    let idle = connect(&served, REQUEST);
    // Only one connection is served at a time.
    assert!(served.get("/flags").text() == large);
    drop(idle);
}

#[test]
fn streams_beyond_the_limit_are_refused_and_documents_are_served() {
    let (dir, served) = serve(ON, Limits::default().max_streams(2));
    let mut streams: Vec<Events> = (0..2).map(|_| Events::open(served.address, "/events", &[])).collect();
    for stream in &mut streams {
        assert_eq!(stream.next().expect("an event").data, ON);
    }
    for path in ["/events", "/flags"] {
        let refused = served.request("GET", path, &[("accept", "text/event-stream")]);
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("60")), "{path}");
        assert_eq!((refused.header("vary"), refused.header("cache-control")), (Some("accept"), Some("no-cache")));
    }
    assert_eq!(served.get("/flags").text(), ON);
    // A stream that ends makes room for another. The server notices the end when it sends something.
    streams.pop();
    let mut number = 0;
    wait_until("room for a stream", || {
        number += 1;
        dir.replace("flags.toml", format!("[flags]\na = true\n# {number}\n"));
        Events::open(served.address, "/events", &[]).status == 200
    });
}

#[test]
fn a_stream_ends_after_its_lifetime() {
    let (_dir, served) = serve(ON, Limits::default().stream_lifetime(SHORT));
    let mut stream = Events::open(served.address, "/events", &[]);
    assert_eq!(stream.next().expect("an event").data, ON);
    assert_eq!(stream.next(), None, "the proper end");
    // Another one begins with the document.
    assert_eq!(Events::open(served.address, "/events", &[]).next().expect("an event").data, ON);
}

#[test]
fn a_body_without_end_is_not_read() {
    let (_dir, served) = serve(ON, Limits::default());
    for head in [
        "POST /flags HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
        "GET /flags HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000000\r\n\r\n",
        "PUT /other HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000000\r\n\r\n",
    ] {
        let mut stream = connect(&served, head);
        stream.set_write_timeout(Some(DEADLINE)).expect("a valid timeout");
        let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
        let mut sent = 0;
        while stream.write_all(chunk.as_bytes()).is_ok() {
            sent += chunk.len();
            assert!(sent < 1 << 30, "{head}");
        }
    }
    assert_eq!(served.get("/flags").text(), ON);
}

#[test]
fn headers_without_end_are_refused() {
    let (_dir, served) = serve(ON, Limits::default());
    for header in
        [format!("x: {}\r\n", "x".repeat(100)), format!("x: {}\r\n", "x".repeat(10_000)), "x: y\r\n".to_owned()]
    {
        let mut stream = connect(&served, "GET /flags HTTP/1.1\r\nhost: x\r\n");
        stream.set_write_timeout(Some(DEADLINE)).expect("a valid timeout");
        let mut sent = 0;
        while stream.write_all(header.as_bytes()).is_ok() {
            sent += header.len();
            assert!(sent < 64 << 20, "{sent} bytes of headers were read");
        }
    }
    assert_eq!(served.get("/flags").text(), ON);
}
