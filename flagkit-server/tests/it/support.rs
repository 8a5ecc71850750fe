//! A served flag file, and a small HTTP client that sends requests byte for byte.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use flagkit_core::tooling::SourceState;
use flagkit_server::{FlagServer, Limits};
use flagkit_sources::{File, InstanceStatus};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Only a hang reaches this deadline, even on a machine that has hardly any time for the test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// Polls until the condition is true. Panics with `what` if it is still false after the [`DEADLINE`].
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// A directory for a flag file.
pub(crate) struct TestDir(TempDir);

impl TestDir {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Replaces the file `name` by a rename.
    pub(crate) fn replace(&self, name: &str, text: impl AsRef<[u8]>) {
        let new = self.path(".new");
        std::fs::write(&new, text).expect("the file can be written");
        std::fs::rename(new, self.path(name)).expect("the file can be moved");
    }

    /// Returns a source for the file that polls often.
    pub(crate) fn file(&self, name: &str) -> File {
        File::new(self.path(name)).poll_every(Duration::from_millis(50))
    }
}

/// A server of one flag file, on a loopback port.
pub(crate) struct Served {
    pub(crate) server: FlagServer,
    pub(crate) address: SocketAddr,
    runtime: Runtime,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Served {
    pub(crate) fn new(file: File) -> Self {
        Self::with_limits(file, Limits::default())
    }

    pub(crate) fn with_limits(file: File, limits: Limits) -> Self {
        Self::start(any_port(), open(file).with_limits(limits))
    }

    pub(crate) fn with_status(file: File, status: InstanceStatus) -> Self {
        Self::start(any_port(), open(file).with_status(status))
    }

    /// Serves at a given address, so that a server can come back at its old one.
    pub(crate) fn on(address: SocketAddr, file: File) -> Self {
        Self::start(address, open(file))
    }

    fn start(address: SocketAddr, server: FlagServer) -> Self {
        // A slow machine may read a large file for longer than the server waits for it.
        let state = || server.flags().status().sources.first().map(|source| source.state);
        wait_until("the file is read", || state() != Some(SourceState::Starting));
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(address)).expect("a loopback port");
        let address = listener.local_addr().expect("it is bound");
        let (stop, stopped) = oneshot::channel();
        let stopped = async move {
            let _ = stopped.await;
        };
        let serving = runtime.spawn(flagkit_server::serve(listener, server.clone(), stopped));
        Self { server, address, runtime, stop, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/flags", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[])
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        request(self.address, method, path, headers)
    }

    /// Stops the server gracefully, and expects it to end.
    pub(crate) fn stop(self) {
        self.stop.send(()).expect("the server runs");
        let served = self.runtime.block_on(async { tokio::time::timeout(DEADLINE, self.serving).await });
        served.expect("the server does not end").expect("no panic").expect("no error");
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn open(file: File) -> FlagServer {
    FlagServer::new(file).expect("a valid or missing file")
}

/// A complete response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (header_name, value) = line.split_once(':')?;
        header_name.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

fn send(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("a valid timeout");
    let headers = headers.iter().fold(String::new(), |headers, (name, value)| headers + name + ": " + value + "\r\n");
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("the request can be sent");
    stream
}

/// Sends a request and reads the whole response. The path is sent unchanged.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let headers = [headers, &[("connection", "close")]].concat();
    let mut all = Vec::new();
    send(address, method, path, &headers).read_to_end(&mut all).expect("a response");
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let body = all.split_off(end);
    let head = String::from_utf8(all).expect("text");
    Response { status: status(&head), head, body }
}

/// An open stream of events.
pub(crate) struct Events {
    reader: BufReader<TcpStream>,
    pub(crate) status: u16,
    head: String,
    text: String,
}

/// An event with a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) data: String,
}

impl Events {
    pub(crate) fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut reader = BufReader::new(send(address, "GET", path, headers));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).expect("a head") > 0, "no head: {head}");
        }
        Self { reader, status: status(&head), head, text: String::new() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// Returns the lines up to the next blank one. `None` at the proper end of the stream.
    pub(crate) fn block(&mut self) -> Option<String> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.text[searched..].find("\n\n") {
                let rest = self.text.split_off(searched + end + 2);
                return Some(std::mem::replace(&mut self.text, rest));
            }
            // The first of the two newlines may have arrived.
            searched = self.text.trim_end_matches('\n').len();
            let mut len = String::new();
            self.reader.read_line(&mut len).expect("a chunk");
            let len = usize::from_str_radix(len.trim_end(), 16).expect("the length of a chunk");
            let mut chunk = vec![0; len + 2];
            self.reader.read_exact(&mut chunk).expect("a whole chunk");
            assert!(chunk.ends_with(b"\r\n"));
            if len == 0 {
                assert_eq!(self.text, "", "the stream ends within an event");
                return None;
            }
            chunk.truncate(len);
            self.text += std::str::from_utf8(&chunk).expect("text");
        }
    }

    /// Returns the next event with data. `None` at the proper end of the stream.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let start = Instant::now();
        loop {
            let block = self.block()?;
            // Heartbeats would keep this loop running for ever.
            assert!(start.elapsed() < DEADLINE, "no event within {DEADLINE:?}");
            let mut event = Event::default();
            let mut data = Vec::new();
            for line in block.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
                match line.split_once(": ").or(line.split_once(':')).expect("a field") {
                    ("event", value) => value.clone_into(&mut event.kind),
                    ("id", value) => value.clone_into(&mut event.id),
                    ("data", value) => data.push(value),
                    other => panic!("unexpected field: {other:?}"),
                }
            }
            if !data.is_empty() {
                event.data = data.join("\n");
                return Some(event);
            }
        }
    }
}
