//! A response that is cut anywhere, in any framing, compressed or not, changes no flag. Only a complete response
//! counts.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::stub::{Stub, answer, document, eager, start};
use crate::support::{self, Changes, is_on, last_error, status, wait_until};
use flagkit_sources::{Http, Retry};

/// Each line is a flag, so most cuts leave a valid document with fewer flags.
const WHOLE: &str = "[flags]\na = true\nb = true\nc = true\nd = true\n";
const FIRST: &str = "[flags]\nfirst = true\n";

/// Each response has its own connection. A kept connection that closes during the next request would be a different
/// failure.
const TOML: &str = "content-type: application/toml\r\nconnection: close\r\n";
const GZIP: &str = "content-type: application/toml\r\nconnection: close\r\ncontent-encoding: gzip\r\n";

/// The retries are as fast as possible, because each of the hundreds of cuts is a failure.
fn impatient(url: &str) -> Http {
    let mut retry = Retry::default();
    let immediately = Duration::from_millis(1);
    (retry.transient, retry.permanent) = ((immediately, immediately), (immediately, immediately));
    eager(url).poll_every(Duration::from_millis(10)).retry(retry).stream(false)
}

fn with_length(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Chunks may end in the middle of a line.
fn in_chunks(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut all = format!("HTTP/1.1 200 OK\r\n{headers}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for part in body.chunks(17) {
        all.extend(format!("{:x}\r\n", part.len()).bytes());
        all.extend(part);
        all.extend(b"\r\n");
    }
    all.extend(b"0\r\n\r\n");
    all
}

fn to_the_close(headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes(), body].concat()
}

/// One gzip member with stored blocks of a few bytes each (RFC 1951, 3.2.4; RFC 1952, 2.3). If it is cut between
/// blocks, the beginning can be decompressed.
fn gzip(body: &[u8]) -> Vec<u8> {
    let mut all = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];
    let blocks = body.chunks(10);
    let last = blocks.len() - 1;
    for (index, block) in blocks.enumerate() {
        let len = u16::try_from(block.len()).expect("short");
        all.push(u8::from(index == last));
        all.extend(len.to_le_bytes());
        all.extend((!len).to_le_bytes());
        all.extend(block);
    }
    all.extend(crc32(body).to_le_bytes());
    all.extend(u32::try_from(body.len()).expect("short").to_le_bytes());
    all
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// Every prefix of `answer` that is shorter than `end`.
fn cuts(answer: &[u8], end: usize) -> Vec<Vec<u8>> {
    (0..end).map(|end| answer[..end].to_vec()).collect()
}

/// The cuts at which something is missing. A chunked response is complete after the final `0`; the blank line after it
/// adds nothing.
fn incomplete(answer: &[u8]) -> Vec<Vec<u8>> {
    let rest = if answer.ends_with(b"\r\n0\r\n\r\n") { 2 } else { 0 };
    cuts(answer, answer.len() - rest)
}

/// Serves a valid document, then each of these cut responses, and then `whole`. Expects that no cut response has any
/// effect, and that `whole` counts.
fn assert_refused(what: &str, invalid: Vec<Vec<u8>>, whole: Vec<u8>) {
    let count = invalid.len();
    assert!(count > 20, "{what}: {count} answers show little");
    let turn = AtomicUsize::new(0);
    let stub = Stub::new(move |_, stream| {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        match turn.checked_sub(1).map(|turn| invalid.get(turn)) {
            None => stream.write_all(document("first", FIRST).as_bytes()).is_ok(),
            Some(Some(cut)) => {
                let _ = stream.write_all(cut);
                false
            }
            Some(None) => stream.write_all(&whole).is_ok(),
        }
    });
    let guard = start(impatient(&stub.url()));
    let changes = Changes::of(&guard);
    assert!(is_on(&guard, "first"));
    wait_until(&format!("{what}: the whole document after {count} invalid answers"), || {
        assert!(is_on(&guard, "first") || is_on(&guard, "d"), "{what}: {:?}", status(&guard));
        is_on(&guard, "d")
    });
    wait_until("the subscriber", || changes.count() > 0);
    let status = status(&guard);
    assert_eq!((status.loads, status.failures), (2, count as u64), "{what}: {status:?}");
    assert_eq!((changes.count(), guard.flags().snapshot().revision()), (1, 2), "{what}");
    // No cut response changed the ETag that the next request sends.
    let polls = stub.polls();
    assert!(polls.iter().skip(1).take(count).all(|poll| poll.header("if-none-match") == Some("\"first\"")), "{what}");
}

#[test]
fn cut_anywhere_an_answer_with_a_length_is_refused() {
    let whole = with_length(TOML, WHOLE.as_bytes());
    assert_refused("plain", incomplete(&whole), whole);
    let whole = with_length(GZIP, &gzip(WHOLE.as_bytes()));
    assert_refused("gzip", incomplete(&whole), whole);
}

#[test]
fn cut_anywhere_an_answer_in_chunks_is_refused() {
    let whole = in_chunks(TOML, WHOLE.as_bytes());
    assert_refused("plain", incomplete(&whole), whole);
    let whole = in_chunks(GZIP, &gzip(WHOLE.as_bytes()));
    assert_refused("gzip", incomplete(&whole), whole);
}

#[test]
fn an_answer_that_ends_with_the_connection_is_refused_cut_or_not() {
    for (headers, body) in [(TOML, WHOLE.as_bytes().to_vec()), (GZIP, gzip(WHOLE.as_bytes()))] {
        let unending = to_the_close(headers, &body);
        assert_refused(headers, cuts(&unending, unending.len() + 1), with_length(headers, &body));
    }
    // HTTP/1.0 has no other framing.
    let unending = String::from_utf8(to_the_close(TOML, WHOLE.as_bytes())).expect("text").replace("/1.1", "/1.0");
    let cuts = cuts(unending.as_bytes(), unending.len() + 1);
    assert_refused("HTTP/1.0", cuts, with_length(TOML, WHOLE.as_bytes()));
}

