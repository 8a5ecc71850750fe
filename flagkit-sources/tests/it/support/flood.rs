//! A server that floods its client, and a child with that client, so that a test measures the client's memory only.

#![allow(dead_code, unreachable_pub)] // each test uses a part of it, and is a crate of its own

use std::ffi::OsStr;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use flagkit_core::Event;
use flagkit_sources::Http;

use super::memory::{Baseline, MIB};
use super::stub::{self, Stub, answer, document, eager};
use super::{TestDir, in_a_child, is_on, last_error, wait_until};

pub const GOOD: &str = "[flags]\na = true\n";
pub const AFTER: &str = "[flags]\na = true\nafter = true\n";
/// Every flood begins with this if it can. All that has arrived is thus a valid document at any time.
pub const EVIL: &str = "[flags]\nevil = true\n#";

/// The limit covers 8 MiB of a document, the growing buffer, and the allocations of a first request.
pub const GROWTH: u64 = 24 * MIB;

/// Writes the flood. Fails when the client has closed the connection.
pub type Flood = dyn Fn(&mut TcpStream) -> io::Result<()> + Send + Sync;

/// Floods one request of its kind after the child has sent "go". A stream request that comes earlier waits for "go".
/// All other requests get valid responses.
pub struct Flooder {
    flood: Box<Flood>,
    of_streams: bool,
    stage: AtomicUsize,
}

impl Flooder {
    pub fn handle(&self, request: &stub::Request, stream: &mut TcpStream) -> bool {
        if request.head.starts_with("GET /go ") {
            self.stage.store(1, Ordering::SeqCst);
            return stream.write_all(answer("200 OK", "", "").as_bytes()).is_ok();
        }
        if request.is_stream_request() && self.of_streams {
            wait_until("the child sends go", || self.stage.load(Ordering::SeqCst) != 0);
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
pub struct Scenario {
    /// The module of the test, as `module_path!()` names it.
    module: &'static str,
    name: &'static str,
    /// The error contains any of these.
    expected: &'static [&'static str],
    of_streams: bool,
    configure: fn(Http) -> Http,
}

impl Scenario {
    pub fn new(module: &'static str, name: &'static str, expected: &'static str) -> Self {
        Self::either(module, name, Box::leak(Box::new([expected])))
    }

    /// The limit that is reached first depends on how the bytes arrive.
    pub fn either(module: &'static str, name: &'static str, expected: &'static [&'static str]) -> Self {
        Self { module, name, expected, of_streams: false, configure: |http| http }
    }

    pub fn of_streams(self) -> Self {
        Self { of_streams: true, ..self }
    }

    pub fn with(self, configure: fn(Http) -> Http) -> Self {
        Self { configure, ..self }
    }

    pub fn run(self, flood: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static) {
        if let Ok(address) = std::env::var("FLAGKIT_TEST_SERVER") {
            return self.be_flooded(address.parse().expect("an address"));
        }
        let flooder = Flooder { flood: Box::new(flood), of_streams: self.of_streams, stage: AtomicUsize::new(0) };
        let stub = Stub::new(move |request, stream| flooder.handle(request, stream));
        let address = stub.address().to_string();
        let folder = TestDir::new();
        let variables = [(OsStr::new("FLAGKIT_TEST_SERVER"), OsStr::new(&address))];
        in_a_child(self.module, self.name, &folder.path("."), &variables);
    }

    pub fn be_flooded(self, address: SocketAddr) {
        let memory = Baseline::current();
        let http = eager(&format!("http://{address}/flags.toml")).stream(self.of_streams);
        let guard = stub::start((self.configure)(http));
        assert!(is_on(&guard, "a"), "{:?}", last_error(&guard));
        let errors = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&errors);
        let _subscription = guard.flags().subscribe(move |event| {
            let mut received = sink.lock().expect("no panic");
            match event {
                Event::LoadFailed(failure) => received.extend(failure.error.as_ref().map(ToString::to_string)),
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
            errors.first().is_some_and(|error| {
                assert!(self.expected.iter().any(|expected| error.contains(expected)), "{errors:?}");
                true
            })
        });
        println!("cut off after {:?}", started.elapsed());
        wait_until("the next good answer", || is_on(&guard, "after"));
        assert!(is_on(&guard, "a") && !is_on(&guard, "evil"));
        memory.assert_growth_within(GROWTH, self.name);
    }
}

/// Repeats a text until the client closes the connection, or `len` bytes were sent.
pub fn pour(stream: &mut TcpStream, text: &[u8], bytes: u64) -> io::Result<()> {
    let block = text.repeat((64 << 10) / text.len() + 1);
    for _ in 0..=bytes / block.len() as u64 {
        stream.write_all(&block)?;
    }
    Ok(())
}

pub const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/toml\r\n";
pub const CHUNKED: &str = "transfer-encoding: chunked\r\n\r\n";
pub const GZIP: &str = "content-encoding: gzip\r\n";
pub const TOO_LARGE: &str = "more than 8388608 bytes";
