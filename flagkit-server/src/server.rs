//! The server: a watched flag file, its routes, and a graceful stop.

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

use crate::document::Document;
use crate::response;

/// A watched flag file and the routes that serve it.
///
/// Cloning is cheap and returns another handle to the same file. The file is watched until the last handle is dropped.
#[derive(Clone, Debug)]
pub struct FlagServer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    guard: Guard,
    documents: watch::Receiver<Option<Arc<Document>>>,
    /// Set to true when streams must end.
    closing: watch::Sender<bool>,
}

impl FlagServer {
    /// Watches the file. Blocks until the file is read, for at most 5 seconds, so call it outside of async tasks.
    ///
    /// A missing file is served once it appears.
    ///
    /// # Errors
    ///
    /// Returns an error when the file is invalid as a whole, or when the system cannot start the thread that watches it.
    pub fn new(file: File) -> Result<Self, Error> {
        let (document, documents) = watch::channel(None);
        let file = file.on_document(move |bytes, format| {
            document.send_replace(Some(Arc::new(Document::new(bytes.to_vec(), format))));
        });
        let guard = Builder::new().source(file).when_missing(OnFailedStart::Skip).start()?;
        Ok(Self(Arc::new(Shared { guard, documents, closing: watch::Sender::new(false) })))
    }

    /// Returns the flags of the file, for reads in this process.
    pub fn flags(&self) -> &Flags {
        self.0.guard.flags()
    }

    /// Returns the routes, to serve or to nest in the router of an application.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/flags", get(response::flags))
            .route("/events", get(response::events))
            .route("/healthz", get(response::health))
            .with_state(self.clone())
    }

    /// Ends all streams, open and future ones.
    ///
    /// Call it before a graceful shutdown, which waits for open connections: a stream never ends by itself.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    pub(crate) fn documents(&self) -> watch::Receiver<Option<Arc<Document>>> {
        self.0.documents.clone()
    }

    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.0.closing.subscribe()
    }

    /// Returns the last valid document.
    pub(crate) fn document(&self) -> Option<Arc<Document>> {
        self.0.documents.borrow().clone()
    }
}

/// How long a stop waits for connections of idle clients.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until `stop` is ready.
///
/// Then it ends all streams and waits for responses in progress, for at most 5 seconds.
///
/// # Errors
///
/// Returns an error when the listener fails.
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
