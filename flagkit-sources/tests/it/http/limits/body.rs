//! An endless or far too large body causes an error, costs little memory, and changes no flag.

use std::io::Write as _;

use crate::support::flood::{CHUNKED, EVIL, GOOD, GROWTH, HEAD, Scenario, TOO_LARGE, pour};
use crate::support::memory::Baseline;
use crate::support::stub::{self, Stub, chunk, document, eager};
use crate::support::{in_own_process, is_on, last_error, status, wait_until};

#[test]
fn a_gigabyte_that_is_announced_is_cut_off() {
    Scenario::new(module_path!(), "a_gigabyte_that_is_announced_is_cut_off", TOO_LARGE).run(|stream| {
        stream.write_all(format!("{HEAD}content-length: {}\r\n\r\n{EVIL}", 1 << 30).as_bytes())?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn a_gigabyte_in_chunks_is_cut_off() {
    Scenario::new(module_path!(), "a_gigabyte_in_chunks_is_cut_off", TOO_LARGE).run(|stream| {
        stream.write_all(format!("{HEAD}{CHUNKED}{}", chunk(EVIL)).as_bytes())?;
        pour(stream, chunk(&"x".repeat(5_000)).as_bytes(), 1 << 30)
    });
}

#[test]
fn a_gigabyte_in_one_chunk_is_cut_off() {
    Scenario::new(module_path!(), "a_gigabyte_in_one_chunk_is_cut_off", TOO_LARGE).run(|stream| {
        stream.write_all(format!("{HEAD}{CHUNKED}{:x}\r\n{EVIL}", u64::MAX).as_bytes())?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn chunks_of_a_byte_are_cut_off() {
    // The limits on contents and on all bytes are reached at almost the same time.
    let expected = &["more than 65536 bytes", "more than 393216 bytes with chunks and trailers"];
    let scenario = Scenario::either(module_path!(), "chunks_of_a_byte_are_cut_off", expected);
    scenario.with(|http| http.max_len(1 << 16)).run(|stream| {
        stream.write_all(format!("{HEAD}{CHUNKED}{}", chunk(EVIL)).as_bytes())?;
        pour(stream, chunk("x").as_bytes(), 1 << 30)
    });
}

/// The contents are within the limit, and their framing is not.
#[test]
fn chunks_of_a_byte_count_with_their_framing() {
    let name = "chunks_of_a_byte_count_with_their_framing";
    let scenario = Scenario::new(module_path!(), name, "more than 786432 bytes with chunks and trailers");
    scenario.with(|http| http.max_len(1 << 18)).run(|stream| {
        stream.write_all(format!("{HEAD}{CHUNKED}{}", chunk(EVIL)).as_bytes())?;
        pour(stream, chunk("x").as_bytes(), u64::MAX)
    });
}

#[test]
fn chunk_extensions_count() {
    let name = "chunk_extensions_count";
    let scenario = Scenario::new(module_path!(), name, "more than 786432 bytes with chunks and trailers");
    scenario.with(|http| http.max_len(1 << 18)).run(|stream| {
        stream.write_all(format!("{HEAD}{CHUNKED}{}", chunk(EVIL)).as_bytes())?;
        pour(stream, b"1;xxxxx\r\nx\r\n", u64::MAX)
    });
}

#[test]
fn a_gigabyte_that_is_not_announced_is_cut_off() {
    let name = "a_gigabyte_that_is_not_announced_is_cut_off";
    Scenario::new(module_path!(), name, "neither Content-Length nor chunked encoding").run(|stream| {
        stream.write_all(format!("{HEAD}\r\n{EVIL}").as_bytes())?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn a_length_beyond_all_memory_takes_no_memory() {
    let name = "a_length_beyond_all_memory_takes_no_memory";
    Scenario::new(module_path!(), name, "the response is truncated")
        .run(|stream| stream.write_all(format!("{HEAD}content-length: {}\r\n\r\n{EVIL}", u64::MAX).as_bytes()));
}

#[test]
fn a_byte_more_than_the_limit_is_too_much() {
    Scenario::new(module_path!(), "a_byte_more_than_the_limit_is_too_much", TOO_LARGE).run(|stream| {
        let document = EVIL.to_owned() + &"x".repeat((8 << 20) + 1 - EVIL.len());
        stream.write_all(format!("{HEAD}content-length: {}\r\n\r\n{document}", document.len()).as_bytes())
    });
}

#[test]
fn the_size_of_a_chunk_without_end_is_cut_off() {
    Scenario::new(module_path!(), "the_size_of_a_chunk_without_end_is_cut_off", "not HTTP").run(|stream| {
        stream.write_all(format!("{HEAD}{CHUNKED}{}1;", chunk(EVIL)).as_bytes())?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn an_error_page_without_end_is_not_read() {
    Scenario::new(module_path!(), "an_error_page_without_end_is_not_read", "answered 500").run(|stream| {
        stream.write_all(format!("HTTP/1.1 500 No\r\n{CHUNKED}").as_bytes())?;
        pour(stream, chunk(&"x".repeat(5_000)).as_bytes(), 1 << 30)
    });
}

#[test]
fn a_redirect_with_a_page_without_end_is_not_read() {
    let scenario = Scenario::new(module_path!(), "a_redirect_with_a_page_without_end_is_not_read", "answered 302");
    scenario.with(|http| http.follow_redirects(true)).run(|stream| {
        stream.write_all(format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.2:1/\r\n{CHUNKED}").as_bytes())?;
        pour(stream, chunk(&"x".repeat(5_000)).as_bytes(), 1 << 30)
    });
}

/// Bytes after the end of a response are not the response to the next request.
#[test]
fn bytes_after_the_length_are_not_read() {
    if !in_own_process(module_path!(), "bytes_after_the_length_are_not_read") {
        return;
    }
    let stub = Stub::new(|request, stream| {
        if request.is_stream_request() {
            return false;
        }
        let good = document("v1", GOOD);
        let evil = document("v2", EVIL);
        let _ = stream.write_all(good.as_bytes()).and_then(|()| pour(stream, evil.as_bytes(), 1 << 30));
        false
    });
    let guard = stub::start(eager(&stub.url()));
    let memory = Baseline::peak();
    wait_until("some polls", || {
        assert!(!is_on(&guard, "evil") && is_on(&guard, "a"));
        status(&guard).unchanged + status(&guard).failures >= 10
    });
    assert_eq!(status(&guard).loads, 1);
    // The connections that follow grow as well, within their own limits.
    memory.assert_growth_within(2 * GROWTH, "ten polls");
}

/// This holds for each framing. The client reads the framing to its end; only that proves that the document is
/// complete.
#[test]
fn a_document_of_the_limit_is_taken_and_one_of_a_byte_more_is_not() {
    const LIMIT: usize = 1_000;
    let document = |len: usize| EVIL.to_owned() + &"x".repeat(len - EVIL.len());
    let with_length = |text: &str| format!("{HEAD}content-length: {}\r\n\r\n{text}", text.len());
    let in_chunks = |text: &str| {
        let chunks: String = text.as_bytes().chunks(99).map(|part| chunk(&String::from_utf8_lossy(part))).collect();
        format!("{HEAD}{CHUNKED}{chunks}0\r\n\r\n")
    };
    let start_with = |answer: &str, stays: bool| {
        let answer = answer.to_owned();
        let stub = Stub::new(move |_, stream| stream.write_all(answer.as_bytes()).is_ok() && stays);
        let guard = stub::start(eager(&stub.url()).stream(false).max_len(LIMIT as u64));
        (is_on(&guard, "evil"), last_error(&guard).unwrap_or_default())
    };
    for len in [LIMIT - 1, LIMIT, LIMIT + 1] {
        for answer in [with_length(&document(len)), in_chunks(&document(len))] {
            let (is_taken, error) = start_with(&answer, true);
            assert_eq!(is_taken, len <= LIMIT, "{len}: {error}");
            assert_eq!(error.contains("more than 1000 bytes"), len > LIMIT, "{len}: {error}");
        }
        let chunks = in_chunks(&document(len));
        let (is_taken, _) = start_with(chunks.strip_suffix("0\r\n\r\n").expect("the end"), false);
        assert!(!is_taken, "{len} without an end");
    }
}
