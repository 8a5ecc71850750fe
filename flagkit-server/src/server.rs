//! The server: a watched flag file and its routes.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use flagkit_core::Flags;
use flagkit_sources::{Builder, Error, File, Guard, InstanceStatus, OnFailedStart};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::document::Document;
use crate::limits::Limits;
use crate::response;

/// A watched flag file and the routes that serve it.
///
/// Cloning is cheap and returns another handle to the same file. The file is watched until the last handle is dropped.
#[derive(Clone, Debug)]
pub struct FlagServer {
    shared: Arc<Shared>,
    limits: Limits,
    status: InstanceStatus,
    /// One permit for each stream that may be opened.
    streams: Arc<Semaphore>,
}

/// What all handles to a file share.
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
        let status = InstanceStatus::new(guard.flags().clone());
        let shared = Arc::new(Shared { guard, documents, closing: watch::Sender::new(false) });
        let limits = Limits::default();
        Ok(Self { shared, limits, status, streams: permits(limits) })
    }

    /// Sets the limits on connections and streams. Clones made before keep their own limits.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, streams: permits(limits), ..self }
    }

    /// Sets the status that `GET /status` serves. Clones made before keep their own status.
    ///
    /// Without it, the status has the revision of the file's flags, and no release. An application that follows its
    /// flags elsewhere passes the status of those.
    pub fn with_status(self, status: InstanceStatus) -> Self {
        Self { status, ..self }
    }

    /// Returns the flags of the file, for reads in this process.
    pub fn flags(&self) -> &Flags {
        self.shared.guard.flags()
    }

    /// Returns the routes, to serve or to nest in the router of an application.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/flags", get(response::flags))
            .route("/events", get(response::events))
            .route("/healthz", get(response::health))
            .route("/status", get(response::status))
            .with_state(self.clone())
    }

    /// Ends all streams, open and future ones.
    ///
    /// Call it before a graceful shutdown, which waits for open connections: a stream never ends by itself.
    pub fn close(&self) {
        self.shared.closing.send_replace(true);
    }

    pub(crate) fn status(&self) -> &InstanceStatus {
        &self.status
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Returns a permit for a stream, or `None` while the maximum number of streams is open.
    pub(crate) fn stream_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).try_acquire_owned().ok()
    }

    pub(crate) fn documents(&self) -> watch::Receiver<Option<Arc<Document>>> {
        self.shared.documents.clone()
    }

    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.shared.closing.subscribe()
    }

    /// Returns the last valid document.
    pub(crate) fn document(&self) -> Option<Arc<Document>> {
        self.shared.documents.borrow().clone()
    }
}

fn permits(limits: Limits) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limits.max_streams.min(Semaphore::MAX_PERMITS)))
}
