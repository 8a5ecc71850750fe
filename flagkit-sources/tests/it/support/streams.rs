//! A server with a document and streams that a test writes to.

#![allow(dead_code, unreachable_pub)] // each test uses a part of it, and is a crate of its own

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flagkit_sources::Http;

use super::stub::{Request, STREAM, Stub, chunk, document, eager, event};

pub const HEARTBEAT: &str = ":\n\n";

/// A server with polls and streams that are set independently.
pub struct Server {
    pub stub: Stub,
    state: Arc<Mutex<State>>,
}

struct State {
    /// The response to a poll, as sent.
    poll: String,
    /// What each new stream begins with, after its head.
    opening: String,
    open: Vec<TcpStream>,
}

impl Server {
    /// Serves this document by polls. Streams begin with `opening`.
    pub fn new(text: &str, opening: &str) -> Self {
        let state = State { poll: document("v1", text), opening: opening.to_owned(), open: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let stub = Stub::new(move |request, stream| {
            let mut state = shared.lock().expect("no panic");
            if !request.is_stream_request() {
                return stream.write_all(state.poll.as_bytes()).is_ok();
            }
            let opening = if state.opening.is_empty() { String::new() } else { chunk(&state.opening) };
            let is_written = stream.write_all(format!("{STREAM}{opening}").as_bytes()).is_ok();
            state.open.push(stream.try_clone().expect("a handle"));
            is_written
        });
        Self { stub, state }
    }

    /// Changes the response to polls.
    pub fn set_poll(&self, response: String) {
        self.state.lock().expect("no panic").poll = response;
    }

    /// Changes what later streams begin with.
    pub fn set_opening(&self, opening: &str) {
        opening.clone_into(&mut self.state.lock().expect("no panic").opening);
    }

    /// Writes to the open streams. Forgets those that the client has closed.
    pub fn send(&self, text: &str) {
        let chunk = chunk(text);
        self.state.lock().expect("no panic").open.retain_mut(|stream| stream.write_all(chunk.as_bytes()).is_ok());
    }

    pub fn send_document(&self, tag: &str, text: &str) {
        self.send(&event(tag, text));
    }

    /// Ends the open streams, as a server that stops does.
    pub fn end_streams(&self) {
        for mut stream in self.state.lock().expect("no panic").open.drain(..) {
            let _ = stream.write_all(b"0\r\n\r\n");
        }
    }

    /// Takes the open streams, to write to them on another thread.
    pub fn take_streams(&self) -> Vec<TcpStream> {
        std::mem::take(&mut self.state.lock().expect("no panic").open)
    }

    pub fn polls(&self) -> usize {
        self.stub.polls().len()
    }

    /// The number of requests for a stream.
    pub fn streams(&self) -> usize {
        self.stub.requests().iter().filter(|request| Request::is_stream_request(request)).count()
    }

    /// A source that polls and retries often.
    pub fn http(&self) -> Http {
        eager(&self.stub.url())
    }

    /// A source that sends no poll after the first.
    pub fn http_without_polls(&self) -> Http {
        self.http().poll_every(Duration::from_secs(36_000))
    }
}
