//! A minimal server on a free loopback port, for behaviour that real servers cannot show: dripping, cutting, lying.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flagkit_sources::{Builder, Guard, Http, OnFailedStart, Retry};

use super::DEADLINE;

/// A request, up to the blank line.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: String,
    pub at: Instant,
}

impl Request {
    /// The value of a header, if it was sent.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn is_stream_request(&self) -> bool {
        self.header("accept").is_some_and(|accept| accept == "text/event-stream")
    }
}

/// A loopback address with a free port, on which no other test of this process listens. After a test has closed such a
/// port, it stays free until the same test listens on it again.
pub fn own_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    // Other systems configure only one loopback address.
    let last = if cfg!(target_os = "linux") { NEXT.fetch_add(1, Ordering::Relaxed) } else { 0 };
    let host = if last == 0 { Ipv4Addr::LOCALHOST } else { Ipv4Addr::new(127, 0, 77, last) };
    SocketAddr::from((host, 0))
}

/// Handles each request, on the thread of its connection. The connection closes when it returns `false`.
type Handler = dyn Fn(&Request, &mut TcpStream) -> bool + Send + Sync;

/// A server that passes each request to its handler. When dropped, it closes its port and its connections.
pub struct Stub {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    stopped: Arc<AtomicBool>,
}

impl Stub {
    pub fn new(handler: impl Fn(&Request, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        Self::on("127.0.0.1:0".parse().expect("an address"), handler)
    }

    /// Listens on a given address, so that a server can come back.
    pub fn on(address: SocketAddr, handler: impl Fn(&Request, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).expect("a loopback port");
        let stub = Self {
            address: listener.local_addr().expect("it is bound"),
            requests: Arc::default(),
            connections: Arc::default(),
            stopped: Arc::default(),
        };
        let handler: Arc<Handler> = Arc::new(handler);
        let (requests, connections) = (Arc::clone(&stub.requests), Arc::clone(&stub.connections));
        let stopped = Arc::clone(&stub.stopped);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(clone) = stream.try_clone() {
                    connections.lock().expect("no panic").push(clone);
                }
                let (handler, requests) = (Arc::clone(&handler), Arc::clone(&requests));
                std::thread::spawn(move || converse(stream, &*handler, &requests));
            }
        });
        stub
    }

    /// Sends this response to every poll, and has no stream.
    pub fn responding(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |request, stream| !request.is_stream_request() && stream.write_all(&answer).is_ok())
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}/flags.toml", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic").clone()
    }

    /// The requests for a document.
    pub fn polls(&self) -> Vec<Request> {
        self.requests().into_iter().filter(|request| !request.is_stream_request()).collect()
    }

    /// Closes the open connections.
    pub fn hang_up(&self) {
        for stream in self.connections.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, which then closes the port.
        let _ = TcpStream::connect(self.address);
        self.hang_up();
    }
}

fn converse(mut stream: TcpStream, handler: &Handler, requests: &Mutex<Vec<Request>>) {
    let _ = stream.set_nodelay(true);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        let request = Request { head: String::from_utf8_lossy(&head).into_owned(), at: Instant::now() };
        requests.lock().expect("no panic").push(request.clone());
        if !handler(&request, &mut stream) {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// A response with a length. `headers` are whole lines, each with its line end.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// A response with a document and an `ETag`.
pub fn document(tag: &str, body: &str) -> String {
    answer("200 OK", &format!("content-type: application/toml\r\netag: \"{tag}\"\r\n"), body)
}

/// The beginning of a stream of events.
pub const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// A chunk of a chunked response.
pub fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// An event with a document, unchanged to its last byte.
pub fn event(tag: &str, document: &str) -> String {
    let data = document.replace('\n', "\ndata: ");
    format!("event: toml\nid: \"{tag}\"\ndata: {data}\n\n")
}

/// A source that polls often and retries soon, so that tests need not wait. Its requests do not time out, so that a
/// slow machine is not an unreachable server.
pub fn eager(url: &str) -> Http {
    let mut retry = Retry::default();
    let soon = Duration::from_millis(20);
    (retry.transient, retry.permanent) = ((soon, 2 * soon), (soon, 2 * soon));
    let http = Http::new(url).expect("a URL").poll_every(soon).retry(retry).use_proxy(false);
    http.connect_timeout(DEADLINE).header_timeout(DEADLINE).total_timeout(2 * DEADLINE).idle_timeout(10 * DEADLINE)
}

/// Starts the source; a failed start stays dark.
pub fn start(http: Http) -> Guard {
    let builder =
        Builder::new().source(http).when_invalid(OnFailedStart::StayDark).when_missing(OnFailedStart::StayDark);
    builder.startup_timeout(2 * DEADLINE).start().expect("starts dark at worst")
}
