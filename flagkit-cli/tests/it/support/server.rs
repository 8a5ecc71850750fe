//! A server on this machine that responds, is slow, or breaks off.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The reaction of a server to a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A status and a body.
    Response(u16, String),
    /// A redirect to this path, which responds with status 200.
    Redirect(String),
    /// No response until the client disconnects.
    Silence,
    /// The beginning of a response, and then the end of the connection.
    Truncated,
}

impl Reply {
    pub(crate) fn ok(body: &str) -> Self {
        Self::Response(200, body.to_owned())
    }
}

/// A server on a free port of this machine. Its reply can be changed.
#[derive(Clone)]
pub(crate) struct Server {
    address: String,
    state: Arc<Mutex<(Reply, u64)>>,
}

impl Server {
    pub(crate) fn new(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = Self { address, state: Arc::new(Mutex::new((reply, 0))) };
        let state = Arc::clone(&server.state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let reply = {
                    let mut state = state.lock().expect("no panic");
                    state.1 += 1;
                    state.0.clone()
                };
                thread::spawn(move || respond(&stream, &reply));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The host and the port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn set(&self, reply: Reply) {
        self.state.lock().expect("no panic").0 = reply;
    }

    /// The number of requests so far.
    pub(crate) fn requests(&self) -> u64 {
        self.state.lock().expect("no panic").1
    }
}

fn respond(mut stream: &TcpStream, reply: &Reply) {
    let mut request = BufReader::new(stream);
    let mut line = String::new();
    let _ = request.read_line(&mut line);
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    line.clear();
    while request.read_line(&mut line).is_ok_and(|len| len > 2) {
        line.clear();
    }
    let _ = match reply {
        Reply::Response(status, body) => {
            let len = body.len();
            let head = format!("HTTP/1.1 {status} Reply\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n");
            stream.write_all((head + body).as_bytes())
        }
        Reply::Redirect(target) if path == *target => {
            stream.write_all(b"HTTP/1.1 200 Reply\r\nContent-Length: 13\r\nConnection: close\r\n\r\nPlease log in")
        }
        Reply::Redirect(target) => {
            let head = format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n");
            stream.write_all((head + "Connection: close\r\n\r\n").as_bytes())
        }
        Reply::Silence => request.read_to_end(&mut Vec::new()).map(|_| ()),
        Reply::Truncated => stream.write_all(b"HTTP/1.1 200 Reply\r\nContent-Length: 1000\r\n\r\nWelc"),
    };
}

/// An address of this machine that refuses connections.
pub(crate) fn refused_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}
