//! Endless or far too large headers and trailers cause an error, cost little memory, and change no flag.

use std::io::Write as _;

use crate::support::flood::{CHUNKED, EVIL, GOOD, HEAD, Scenario, pour};
use crate::support::stub::{self, Stub, chunk, document, eager};
use crate::support::{is_on, status, wait_until};

#[test]
fn a_header_of_64_kib_is_cut_off() {
    let name = "a_header_of_64_kib_is_cut_off";
    Scenario::new(module_path!(), name, "more than 32768 bytes of headers").run(|stream| {
        let body = EVIL;
        let head = format!("{HEAD}x: {}\r\ncontent-length: {}\r\n\r\n{body}", "x".repeat(64 << 10), body.len());
        stream.write_all(head.as_bytes())
    });
}

#[test]
fn headers_of_64_kib_together_are_cut_off() {
    let name = "headers_of_64_kib_together_are_cut_off";
    Scenario::new(module_path!(), name, "more than 32768 bytes of headers").run(|stream| {
        let body = EVIL;
        let headers = format!("x: {}\r\n", "x".repeat(1 << 10)).repeat(64);
        stream.write_all(format!("{HEAD}{headers}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())
    });
}

#[test]
fn a_header_without_end_is_cut_off() {
    let name = "a_header_without_end_is_cut_off";
    Scenario::new(module_path!(), name, "more than 32768 bytes of headers").run(|stream| {
        stream.write_all(format!("{HEAD}x: ").as_bytes())?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn headers_without_end_are_cut_off() {
    // There are too many headers before they are too long.
    Scenario::new(module_path!(), "headers_without_end_are_cut_off", "not HTTP").run(|stream| {
        stream.write_all(HEAD.as_bytes())?;
        pour(stream, b"x: y\r\n", 1 << 30)
    });
}

#[test]
fn a_first_line_without_end_is_cut_off() {
    let name = "a_first_line_without_end_is_cut_off";
    Scenario::new(module_path!(), name, "more than 32768 bytes of headers").run(|stream| {
        stream.write_all(b"HTTP/1.1 200 ")?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn preliminary_answers_without_end_are_cut_off() {
    let name = "preliminary_answers_without_end_are_cut_off";
    Scenario::either(
        module_path!(),
        name,
        &["more than 32768 bytes of headers", "more than 262144 bytes without a response"],
    )
    .run(|stream| pour(stream, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n", u64::MAX));
}

#[test]
fn trailers_without_end_are_cut_off() {
    let name = "trailers_without_end_are_cut_off";
    Scenario::new(module_path!(), name, "more than 17039360 bytes with chunks and trailers").run(|stream| {
        stream.write_all(format!("{HEAD}{CHUNKED}{}0\r\n", chunk(EVIL)).as_bytes())?;
        pour(stream, b"x: y\r\n", u64::MAX)
    });
}

#[test]
fn headers_without_end_are_cut_off_at_a_stream_too() {
    // It is a warning there, because the polls continue.
    let stub = Stub::new(|request, stream| {
        if !request.is_stream_request() {
            return stream.write_all(document("v1", GOOD).as_bytes()).is_ok();
        }
        let _ = stream.write_all(b"HTTP/1.1 200 ").and_then(|()| pour(stream, b"x", 1 << 30));
        false
    });
    let guard = stub::start(eager(&stub.url()));
    wait_until("the warning", || {
        status(&guard).warnings.iter().any(|warning| warning.contains("more than 32768 bytes of headers"))
    });
    assert!(is_on(&guard, "a"));
    assert_eq!(status(&guard).failures, 0);
}