/// This response is not chunked, whatever its header says. HTTP/1.0 has no chunks, so it ends with the connection.
#[test]
fn an_old_answer_that_calls_itself_chunked_is_refused_cut_or_not() {
    let headers = format!("{TOML}transfer-encoding: chunked\r\n");
    let unending = String::from_utf8(to_the_close(&headers, WHOLE.as_bytes())).expect("text").replace("/1.1", "/1.0");
    let cuts = cuts(unending.as_bytes(), unending.len() + 1);
    assert_refused("HTTP/1.0 in chunks", cuts, with_length(TOML, WHOLE.as_bytes()));
}

#[test]
fn the_error_explains_why_an_answer_that_ends_with_the_connection_is_refused() {
    let stub = Stub::new(|_, stream| {
        let _ = stream.write_all(&to_the_close(TOML, WHOLE.as_bytes()));
        false
    });
    let guard = start(impatient(&stub.url()));
    assert!(!is_on(&guard, "a"));
    let error = last_error(&guard).expect("an error");
    assert!(error.contains("neither Content-Length nor chunked encoding"), "{error}");
}

#[test]
fn half_of_a_compressed_document_is_refused_in_a_whole_answer() {
    let body = gzip(WHOLE.as_bytes());
    let whole = with_length(GZIP, &body);
    // The end of the range is included: an empty response is rejected as an empty document.
    let cuts = |frame: fn(&str, &[u8]) -> Vec<u8>| (1..body.len()).map(|end| frame(GZIP, &body[..end])).collect();
    assert_refused("with a length", cuts(with_length), whole.clone());
    assert_refused("in chunks", cuts(in_chunks), whole);
}

#[test]
fn a_compressed_document_with_wrong_checksums_is_refused() {
    let body = gzip(WHOLE.as_bytes());
    let flipped = |at: usize| {
        let mut body = body.clone();
        body[at] ^= 1;
        body
    };
    // Only these three bytes of the header can be invalid.
    let meaningful = (0..3).chain(10..body.len());
    let mut invalid: Vec<_> = meaningful.map(|at| with_length(GZIP, &flipped(at))).collect();
    let behind: [&[u8]; 3] = [b"x", b"garbage behind the end", &body[..body.len() - 1]];
    invalid.extend(behind.map(|behind| with_length(GZIP, &[&*body, behind].concat())));
    assert_refused("a bit", invalid, with_length(GZIP, &body));
}

#[test]
fn a_whole_answer_counts_however_it_is_framed() {
    let (plain, compressed) = (WHOLE.as_bytes().to_vec(), gzip(WHOLE.as_bytes()));
    let (front, back) = WHOLE.as_bytes().split_at(20);
    let members = [gzip(front), gzip(back)].concat();
    let mut unfinished = in_chunks(TOML, &plain);
    unfinished.truncate(unfinished.len() - 2);
    let shouted = String::from_utf8(in_chunks(TOML, &plain)).expect("text").replace(": chunked", ": CHUNKED");
    let trailed = String::from_utf8(in_chunks(TOML, &plain)).expect("text").replace("\r\n0\r\n", "\r\n0\r\nx: y\r\n");
    let wholes = [
        with_length(TOML, &plain),
        in_chunks(TOML, &plain),
        with_length(GZIP, &compressed),
        in_chunks(GZIP, &compressed),
        // Several members form one text (RFC 1952, 2.2).
        with_length(GZIP, &members),
        with_length(&format!("{TOML}content-encoding: X-GZIP\r\n"), &compressed),
        with_length(&format!("{TOML}content-encoding: identity\r\n"), &plain),
        unfinished,
        shouted.into_bytes(),
        trailed.into_bytes(),
        answer("200 OK", TOML, WHOLE).replace("HTTP/1.1", "HTTP/1.0").into_bytes(),
    ];
    for whole in wholes {
        let shown = String::from_utf8_lossy(&whole).into_owned();
        let stub = Stub::new(move |_, stream| {
            let _ = stream.write_all(&whole);
            false
        });
        let guard = start(impatient(&stub.url()));
        assert!(["a", "b", "c", "d"].iter().all(|key| is_on(&guard, key)), "{shown}\n{:?}", last_error(&guard));
    }
}

#[test]
fn a_stream_that_is_cut_in_an_event_delivers_nothing_of_it() {
    let event = support::stub::event("whole", WHOLE);
    let count = event.len();
    let turn = AtomicUsize::new(0);
    let stub = Stub::new(move |request, stream| {
        if !request.is_stream_request() {
            return stream.write_all(document("first", FIRST).as_bytes()).is_ok();
        }
        let cut = turn.fetch_add(1, Ordering::SeqCst).min(count);
        let _ = stream.write_all(support::stub::STREAM.as_bytes());
        // The framing is complete; only the end of the event is missing.
        let _ = stream.write_all(support::stub::chunk(&event[..cut]).as_bytes());
        // With a complete event the stream stays open, so that no poll reverts it.
        cut == count
    });
    let guard = start(impatient(&stub.url()).stream(true));
    let changes = Changes::of(&guard);
    wait_until("the whole event", || is_on(&guard, "d"));
    assert!(!is_on(&guard, "first"));
    wait_until("the subscriber", || changes.count() > 0);
    assert_eq!(changes.count(), 1);
    assert_eq!(status(&guard).loads, 2);
}
