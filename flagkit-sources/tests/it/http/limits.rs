//! A server that sends an endless or far too large response causes an error, costs little memory, and changes no flag.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::stub::{self, STREAM, Stub, answer, chunk, document, eager};
use crate::support::{SOON, TestDir, in_a_child, is_on, last_error, status, wait_until};
use flagkit_core::Event;
use flagkit_sources::Http;

const GOOD: &str = "[flags]\na = true\n";
const AFTER: &str = "[flags]\na = true\nafter = true\n";
/// Every flood begins with this if it can. All that has arrived is thus a valid document at any time.
const EVIL: &str = "[flags]\nevil = true\n#";

const MIB: u64 = 1 << 20;
/// The limit covers 8 MiB of a document, the growing buffer, and the allocations of a first request.
const GROWTH: u64 = 24 * MIB;

/// Returns a value of this process from `/proc`, in bytes: its current or its peak memory.
#[cfg(target_os = "linux")]
fn memory(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|known| known.strip_prefix(line)?.strip_prefix(':'))?;
    Some(value.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
}

#[cfg(not(target_os = "linux"))]
fn memory(_: &str) -> Option<u64> {
    None
}

/// Writes the flood. Fails when the client has closed the connection.
type Flood = dyn Fn(&mut TcpStream) -> io::Result<()> + Send + Sync;

/// Floods one request of its kind after the child has sent "go". A stream request that comes earlier waits for "go".
/// All other requests get valid responses.
struct Flooder {
    flood: Box<Flood>,
    of_streams: bool,
    stage: AtomicUsize,
}

impl Flooder {
    fn handle(&self, request: &stub::Request, stream: &mut TcpStream) -> bool {
        if request.head.starts_with("GET /go ") {
            self.stage.store(1, Ordering::SeqCst);
            return stream.write_all(answer("200 OK", "", "").as_bytes()).is_ok();
        }
        if request.is_stream_request() && self.of_streams {
            wait_until("the child says go", || self.stage.load(Ordering::SeqCst) != 0);
        }
        if request.is_stream_request() == self.of_streams
            && self.stage.compare_exchange(1, 2, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        {
            let _ = (self.flood)(stream);
            return false;
        }
        let is_over = self.stage.load(Ordering::SeqCst) == 2;
        let good = if is_over { document("after", AFTER) } else { document("good", GOOD) };
        !request.is_stream_request() && stream.write_all(good.as_bytes()).is_ok()
    }
}

/// A test with its client in a child, so that the memory measured is the client's only.
struct Scenario {
    name: &'static str,
    /// The error contains any of these.
    expected: &'static [&'static str],
    of_streams: bool,
    configure: fn(Http) -> Http,
}

impl Scenario {
    fn new(name: &'static str, expected: &'static str) -> Self {
        Self::either(name, Box::leak(Box::new([expected])))
    }

