//! A limit on the bytes that a server may send.
//!
//! # The problem
//!
//! The limits on headers and on the document do not cover all bytes of a response. Interim responses (1xx), chunks of one
//! byte, chunk extensions and trailers can go on for ever, and reading them keeps a core busy until a timeout.
//!
//! # The idea
//!
//! A [`MeteredConnector`] wraps each connection, after TLS, and counts all bytes that arrive. A poll has a total for its
//! headers and another for the rest. A stream has no end, so it has a rate: the reader waits, and the server is slowed
//! down by TCP.
//!
//! # How it works
//!
//! The client sets a limit before each phase, and each connection applies it when bytes arrive:
//!
//! | phase | limit |
//! |---|---|
//! | a request, up to its headers | a total of 256 KiB |
//! | the body of a poll | a total of 256 KiB and twice the maximum size of a document |
//! | the body of a stream | a rate that depends on the maximum size of a document |
//! | after the drop of a stream | a total of 0 |
//!
//! # Limits
//!
//! Bytes that ureq has read ahead count for the phase in which they arrive. A total must therefore be larger than the
//! buffer of ureq. The traits of ureq's transports may change in a minor version, so its version is pinned.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::throttle::Throttle;

/// The longest sleep before a read, so that a stop of the source is noticed soon.
const MAX_SLEEP: Duration = Duration::from_millis(50);

/// The bytes that the server may still send in the current response.
///
/// A [`Client`](super::client::Client) owns one, shares it with its connections, and sets a new limit for each phase of
/// a request. A client sends one request at a time, so the limit is that of the request.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<Mutex<Limit>>);

/// The limit of the current phase.
#[derive(Debug, Default)]
enum Limit {
    /// The state before the first request.
    #[default]
    None,
    /// A total, the bytes that are left of it, and what the bytes are, for the error.
    Total { limit: u64, left: u64, what: &'static str },
    /// A rate. No read may begin before the time.
    Rate(Throttle, Option<Instant>),
}

impl Meter {
    /// Allows this many bytes from now on. `what` completes the error "more than … bytes".
    pub(super) fn set_total(&self, limit: u64, what: &'static str) {
        self.set(Limit::Total { limit, left: limit, what });
    }

    /// Allows any number of bytes, at this rate. The wait takes place before a read, not after it.
    pub(super) fn set_rate(&self, throttle: Throttle) {
        self.set(Limit::Rate(throttle, None));
    }

    /// Replaces the limit. Bytes that arrived before do not count for the new one.
    fn set(&self, limit: Limit) {
        *self.lock() = limit;
    }

    /// Counts bytes that have arrived. Fails if they exceed the total.
    fn record(&self, bytes: usize) -> io::Result<()> {
        match &mut *self.lock() {
            Limit::None => {}
            Limit::Total { limit, left, what } => {
                let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
                let Some(rest) = left.checked_sub(bytes) else {
                    let message = format!("more than {limit} bytes {what}");
                    return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
                };
                *left = rest;
            }
            Limit::Rate(throttle, until) => {
                let now = Instant::now();
                let wait = throttle.take(u32::try_from(bytes).unwrap_or(u32::MAX), now);
                *until = now.checked_add(wait);
            }
        }
        Ok(())
    }

    /// Ends a wait in progress, and lets no more bytes pass. Called from another thread when a stream is dropped.
    pub(super) fn close(&self) {
        self.set_total(0, "after the end");
    }

    /// Sleeps until the next read may begin.
    ///
    /// The limit is read again after each sleep, because `close` may have replaced it.
    fn wait(&self) {
        let pause = || match &*self.lock() {
            Limit::Rate(_, Some(until)) => until.saturating_duration_since(Instant::now()),
            _ => Duration::ZERO,
        };
        while let Some(pause) = Some(pause()).filter(|pause| !pause.is_zero()) {
            thread::sleep(pause.min(MAX_SLEEP));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Limit> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connector that wraps the connections of another one. It is the last in the chain of an agent.
#[derive(Debug)]
pub(super) struct MeteredConnector(pub(super) Meter);

// Without a connection from the connectors before it, there is nothing to wrap.
impl<In: Transport> Connector<In> for MeteredConnector {
    type Out = MeteredTransport<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| MeteredTransport { inner, meter: self.0.clone() }))
    }
}

/// A connection with a meter. The pool of the agent owns it.
#[derive(Debug)]
pub(super) struct MeteredTransport<T> {
    inner: T,
    meter: Meter,
}

impl<T: Transport> Transport for MeteredTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    /// Waits for input, and counts it as the growth of the buffer of the connection inside.
    ///
    /// Bytes that are sent are not counted, because only the client determines them.
    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let before = self.inner.buffers().input().len();
        self.meter.wait();
        let has_input = self.inner.await_input(timeout)?;
        self.meter.record(self.inner.buffers().input().len().saturating_sub(before))?;
        Ok(has_input)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
