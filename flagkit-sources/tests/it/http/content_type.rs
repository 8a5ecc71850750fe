//! A response that is not a flag document is an error and changes nothing. The content type or the file name identifies
//! a document.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::stub::{Stub, answer, document, eager, start};
use crate::support::{Changes, DEADLINE, is_on, last_error, status, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::document::Format;
use flagkit_sources::{Builder, Guard, Http, OnFailedStart, Retry};

const GOOD: &str = "[flags]\na = true\n";
const AFTER: &str = "[flags]\na = true\nafter = true\n";
const EVIL: &str = "[flags]\nevil = true\n";
const TOML: &str = "content-type: application/toml\r\n";
const LOGIN: &str = "<!DOCTYPE html>\n<html><body><form action=\"/login\">Please log in</form></body></html>\n";

/// A server with a response that the test can change.
struct Server {
    stub: Stub,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    fn responding(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(Mutex::new(answer.into()));
        let current = Arc::clone(&answer);
        let stub = Stub::new(move |_, stream| {
            let answer = current.lock().expect("no panic").clone();
            stream.write_all(&answer).is_ok()
        });
        Self { stub, answer }
    }

    fn set_response(&self, answer: impl Into<Vec<u8>>) {
        *self.answer.lock().expect("no panic") = answer.into();
    }

    /// A source that polls only on request.
    fn patient(&self) -> Http {
        let mut retry = Retry::default();
        let long = Duration::from_secs(1_000);
        (retry.transient, retry.permanent) = ((long, long), (long, long));
        eager(&self.stub.url()).poll_every(long).stream(false).retry(retry)
    }
}

/// Makes the source poll, and waits until it is idle again.
fn poll_now(guard: &Guard) {
    wait_until("the source to wait", || status(guard).next_try.is_some());
    let before = status(guard).next_try;
    guard.reload();
    wait_until("the source to poll", || status(guard).next_try.is_some_and(|next| Some(next) != before));
}

/// A response with these bytes as its body, and these headers.
fn bytes(headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// Tests the response in the middle of valid ones, and as the first one.
fn assert_refused(what: &str, invalid: impl Into<Vec<u8>>, expected: &str) {
    let invalid = invalid.into();
    let server = Server::responding(document("v1", GOOD));
    let guard = start(server.patient());
    let changes = Changes::of(&guard);
    assert!(is_on(&guard, "a"));
    server.set_response(&*invalid);
    for refusals in 1..=2 {
        poll_now(&guard);
        let status = status(&guard);
        assert_eq!((status.state, status.failures, status.loads), (SourceState::Stale, refusals, 1), "{what}");
        let error = status.last_error.expect("an error").to_string();
        assert!(error.contains(expected), "{what}: {error}");
        assert!(is_on(&guard, "a") && !is_on(&guard, "evil"), "{what}");
    }
    assert_eq!((changes.count(), guard.flags().snapshot().revision()), (0, 1), "{what}");
    server.set_response(document("v2", AFTER));
    poll_now(&guard);
    assert!(is_on(&guard, "after"), "{what}: not repaired: {:?}", last_error(&guard));
    assert_eq!((status(&guard).state, last_error(&guard)), (SourceState::Fresh, None), "{what}");

    server.set_response(invalid);
    let builder = || Builder::new().source(server.patient()).startup_timeout(DEADLINE);
    let error = builder().when_invalid(OnFailedStart::Fail).start().expect_err(what).to_string();
    assert!(error.contains(expected), "{what}: {error}");
    let guard = builder().when_invalid(OnFailedStart::StayDark).start().expect("starts dark");
    assert_eq!((status(&guard).state, guard.flags().snapshot().revision()), (SourceState::Waiting, 0), "{what}");
    server.set_response(document("v2", AFTER));
    poll_now(&guard);
    assert!(is_on(&guard, "after"), "{what}: not repaired: {:?}", last_error(&guard));
}

#[test]
fn a_page_is_no_document() {
    let kind = "by its content type";
    for html in ["text/html", "text/html; charset=utf-8", "TEXT/HTML", "application/xhtml+xml"] {
        assert_refused(html, answer("200 OK", &format!("content-type: {html}\r\n"), LOGIN), kind);
        // The text of the page does not matter.
        assert_refused(html, answer("200 OK", &format!("content-type: {html}\r\n"), EVIL), kind);
    }
    // A page with another content type is not a document either.
    for toml in [TOML, "content-type: text/plain\r\n", "content-type: application/octet-stream\r\n", ""] {
        assert_refused(toml, answer("200 OK", toml, LOGIN), "not well-formed TOML");
    }
    assert_refused("json", answer("200 OK", "content-type: application/json\r\n", LOGIN), "JSON");
}

#[test]
fn nothing_is_no_document() {
    for nothing in ["", " ", "\n", "\r\n\r\n", " \t\n \n", "# no flag\n", "\u{feff}"] {
        for kind in [TOML, ""] {
            assert_refused(&format!("{nothing:?}"), answer("200 OK", kind, nothing), "");
        }
        if !nothing.contains('#') {
            assert_refused(nothing, answer("200 OK", "content-type: application/json\r\n", nothing), "");
        }
    }
    assert_refused("no chunk", format!("HTTP/1.1 200 OK\r\n{TOML}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"), "");
    for json in ["{}", "null", "[]", "\"flags\"", "0"] {
        assert_refused(json, answer("200 OK", "content-type: application/json\r\n", json), "");
    }
    assert_refused("no flags", answer("200 OK", TOML, "[meta]\n"), "`flags`");
}

#[test]
fn a_success_of_another_kind_is_no_document() {
    assert_refused("201", answer("201 Created", TOML, EVIL), "answered 201");
    assert_refused("202", answer("202 Accepted", TOML, EVIL), "answered 202");
    assert_refused("203", answer("203 Non-Authoritative Information", TOML, EVIL), "answered 203");
    assert_refused("204", format!("HTTP/1.1 204 No Content\r\n{TOML}\r\n"), "answered 204");
    assert_refused("205", answer("205 Reset Content", TOML, EVIL), "answered 205");
    let part = format!("{TOML}content-range: bytes 0-19/999\r\n");
    assert_refused("206", answer("206 Partial Content", &part, EVIL), "answered 206");
}

#[test]
fn a_response_of_another_type_is_no_document() {
    for kind in [
        "application/xml",
        "text/css",
        "text/event-stream",
        "multipart/form-data; boundary=x",
        "application/x-yaml",
        "application/jsonp",
        "application/toml-patch",
        "text/plainer",
        "application/octet-streams",
        "toml",
        "*/*",
        "application/gzip",
    ] {
        let error = "something other than TOML or JSON (by its content type)";
        assert_refused(kind, answer("200 OK", &format!("content-type: {kind}\r\n"), EVIL), error);
    }
}

#[test]
fn an_encoding_that_was_not_requested_is_refused() {
    for encoding in ["br", "zstd", "deflate", "compress", "gzip, gzip", "gzip, br", "br, gzip", "aws-chunked"] {
        let headers = format!("{TOML}content-encoding: {encoding}\r\n");
        assert_refused(encoding, answer("200 OK", &headers, EVIL), "an encoding that was not requested");
    }
    // The header claims compression, the body is not compressed.
    assert_refused("gzip", answer("200 OK", &format!("{TOML}content-encoding: gzip\r\n"), EVIL), "gzip");
    // The body is compressed, and no header declares it.
    assert_refused("raw gzip", bytes(TOML, &[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]), "UTF-8");
}

#[test]
fn unreadable_text_is_no_document() {
    assert_refused("no end", answer("200 OK", TOML, "[flags\na = false\n"), "1:1");
    assert_refused("JSON as TOML", answer("200 OK", TOML, "{\"flags\": {\"evil\": true}}"), "not well-formed TOML");
    assert_refused("TOML as JSON", answer("200 OK", "content-type: application/json\r\n", EVIL), "JSON");
    assert_refused("twice", answer("200 OK", TOML, "[flags]\nevil = true\nevil = false\n"), "3:1");
    assert_refused("a binary", bytes("", b"\x7FELF\x02\x01\x01\0\0"), "");
    assert_refused("no UTF-8", bytes(TOML, b"[flags]\nevil = true # \xE9\n"), "UTF-8");
    let utf_16 = |bytes_of: fn(u16) -> [u8; 2], mark| -> Vec<u8> {
        let units = std::iter::once(mark).chain(EVIL.encode_utf16());
        units.flat_map(bytes_of).collect()
    };
    assert_refused("UTF-16, little end first", bytes(TOML, &utf_16(u16::to_le_bytes, 0xFEFF)), "UTF-16");
    assert_refused("UTF-16, big end first", bytes(TOML, &utf_16(u16::to_be_bytes, 0xFEFF)), "UTF-16");
}

#[test]
fn a_response_that_is_not_http_is_no_document() {
    for (what, answer) in [
        ("TOML alone", EVIL.to_owned()),
        ("HTTP/0.9", format!("{LOGIN}{EVIL}")),
        ("a greeting", "220 mail.example.com ESMTP\r\n\r\n".to_owned()),
        (
            "an answer with two lengths",
            format!("HTTP/1.1 200 OK\r\ncontent-length: 9\r\ncontent-length: 21\r\n\r\n{EVIL}"),
        ),
        ("a negative length", format!("HTTP/1.1 200 OK\r\ncontent-length: -21\r\n\r\n{EVIL}")),
        ("a length beyond all", format!("HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\n{EVIL}")),
        (
            "a chunk of no size",
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n{EVIL}\r\n0\r\n\r\n"),
        ),
        ("a header without a name", format!("HTTP/1.1 200 OK\r\n: x\r\ncontent-length: 21\r\n\r\n{EVIL}")),
    ] {
        // The server closes the connection after each response, because these have no other end.
        let stub = Stub::new({
            let first = AtomicBool::new(true);
            move |request, stream| {
                let is_first = !request.is_stream_request() && first.swap(false, Ordering::SeqCst);
                let answer = if is_first { document("v1", GOOD) } else { answer.clone() };
                let _ = stream.write_all(answer.as_bytes());
                false
            }
        });
        let guard = start(eager(&stub.url()).stream(false));
        wait_until(what, || status(&guard).failures >= 2);
        assert!(is_on(&guard, "a") && !is_on(&guard, "evil"), "{what}");
        assert_eq!((status(&guard).state, status(&guard).loads), (SourceState::Stale, 1), "{what}");
    }
}

/// An invalid flag does not affect the others, as in a file.
#[test]
fn a_document_with_a_flag_that_is_not_understood_is_a_document() {
    let text = "[flags]\na = true\nb = \"perhaps\"\nafter = true\n";
    let server = Server::responding(document("v1", text));
    let guard = start(server.patient());
    assert!(is_on(&guard, "a") && is_on(&guard, "after") && !is_on(&guard, "b"));
    let status = status(&guard);
    assert_eq!((status.state, status.problems.len()), (SourceState::Fresh, 1));
}

const JSON: &str = "{\"flags\": {\"json\": true}}";
const BOTH: [(&str, &str); 2] = [("toml", "[flags]\ntoml = true\n"), ("json", JSON)];

/// Polls once for a document at this path, served with this type, if any. Returns the format that was accepted.
fn understood(path: &str, kind: Option<&str>, format: Option<Format>) -> Vec<&'static str> {
    let headers = kind.map(|kind| format!("content-type: {kind}\r\n")).unwrap_or_default();
    let mut all = Vec::new();
    for (key, text) in BOTH {
        let server = Server::responding(answer("200 OK", &headers, text));
        let mut http = eager(&format!("http://{}{path}", server.stub.address())).stream(false);
        if let Some(format) = format {
            http = http.format(format);
        }
        let guard = start(http);
        if is_on(&guard, key) {
            all.push(key);
        }
    }
    all
}

#[test]
fn the_type_goes_before_the_name_of_the_document() {
    let tomls = ["application/toml", "text/toml", "application/x-toml", "text/x-toml"];
    let jsons = ["application/json", "text/json"];
    let kinds = tomls.map(|kind| (kind, "toml")).into_iter().chain(jsons.map(|kind| (kind, "json")));
    for (kind, expected) in kinds {
        for kind in [
            kind.to_owned(),
            kind.to_ascii_uppercase(),
            format!("{kind}; charset=utf-8"),
            format!("{kind};charset=\"UTF-8\"; x=y"),
            format!("  {kind}  ; q"),
        ] {
            for path in ["/flags.toml", "/flags.json", "/flags", "/"] {
                assert_eq!(understood(path, Some(&kind), None), [expected], "{kind} at {path}");
            }
        }
    }
}

#[test]
fn without_a_specific_type_the_name_decides() {
    let vague = ["text/plain", "TEXT/PLAIN; charset=utf-8", "application/octet-stream", "binary/octet-stream"];
    for kind in vague.map(Some).into_iter().chain([None]) {
        for (path, expected) in [
            ("/flags.toml", "toml"),
            ("/flags.json", "json"),
            ("/flags.JSON", "json"),
            ("/flags", "toml"),
            ("/", "toml"),
            ("", "toml"),
            ("/flags.json/shop", "toml"),
            // The query is not part of the name.
            ("/flags?file=x.json", "toml"),
            ("/flags.json?file=x.toml", "json"),
            ("/flags.json#.toml", "json"),
        ] {
            assert_eq!(understood(path, kind, None), [expected], "{kind:?} at {path}");
        }
    }
}

#[test]
fn a_format_that_is_set_goes_before_both() {
    for (format, expected) in [(Format::Toml, "toml"), (Format::Json, "json")] {
        for kind in [None, Some("text/plain"), Some("application/toml"), Some("application/json")] {
            for path in ["/flags.toml", "/flags.json", "/flags"] {
                assert_eq!(understood(path, kind, Some(format)), [expected], "{kind:?} at {path}");
            }
        }
        // The name does not turn a page into a document.
        assert_eq!(understood("/flags.toml", Some("text/html"), Some(format)), [""; 0]);
    }
}

#[test]
fn the_request_lists_the_accepted_types() {
    let server = Server::responding(document("v1", GOOD));
    let guard = start(server.patient());
    assert!(is_on(&guard, "a"));
    let polls = server.stub.polls();
    let accept = polls[0].header("accept").expect("the accepted types");
    assert!(accept.contains("application/toml") && accept.contains("application/json"), "{accept}");
    assert_eq!(polls[0].header("accept-encoding"), Some("gzip"));
    assert!(polls[0].header("user-agent").is_some_and(|agent| agent.starts_with("flagkit/")));
}
