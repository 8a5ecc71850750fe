//! Sources of a server with a document on disk.

#![allow(dead_code, unreachable_pub)] // each test uses a part of it, and is a crate of its own

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use flagkit_core::source::Provenance;
use flagkit_sources::document::Format;
use flagkit_sources::{Builder, Cache, CachedDocument, Guard, Http, OnFailedStart};

use super::stub::{Request, Stub, answer, document, eager, own_address};
use super::{DEADLINE, wait_until};

pub const OLD: &str = "[flags]\na = true\n";
pub const NEW: &str = "[flags]\na = false\nb = true\n";
/// No test runs long enough for a second poll.
pub const NEVER: Duration = Duration::from_secs(36_000);

/// Polls at the start, however fresh the document on disk may be.
pub fn http(url: &str, cache: &Path) -> Http {
    eager(url).stream(false).cache(cache).max_staleness(Duration::ZERO)
}

pub fn start(http: Http) -> Guard {
    let builder = Builder::new().source(http).when_invalid(OnFailedStart::StayDark);
    builder.startup_timeout(2 * DEADLINE).start().expect("starts dark at worst")
}

/// Starts the source. Returns `None` if the machine was too slow: a start with a stored document waits two seconds for
/// the server, and then uses the stored document.
pub fn start_in_time(http: Http) -> Option<Guard> {
    let begin = Instant::now();
    let guard = start(http);
    (begin.elapsed() < Duration::from_millis(1_900)).then_some(guard)
}

/// Serves a document, and confirms its `ETag`.
pub fn serving(
    tag: &'static str,
    body: &'static str,
) -> impl Fn(&Request, &mut TcpStream) -> bool + Send + Sync + 'static {
    move |request, stream| {
        let is_known = request.header("if-none-match").is_some_and(|known| known.trim_matches('"') == tag);
        let known = || answer("304 Not Modified", &format!("etag: \"{tag}\"\r\n"), "");
        stream.write_all(if is_known { known() } else { document(tag, body) }.as_bytes()).is_ok()
    }
}

pub fn cache_of(url: &str, path: &Path) -> Cache {
    Cache::new(path, Provenance::new(url))
}

/// Stores a document as an earlier run would have, an hour ago in whole seconds. Returns that time.
pub fn store_hour_old(url: &str, path: &Path, body: &str, tag: Option<&str>) -> SystemTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(now - 3600);
    let cached = CachedDocument { bytes: body.into(), format: Format::Toml, tag: tag.map(str::to_owned), at };
    cache_of(url, path).store(&cached).expect("it can be stored");
    at
}

/// Stops the server, and waits until its port is closed.
pub fn end(stub: Stub) -> SocketAddr {
    let address = stub.address();
    drop(stub);
    wait_until("the port is closed", || TcpListener::bind(address).is_ok());
    address
}

/// A URL at which no server listens.
pub fn unused_url() -> String {
    let stub = Stub::on(own_address(), |_, _| false);
    let url = stub.url();
    end(stub);
    url
}

pub const HOUR: Duration = Duration::from_secs(3600);
