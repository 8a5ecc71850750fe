//! A door for `fuzz/`, there with `--cfg fuzzing` alone: the stream's parser, and a server that is in memory.

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

/// What an event says.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// Its type.
    pub kind: String,
    /// Its id.
    pub id: Option<String>,
    /// Its data.
    pub data: String,
}

/// Reads a stream: its events, and the error that it ends with, if it does.
pub fn events(stream: impl Read, max_event: usize) -> (Vec<Event>, Option<String>) {
    let mut events = Events::new(stream, max_event, Duration::MAX);
    let mut seen = Vec::new();
    loop {
        match events.next() {
            Ok(Item::Event { kind, id, data }) => seen.push(Event { kind, id, data }),
            Ok(Item::Beat) => {}
            Ok(Item::End) => return (seen, None),
            Err(error) => return (seen, Some(error.to_string())),
        }
    }
}

/// Has each question of `http` answered with the next of `answers`, in pieces. Nothing is waited for in between, and
/// the last answer stops the source.
pub fn answered_by(mut http: Http, answers: Vec<Vec<u8>>, piece: usize, signal: &Signal) -> Http {
    let server = Server { answers: Mutex::new(answers.into_iter()), piece, signal: signal.clone() };
    let (target, settings) = (http.target.clone(), http.settings.clone());
    http.state.client =
        Some(Client::new(target, settings).through(|config| Agent::with_parts(config, server, Nowhere)));
    http
}

#[derive(Debug)]
struct Server {
    answers: Mutex<vec::IntoIter<Vec<u8>>>,
    piece: usize,
    signal: Signal,
}

impl Connector for Server {
    type Out = Connection;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Connection>, Error> {
        let Some(answer) = self.answers.lock().unwrap_or_else(PoisonError::into_inner).next() else {
            self.signal.stop();
            return Err(Error::ConnectionFailed);
        };
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        let answer = io::Cursor::new(answer);
        Ok(Some(Connection { buffers, answer, piece: self.piece, signal: self.signal.clone() }))
    }
}

#[derive(Debug)]
struct Connection {
    buffers: LazyBuffers,
    answer: io::Cursor<Vec<u8>>,
    piece: usize,
    signal: Signal,
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let free = self.buffers.input_append_buf();
        let len = self.piece.min(free.len());
        let read = self.answer.read(free.get_mut(..len).unwrap_or_default())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        false
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.signal.wake();
    }
}

#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        Ok(addresses)
    }
}
