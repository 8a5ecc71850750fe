//! What the tests of the server share: a flag file that is served, and a client of a few lines that sends whatever it
//! is told to.

#![allow(dead_code, unreachable_pub)] // each test uses a part of it, and is a crate of its own

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use flagkit_server::FlagServer;
use flagkit_sources::File;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Far beyond what anything here takes, so that only a hang reaches it.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Looks until the condition holds; panics, saying `what`, when it does not within the [`DEADLINE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// A directory for a flag file.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Moves a new file to the place of `name`.
    pub fn replace(&self, name: &str, text: impl AsRef<[u8]>) {
        let new = self.path(".new");
        std::fs::write(&new, text).expect("the file can be written");
        std::fs::rename(new, self.path(name)).expect("the file can be moved");
    }

    /// A file that is followed closely.
    pub fn file(&self, name: &str) -> File {
        File::new(self.path(name)).poll_every(Duration::from_millis(50))
    }
}

/// A flag file that is served on a loopback port.
pub struct Served {
    pub server: FlagServer,
    pub address: SocketAddr,
    runtime: Runtime,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Served {
    pub fn new(file: File) -> Self {
        Self::on("127.0.0.1:0".parse().expect("an address"), file)
    }

    /// At an address of before, when a server is to come back.
    pub fn on(address: SocketAddr, file: File) -> Self {
        let server = FlagServer::new(file).expect("a file that is good or missing");
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

    pub fn url(&self) -> String {
        format!("http://{}/flags", self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        ask(self.address, method, path, headers)
    }

    /// Stops it gracefully, and expects it to come to its end.
    pub fn stop(self) {
        self.stop.send(()).expect("it is running");
        let served = self.runtime.block_on(async { tokio::time::timeout(DEADLINE, self.serving).await });
        served.expect("it does not end").expect("no panic").expect("no error");
    }
}

/// An answer, to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

fn send(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("it can be set");
    let headers = headers.iter().fold(String::new(), |headers, (name, value)| headers + name + ": " + value + "\r\n");
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("it can be sent");
    stream
}

/// Asks and reads the whole answer. The path is sent as it is.
pub fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers = [headers, &[("connection", "close")]].concat();
    let mut all = Vec::new();
    send(address, method, path, &headers).read_to_end(&mut all).expect("an answer");
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let body = all.split_off(end);
    let head = String::from_utf8(all).expect("text");
    Answer { status: status(&head), head, body }
}

/// A stream of events, read as it comes.
pub struct Events {
    reader: BufReader<TcpStream>,
    pub status: u16,
    head: String,
    text: String,
}

/// An event with a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub kind: String,
    pub id: String,
    pub data: String,
}

impl Events {
    pub fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut reader = BufReader::new(send(address, "GET", path, headers));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).expect("a head") > 0, "no head: {head}");
        }
        Self { reader, status: status(&head), head, text: String::new() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The next lines up to a blank one; `None` when the stream has ended as it should.
    pub fn block(&mut self) -> Option<String> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.text[searched..].find("\n\n") {
                let rest = self.text.split_off(searched + end + 2);
                return Some(std::mem::replace(&mut self.text, rest));
            }
            // The first half of what is looked for may be there.
            searched = self.text.trim_end_matches('\n').len();
            let mut len = String::new();
            self.reader.read_line(&mut len).expect("a chunk");
            let len = usize::from_str_radix(len.trim_end(), 16).expect("the length of a chunk");
            let mut chunk = vec![0; len + 2];
            self.reader.read_exact(&mut chunk).expect("a whole chunk");
            assert!(chunk.ends_with(b"\r\n"));
            if len == 0 {
                assert_eq!(self.text, "", "cut within an event");
                return None;
            }
            chunk.truncate(len);
            self.text += std::str::from_utf8(&chunk).expect("text");
        }
    }

    /// The next event that is one; `None` when the stream has ended as it should.
    pub fn next(&mut self) -> Option<Event> {
        let start = Instant::now();
        loop {
            let block = self.block()?;
            // Signs of life alone would keep it waiting for ever.
            assert!(start.elapsed() < DEADLINE, "no event within {DEADLINE:?}");
            let mut event = Event::default();
            let mut data = Vec::new();
            for line in block.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
                match line.split_once(": ").or(line.split_once(':')).expect("a field") {
                    ("event", value) => value.clone_into(&mut event.kind),
                    ("id", value) => value.clone_into(&mut event.id),
                    ("data", value) => data.push(value),
                    other => panic!("a field of no event of ours: {other:?}"),
                }
            }
            if !data.is_empty() {
                event.data = data.join("\n");
                return Some(event);
            }
        }
    }

    /// Waits for the next thing on the stream so long at the most.
    pub fn patience(&self, patience: Duration) {
        self.reader.get_ref().set_read_timeout(Some(patience)).expect("it can be set");
    }
}
