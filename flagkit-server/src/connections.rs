//! The connections: accepting them, limiting them, and ending them.
//!
//! `axum::serve` has no limits. This loop uses hyper directly, with a timeout for headers, a timeout for clients that
//! do not read, a bound on the number of connections, and small buffers.
//!
//! A request body is never read: hyper closes the connection after the response if a body remains.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time;
use tokio_io_timeout::TimeoutStream;

use crate::FlagServer;
use crate::limits::Limits;

/// The wait after the system could not accept a connection, for example because file descriptors ran out.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(500);
/// The maximum size of the buffer of a connection, and so of the headers of a request, in bytes.
const MAX_BUFFER: usize = 32 << 10;
/// The maximum number of headers of a request.
const MAX_HEADERS: usize = 64;

/// Serves until `stop` is ready, within the [limits](FlagServer::with_limits) of the server.
///
/// Then it ends all streams and waits for responses in progress, for [at most 5 seconds](Limits::shutdown_timeout).
/// Connections that remain are closed.
///
/// # Errors
///
/// Returns no error at present. A listener that cannot accept connections is tried again until `stop` is ready.
pub async fn serve(
    listener: TcpListener,
    server: FlagServer,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let limits = server.limits();
    let service = TowerToHyperService::new(server.router());
    let http = protocol(limits);
    let slots = Arc::new(Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, accept(&listener).await)
        };
        let (slot, stream) = tokio::select! {
            biased;
            () = &mut stop => break,
            next = next => next,
        };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.write_timeout));
        let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service.clone());
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // An error of one connection concerns its client only.
            let _ = connection.await;
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    server.close();
    let _ = time::timeout(limits.shutdown_timeout, graceful.shutdown()).await;
    // The drop of the set ends the connections that remain.
    Ok(())
}

fn protocol(limits: Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(MAX_BUFFER)
        .max_headers(MAX_HEADERS);
    http
}

/// Accepts a connection. Waits and tries again if the system reports an error.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Events are small, and the next one may be hours away.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            // The client has left before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => time::sleep(ACCEPT_RETRY_DELAY).await,
        }
    }
}