    /// The limit that is reached first depends on how the bytes arrive.
    fn either(name: &'static str, expected: &'static [&'static str]) -> Self {
        Self { name, expected, of_streams: false, configure: |http| http }
    }

    fn of_streams(self) -> Self {
        Self { of_streams: true, ..self }
    }

    fn with(self, configure: fn(Http) -> Http) -> Self {
        Self { configure, ..self }
    }

    fn run(self, flood: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static) {
        if let Ok(address) = std::env::var("FLAGKIT_TEST_SERVER") {
            return self.be_flooded(address.parse().expect("an address"));
        }
        let flooder = Flooder { flood: Box::new(flood), of_streams: self.of_streams, stage: AtomicUsize::new(0) };
        let stub = Stub::new(move |request, stream| flooder.handle(request, stream));
        let address = stub.address().to_string();
        let folder = TestDir::new();
        let variables = [(OsStr::new("FLAGKIT_TEST_SERVER"), OsStr::new(&address))];
        in_a_child(module_path!(), self.name, &folder.path("."), &variables);
    }

    fn be_flooded(self, address: SocketAddr) {
        let before = memory("VmRSS");
        let http = eager(&format!("http://{address}/flags.toml")).stream(self.of_streams);
        let guard = stub::start((self.configure)(http));
        assert!(is_on(&guard, "a"), "{:?}", last_error(&guard));
        let errors = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&errors);
        let _subscription = guard.flags().subscribe(move |event| {
            let mut received = sink.lock().expect("no panic");
            match event {
                Event::LoadFailed(fault) => received.extend(fault.error.as_ref().map(ToString::to_string)),
                // A stream that has not begun causes a warning, because the polls continue.
                Event::WarningsChanged(warning) => received.extend(warning.warnings.iter().map(ToString::to_string)),
                _ => {}
            }
        });
        let started = Instant::now();
        let mut go = TcpStream::connect(address).expect("the server is there");
        go.write_all(b"GET /go HTTP/1.1\r\n\r\n").expect("the server listens");
        wait_until(self.expected[0], || {
            assert!(is_on(&guard, "a") && !is_on(&guard, "evil"));
            let errors = errors.lock().expect("no panic");
            // The first error is the one about the flood.
            errors.first().is_some_and(|fault| {
                assert!(self.expected.iter().any(|expected| fault.contains(expected)), "{errors:?}");
                true
            })
        });
        println!("cut off after {:?}", started.elapsed());
        wait_until("the next good answer", || is_on(&guard, "after"));
        assert!(is_on(&guard, "a") && !is_on(&guard, "evil"));
        if let (Some(before), Some(most)) = (before, memory("VmHWM")) {
            let growth = most.saturating_sub(before);
            println!("{} KiB more at the most", growth >> 10);
            assert!(growth <= GROWTH, "{} MiB more", growth / MIB);
        }
    }
}

/// Repeats a text until the client closes the connection, or `len` bytes were sent.
fn pour(stream: &mut TcpStream, text: &[u8], bytes: u64) -> io::Result<()> {
    let block = text.repeat((64 << 10) / text.len() + 1);
    for _ in 0..=bytes / block.len() as u64 {
        stream.write_all(&block)?;
    }
    Ok(())
}

/// A deflate encoder that uses the fixed codes (RFC 1951, 3.2.6).
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u8,
    count: u8,
}

impl Bits {
    /// Numbers begin with their lowest bit, codes with their highest.
    fn push(&mut self, bit: u16) {
        self.pending |= u8::from(bit & 1 == 1) << self.count;
        self.count += 1;
        if self.count == 8 {
            self.bytes.push(std::mem::take(&mut self.pending));
            self.count = 0;
        }
    }

    fn code(&mut self, code: u16, len: u8) {
        (0..len).rev().for_each(|at| self.push(code >> at));
    }

    fn literal(&mut self, byte: u8) {
        assert!(byte < 144, "longer codes are not needed");
        self.code(0x30 + u16::from(byte), 8);
    }
}

/// A gzip member that begins with a text, and then repeats its last byte at least `len` times.
fn bomb(text: &str, len: usize) -> Vec<u8> {
    let mut bits = Bits { bytes: vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255], ..Bits::default() };
    // The last block, with fixed codes.
    for bit in [1, 1, 0] {
        bits.push(bit);
    }
    text.bytes().for_each(|byte| bits.literal(byte));
    for _ in 0..16 {
        // 258 bytes equal to the previous one: length code 285, distance code 0.
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
    }
    // Eight times those 13 bits make 13 bytes, at any bit offset.
    let again = bits.bytes[bits.bytes.len() - 13..].repeat(len / (8 * 258) + 1);
    bits.bytes.extend(again);
    // The end of the block.
    bits.code(0, 7);
    (0..7).for_each(|_| bits.push(0));
    bits.bytes.extend([0; 8]);
    bits.bytes
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/toml\r\n";
const CHUNKED: &str = "transfer-encoding: chunked\r\n\r\n";
const GZIP: &str = "content-encoding: gzip\r\n";
const TOO_LARGE: &str = "more than 8388608 bytes";

#[test]
fn a_bomb_of_half_a_gigabyte_is_cut_off() {
    Scenario::new("a_bomb_of_half_a_gigabyte_is_cut_off", TOO_LARGE).run(|stream| {
        let bomb = bomb(EVIL, 512 << 20);
        // It is small enough to pass uncompressed.
        assert!(bomb.len() < 8 << 20);
        stream.write_all(format!("{HEAD}{GZIP}content-length: {}\r\n\r\n", bomb.len()).as_bytes())?;
        stream.write_all(&bomb)
    });
}

