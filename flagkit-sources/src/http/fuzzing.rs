//! Access for the fuzz targets, compiled only with `--cfg fuzzing`.
//!
//! It exports the parser of streams, and it connects a source to a server in memory.
//!
//! # The problem
//!
//! A fuzz target needs thousands of runs per second. Sockets, sleeps and back-off would make each run take seconds.
//!
//! # How it works
//!
//! [`with_responses`] replaces the agent of the client. The source, the client and ureq stay the real ones. Only the
//! transport differs: it takes its bytes from a list, and ends each connection after one response.
//!
//! ```text
//! Http ─── Client ─── Agent ─── Server ─── Connection: one response, in pieces
//!            ▲                                  │ its drop wakes the source
//!            └──────── the next request ◀───────┘
//! ```
//!
//! The list ends the run: a request without a response stops the source.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::vec;

use flagkit_core::source::Signal;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use ureq::{Agent, Error};

use super::Http;
use super::client::Client;
use super::events::{Events, Item};

/// An event of a stream, as the parser returns it.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// The type of the event.
    pub kind: String,
    /// The id of the event.
    pub id: Option<String>,
    /// The data of the event.
    pub data: String,
}

/// Reads a stream to its end. Returns its events, and the error if the stream ends with one.
///
/// `max_event` is the limit on one event, in bytes. An event may take any time here.
pub fn events(stream: impl Read, max_event: usize) -> (Vec<Event>, Option<String>) {
    let mut events = Events::new(stream, max_event, Duration::MAX);
    let mut list = Vec::new();
    loop {
        match events.next() {
            Ok(Item::Event { kind, id, data }) => list.push(Event { kind, id, data }),
            Ok(Item::Heartbeat) => {}
            Ok(Item::End) => return (list, None),
            Err(error) => return (list, Some(error.to_string())),
        }
    }
}

/// Connects `http` to a server in memory that sends the next of `responses` for each request, in pieces.
///
/// No time passes between two requests. The source stops after the last response.
///
/// `piece` is the maximum number of bytes per read. Small pieces split tokens of HTTP and of the stream at every
/// position. `signal` is that of the publisher that runs the source.
pub fn with_responses(mut http: Http, responses: Vec<Vec<u8>>, piece: usize, signal: &Signal) -> Http {
    let server = Server { responses: Mutex::new(responses.into_iter()), piece, signal: signal.clone() };
    let (target, settings) = (http.target.clone(), http.settings.clone());
    http.state.client =
        Some(Client::new(target, settings).with_agent(|config| Agent::with_parts(config, server, FixedResolver)));
    http
}

/// The server: each connection gets the next response.
///
/// The agent of the client owns it, as the connector that all requests go through.
#[derive(Debug)]
struct Server {
    /// The responses that no connection has taken yet. A lock, because a connector is shared between threads.
    responses: Mutex<vec::IntoIter<Vec<u8>>>,
    piece: usize,
    signal: Signal,
}

impl Connector for Server {
    type Out = Connection;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Connection>, Error> {
        let Some(response) = self.responses.lock().unwrap_or_else(PoisonError::into_inner).next() else {
            // Without this stop, the source would retry for ever.
            self.signal.stop();
            return Err(Error::ConnectionFailed);
        };
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        let response = io::Cursor::new(response);
        Ok(Some(Connection { buffers, response, piece: self.piece, signal: self.signal.clone() }))
    }
}

/// A connection with one response. Its drop wakes the source, which then sends the next request.
#[derive(Debug)]
struct Connection {
    buffers: LazyBuffers,
    response: io::Cursor<Vec<u8>>,
    piece: usize,
    signal: Signal,
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    /// Ignores the request: the responses do not depend on it.
    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(())
    }

    /// Appends the next piece to the input. Returns whether there was one.
    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let free = self.buffers.input_append_buf();
        let len = self.piece.min(free.len());
        let read = self.response.read(free.get_mut(..len).unwrap_or_default())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    /// Prevents the reuse of the connection, so that the next request gets the next response.
    fn is_open(&mut self) -> bool {
        false
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.signal.wake();
    }
}

/// A resolver that returns one address for every name. No connection is made to it.
#[derive(Debug)]
struct FixedResolver;

impl Resolver for FixedResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        Ok(addresses)
    }
}
