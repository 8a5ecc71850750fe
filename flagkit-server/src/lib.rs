//! Serves a flag file over HTTP.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use flagkit_server::FlagServer;
//! use flagkit_sources::File;
//! use tokio::net::TcpListener;
//!
//! let server = tokio::task::spawn_blocking(|| FlagServer::new(File::new("flags.toml"))).await??;
//! let listener = TcpListener::bind("127.0.0.1:8700").await?;
//! flagkit_server::serve(listener, server, std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it serves
//!
//! | path | what |
//! |---|---|
//! | `GET /flags` | the document, with an `ETag`; 304 for `If-None-Match`; with `Accept: text/event-stream`, as `/events` |
//! | `GET /events` | the document as a server-sent event, now and each time it changes, and a sign of life every 15 seconds |
//! | `GET /healthz` | 200 and `fresh` or `stale`; 503 and `waiting` as long as there is no good document |
//!
//! It serves reads only, and the last good document: a file that is broken or gone changes nothing. [`FlagServer::router`]
//! mounts into an application of your own, with its authentication before it. This crate has none, so listen where
//! everybody may read the flags.
//!
//! # An event
//!
//! Its type is the format, `toml` or `json`, its id the `ETag`, its data the document, with lines that end in LF. A
//! document with a line of more than a mebibyte, or a server that stops, has no stream; clients poll then.

#![forbid(unsafe_code)]

mod answer;
mod document;
mod events;

use std::future::{Future, pending};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use flagkit_core::Flags;
use flagkit_sources::{Builder, Error, File, Guard, OnFailedStart};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::time;

use self::document::Document;

/// A flag file that is watched and can be served. Cloning is cheap and gives another handle to the same file, which is
/// watched as long as one is left.
#[derive(Clone, Debug)]
pub struct FlagServer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    guard: Guard,
    documents: watch::Receiver<Option<Arc<Document>>>,
    /// Whether streams are to end.
    closing: watch::Sender<bool>,
}

impl FlagServer {
    /// Watches the file. Blocks until it is read, 5 seconds at most; call it from where that is fine.
    ///
    /// A file that is missing is waited for.
    ///
    /// # Errors
    ///
    /// Returns an error when the file is refused as a whole, or the system has no thread to watch it.
    pub fn new(file: File) -> Result<Self, Error> {
        let (document, documents) = watch::channel(None);
        let file = file.on_document(move |bytes, format| {
            document.send_replace(Some(Arc::new(Document::new(bytes.to_vec(), format))));
        });
        let guard = Builder::new().source(file).when_missing(OnFailedStart::Skip).start()?;
        Ok(Self(Arc::new(Shared { guard, documents, closing: watch::Sender::new(false) })))
    }

    /// Returns the flags of the file, as this process reads them.
    pub fn flags(&self) -> &Flags {
        self.0.guard.flags()
    }

    /// Returns the routes, to be served or to be nested in those of an application.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/flags", get(answer::flags))
            .route("/events", get(answer::events))
            .route("/healthz", get(answer::health))
            .with_state(self.clone())
    }

    /// Ends all streams, now and from now on: a graceful stop waits for open connections, and these never end by
    /// themselves.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    fn document(&self) -> Option<Arc<Document>> {
        self.0.documents.borrow().clone()
    }
}

/// How long a stop waits for clients that neither ask on nor read on.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until `stop` is ready, then ends all streams and waits for the answers that are under way, 5 seconds at the
/// most.
///
/// # Errors
///
/// Returns an error when the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    server: FlagServer,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = server.router();
    let (closed, closing) = oneshot::channel();
    let stopped = async move {
        stop.await;
        server.close();
        let _ = closed.send(());
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
    let overdue = async {
        match closing.await {
            Ok(()) => time::sleep(GRACE).await,
            Err(_) => pending().await,
        }
    };
    tokio::select! {
        result = serving => result,
        () = overdue => Ok(()),
    }
}

/// Compiles the code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