#[test]
fn a_bomb_in_chunks_is_cut_off() {
    Scenario::new("a_bomb_in_chunks_is_cut_off", TOO_LARGE).run(|stream| {
        stream.write_all(format!("{HEAD}{GZIP}{CHUNKED}").as_bytes())?;
        for part in bomb(EVIL, 512 << 20).chunks(10_000) {
            stream.write_all(format!("{:x}\r\n", part.len()).as_bytes())?;
            stream.write_all(part)?;
            stream.write_all(b"\r\n")?;
        }
        stream.write_all(b"0\r\n\r\n")
    });
}

#[test]
fn compressed_nothing_without_end_is_cut_off() {
    let scenario = Scenario::new("compressed_nothing_without_end_is_cut_off", "did not answer in time");
    scenario.with(|http| http.total_timeout(Duration::from_secs(1))).run(|stream| {
        stream.write_all(format!("{HEAD}{GZIP}content-length: {}\r\n\r\n", u64::MAX).as_bytes())?;
        // A member with one empty block of fixed codes. It holds nothing, and any number may follow each other.
        let nothing = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        pour(stream, &nothing, u64::MAX)
    });
}

#[test]
fn a_name_without_end_in_a_compressed_answer_is_cut_off() {
    Scenario::new("a_name_without_end_in_a_compressed_answer_is_cut_off", "gzip").run(|stream| {
        stream.write_all(format!("{HEAD}{GZIP}content-length: {}\r\n\r\n", 1 << 30).as_bytes())?;
        // Bit 3: the name of the file follows, up to a zero byte.
        stream.write_all(&[0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 255])?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn a_gigabyte_that_is_announced_is_cut_off() {
    Scenario::new("a_gigabyte_that_is_announced_is_cut_off", TOO_LARGE).run(|stream| {
        stream.write_all(format!("{HEAD}content-length: {}\r\n\r\n{EVIL}", 1 << 30).as_bytes())?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn a_gigabyte_in_chunks_is_cut_off() {
    Scenario::new("a_gigabyte_in_chunks_is_cut_off", TOO_LARGE).run(|stream| {
        stream.write_all(format!("{HEAD}{CHUNKED}{}", chunk(EVIL)).as_bytes())?;
        pour(stream, chunk(&"x".repeat(5_000)).as_bytes(), 1 << 30)
    });
}

#[test]
fn a_gigabyte_in_one_chunk_is_cut_off() {
    Scenario::new("a_gigabyte_in_one_chunk_is_cut_off", TOO_LARGE).run(|stream| {
        stream.write_all(format!("{HEAD}{CHUNKED}{:x}\r\n{EVIL}", u64::MAX).as_bytes())?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn chunks_of_a_byte_are_cut_off() {
    let scenario = Scenario::new("chunks_of_a_byte_are_cut_off", "more than 65536 bytes");
    scenario.with(|http| http.max_len(1 << 16)).run(|stream| {
        stream.write_all(format!("{HEAD}{CHUNKED}{}", chunk(EVIL)).as_bytes())?;
        pour(stream, chunk("x").as_bytes(), 1 << 30)
    });
}

#[test]
fn a_gigabyte_that_is_not_announced_is_cut_off() {
    let name = "a_gigabyte_that_is_not_announced_is_cut_off";
    Scenario::new(name, "neither Content-Length nor chunked encoding").run(|stream| {
        stream.write_all(format!("{HEAD}\r\n{EVIL}").as_bytes())?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn a_length_beyond_all_memory_takes_no_memory() {
    let name = "a_length_beyond_all_memory_takes_no_memory";
    Scenario::new(name, "the response is truncated")
        .run(|stream| stream.write_all(format!("{HEAD}content-length: {}\r\n\r\n{EVIL}", u64::MAX).as_bytes()));
}

#[test]
fn a_byte_more_than_the_limit_is_too_much() {
    Scenario::new("a_byte_more_than_the_limit_is_too_much", TOO_LARGE).run(|stream| {
        let document = EVIL.to_owned() + &"x".repeat((8 << 20) + 1 - EVIL.len());
        stream.write_all(format!("{HEAD}content-length: {}\r\n\r\n{document}", document.len()).as_bytes())
    });
}

#[test]
fn a_header_of_64_kib_is_cut_off() {
    let name = "a_header_of_64_kib_is_cut_off";
    Scenario::new(name, "more than 32768 bytes of headers").run(|stream| {
        let body = EVIL;
        let head = format!("{HEAD}x: {}\r\ncontent-length: {}\r\n\r\n{body}", "x".repeat(64 << 10), body.len());
        stream.write_all(head.as_bytes())
    });
}

#[test]
fn headers_of_64_kib_together_are_cut_off() {
    let name = "headers_of_64_kib_together_are_cut_off";
    Scenario::new(name, "more than 32768 bytes of headers").run(|stream| {
        let body = EVIL;
        let headers = format!("x: {}\r\n", "x".repeat(1 << 10)).repeat(64);
        stream.write_all(format!("{HEAD}{headers}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())
    });
}

#[test]
fn a_header_without_end_is_cut_off() {
    let name = "a_header_without_end_is_cut_off";
    Scenario::new(name, "more than 32768 bytes of headers").run(|stream| {
        stream.write_all(format!("{HEAD}x: ").as_bytes())?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn headers_without_end_are_cut_off() {
    // There are too many headers before they are too long.
    Scenario::new("headers_without_end_are_cut_off", "not HTTP").run(|stream| {
        stream.write_all(HEAD.as_bytes())?;
        pour(stream, b"x: y\r\n", 1 << 30)
    });
}

#[test]
fn a_first_line_without_end_is_cut_off() {
    let name = "a_first_line_without_end_is_cut_off";
    Scenario::new(name, "more than 32768 bytes of headers").run(|stream| {
        stream.write_all(b"HTTP/1.1 200 ")?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn preliminary_answers_without_end_are_cut_off() {
    let name = "preliminary_answers_without_end_are_cut_off";
    let scenario = Scenario::either(name, &["more than 32768 bytes of headers", "did not answer in time"]);
    scenario
        .with(|http| http.header_timeout(Duration::from_secs(1)))
        .run(|stream| pour(stream, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n", u64::MAX));
}

#[test]
fn the_size_of_a_chunk_without_end_is_cut_off() {
    Scenario::new("the_size_of_a_chunk_without_end_is_cut_off", "not HTTP").run(|stream| {
        stream.write_all(format!("{HEAD}{CHUNKED}{}1;", chunk(EVIL)).as_bytes())?;
        pour(stream, b"x", 1 << 30)
    });
}

#[test]
fn trailers_without_end_are_cut_off() {
    let scenario = Scenario::new("trailers_without_end_are_cut_off", "did not answer in time");
    scenario.with(|http| http.total_timeout(Duration::from_secs(1))).run(|stream| {
        stream.write_all(format!("{HEAD}{CHUNKED}{}0\r\n", chunk(EVIL)).as_bytes())?;
        pour(stream, b"x: y\r\n", u64::MAX)
    });
}

#[test]
fn an_error_page_without_end_is_not_read() {
    Scenario::new("an_error_page_without_end_is_not_read", "answered 500").run(|stream| {
        stream.write_all(format!("HTTP/1.1 500 No\r\n{CHUNKED}").as_bytes())?;
        pour(stream, chunk(&"x".repeat(5_000)).as_bytes(), 1 << 30)
    });
}

#[test]
fn a_redirect_with_a_page_without_end_is_not_read() {
    let scenario = Scenario::new("a_redirect_with_a_page_without_end_is_not_read", "answered 302");
    scenario.with(|http| http.follow_redirects(true)).run(|stream| {
        stream.write_all(format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.2:1/\r\n{CHUNKED}").as_bytes())?;
        pour(stream, chunk(&"x".repeat(5_000)).as_bytes(), 1 << 30)
    });
}

#[test]
fn a_line_without_end_ends_a_stream() {
    let scenario = Scenario::new("a_line_without_end_ends_a_stream", "a line of more than 1048576 bytes");
    scenario.of_streams().run(|stream| {
        stream
            .write_all(format!("{STREAM}{}", chunk("event: toml\ndata: [flags]\ndata: evil=true\ndata:")).as_bytes())?;
        pour(stream, chunk(&"x".repeat(5_000)).as_bytes(), 1 << 30)
    });
}

#[test]
fn an_event_without_end_ends_a_stream() {
    let scenario = Scenario::new("an_event_without_end_ends_a_stream", "an event of more than 8388608 bytes");
    scenario.of_streams().run(|stream| {
        stream.write_all(format!("{STREAM}{}", chunk("event: toml\ndata: [flags]\ndata: evil=true\n")).as_bytes())?;
        let line = format!("data: #{}\n", "x".repeat(1_000));
        pour(stream, chunk(&line.repeat(5)).as_bytes(), 1 << 30)
    });
}

#[test]
fn headers_without_end_are_cut_off_at_a_stream_too() {
    // It is a warning there, because the polls continue.
    let turn = AtomicUsize::new(0);
    let stub = Stub::new(move |request, stream| {
        if !request.is_stream_request() {
            return stream.write_all(document("v1", GOOD).as_bytes()).is_ok();
        }
        if turn.fetch_add(1, Ordering::SeqCst) == 0 {
            let _ = stream.write_all(b"HTTP/1.1 200 ").and_then(|()| pour(stream, b"x", 1 << 30));
        }
        false
    });
    let guard = stub::start(eager(&stub.url()));
    wait_until("the warning", || {
        status(&guard).warnings.iter().any(|warning| warning.contains("more than 32768 bytes of headers"))
    });
    assert!(is_on(&guard, "a"));
    assert_eq!(status(&guard).refusals, 0);
}

/// Heartbeats as fast as the server can send them.
#[test]
fn beats_without_end_neither_change_a_flag_nor_keep_a_drop_waiting() {
    let stub = Stub::new(|request, stream| {
        if !request.is_stream_request() {
            return stream.write_all(document("v1", GOOD).as_bytes()).is_ok();
        }
        let opening = format!("{STREAM}{}", chunk(&stub::event("v1", GOOD)));
        let _ = stream.write_all(opening.as_bytes()).and_then(|()| pour(stream, chunk(":\n\n").as_bytes(), u64::MAX));
        false
    });
    let guard = stub::start(eager(&stub.url()));
    wait_until("many beats", || status(&guard).confirmations > 10_000);
    assert_eq!((guard.flags().snapshot().revision(), status(&guard).refusals), (1, 0));
    assert!(guard.stop(SOON), "its thread is left");
}

/// Bytes after the end of a response are not the response to the next request.
#[test]
fn what_comes_behind_the_length_is_not_read() {
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
    let before = memory("VmHWM");
    wait_until("some polls", || {
        assert!(!is_on(&guard, "evil") && is_on(&guard, "a"));
        status(&guard).confirmations + status(&guard).refusals >= 10
    });
    assert_eq!(status(&guard).loads, 1);
    if let (Some(before), Some(after)) = (before, memory("VmHWM")) {
        // The other connections grow as well, within their own limits.
        assert!(after - before <= 2 * GROWTH);
    }
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

/// The checksums of a compressed document are checked even if it fills the limit exactly.
#[test]
fn a_compressed_document_of_the_limit_is_checked_to_its_end() {
    // A text, a line of 258 bytes for each of 16 and 8 more repetitions, and wrong checksums.
    let broken = bomb(EVIL, 0);
    let len = EVIL.len() + 24 * 258;
    for (limit, expected) in [(len - 1, "more than"), (len, "gzip"), (len + 1, "gzip")] {
        let broken = broken.clone();
        let stub = Stub::new(move |_, stream| {
            let head = format!("{HEAD}{GZIP}content-length: {}\r\n\r\n", broken.len());
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&broken)).is_ok()
        });
        let guard = stub::start(eager(&stub.url()).stream(false).max_len(limit as u64));
        let error = last_error(&guard).expect("an error");
        assert!(error.contains(expected) && !is_on(&guard, "evil"), "{limit}: {error}");
    }
}
