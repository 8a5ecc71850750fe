//! The limits on connections.

use std::time::Duration;

/// The limits that protect a server from slow, idle and numerous clients.
///
/// [`serve`](crate::serve) applies all of them. An application that mounts [`FlagServer::router`] has its own server,
/// and sets the limits on connections there; the limits on streams apply in both cases.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use flagkit_server::Limits;
///
/// let limits = Limits::default().max_connections(50_000).max_streams(45_000).header_timeout(Duration::from_secs(5));
/// ```
///
/// [`FlagServer::router`]: crate::FlagServer::router
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub(crate) header_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) stream_lifetime: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) max_connections: usize,
    pub(crate) max_streams: usize,
}

/// The upper bound of all durations, so that adding one to the current time cannot overflow.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
            stream_lifetime: Duration::from_secs(3600),
            shutdown_timeout: Duration::from_secs(5),
            max_connections: 10_000,
            max_streams: 8_000,
        }
    }
}

impl Limits {
    /// Sets how long a connection may take to send its next request, up to the end of its headers. Default: 20 seconds.
    ///
    /// The time begins with the connection, and again with the end of each response. The limit therefore closes
    /// half-sent requests and idle connections. A stream is a response that has not ended, so it is not idle.
    pub fn header_timeout(self, timeout: Duration) -> Self {
        Self { header_timeout: timeout.min(YEAR), ..self }
    }

    /// Sets how long a client may read nothing while the server has data for it. Default: 30 seconds.
    pub fn write_timeout(self, timeout: Duration) -> Self {
        Self { write_timeout: timeout.min(YEAR), ..self }
    }

    /// Sets how long a stream lasts, give or take a tenth at random. Default: an hour.
    ///
    /// The stream then ends, and its client opens another. Clients thus spread over the servers of a load balancer
    /// again, and the server forgets clients that disappeared without a trace.
    pub fn stream_lifetime(self, lifetime: Duration) -> Self {
        Self { stream_lifetime: lifetime.min(YEAR), ..self }
    }

    /// Sets how long a stop of [`serve`](crate::serve) waits for responses in progress. Default: 5 seconds.
    ///
    /// Streams end at once. Connections that remain after this time are closed.
    pub fn shutdown_timeout(self, timeout: Duration) -> Self {
        Self { shutdown_timeout: timeout.min(YEAR), ..self }
    }

    /// Sets how many connections may be open, from 1. Default: 10,000.
    ///
    /// Beyond that, new connections wait until others end. The operating system limits file descriptors, too.
    pub fn max_connections(self, connections: usize) -> Self {
        Self { max_connections: connections.max(1), ..self }
    }

    /// Sets how many streams may be open. Default: 8,000.
    ///
    /// Beyond that, requests for a stream are answered with 503, and clients of flagkit-sources poll. Set it below
    /// the number of connections, so that there is room for polls and health checks.
    pub fn max_streams(self, streams: usize) -> Self {
        Self { max_streams: streams, ..self }
    }
}
