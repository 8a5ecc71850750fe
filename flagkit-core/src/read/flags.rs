//! The handle.

use std::fmt;
use std::sync::Arc;

use crate::evaluate::evaluation::Evaluation;
use crate::evaluate::explanation::Explanation;
use crate::model::provenance::Provenance;
use crate::model::{FlagSet, Variant};
use crate::publish::event::Event;
use crate::publish::publisher::Publisher;
use crate::publish::signal::Signal;
use crate::publish::snapshot::Snapshot;
use crate::publish::status::Status;
use crate::publish::store::Store;
use crate::publish::subscribers::Subscription;
use crate::subject::Subject;

/// A handle to a set of flags that follows its sources.
///
/// Cloning is cheap and gives another handle to the same flags. Reads never block, never fail, allocate nothing and
/// log nothing; with no sources, or before their first load, every flag is dark.
///
/// # `Flags` versus `flag!`
///
/// `flag!("key")` reads the one handle that is [installed](crate::install) for the process, and costs one atomic load
/// because the place of the call remembers the answer. A handle is for libraries that take their flags as an
/// argument, for tests, and for processes with more than one set; it looks the key up each time.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flag, FlagKey, FlagSet, Flags};
///
/// let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("new-checkout")?, Flag::on())]));
/// assert!(flags.is_on("new-checkout", "user-1"));
/// assert!(!flags.is_on("never-declared", "user-1"));
/// # Ok::<(), flagkit_core::KeyError>(())
/// ```
#[derive(Clone, Default)]
pub struct Flags {
    store: Arc<Store>,
}

impl Flags {
    /// Makes a handle without sources: every flag is dark.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a handle with one layer that never changes, for tests and examples.
    pub fn fixed(flags: FlagSet) -> Self {
        let handle = Self::new();
        handle.add_layer(Provenance::new("fixed:")).publish(flags);
        handle
    }

    /// Lays a new layer on top of those there are, and returns the way to fill it.
    ///
    /// Until it is filled it says nothing, unless [`Publisher::when_unfilled`] says otherwise. A layer stays for the life
    /// of the handle.
    pub fn add_layer(&self, provenance: Provenance) -> Publisher {
        let signal = Signal::new();
        let layer = self.store.add_layer(provenance, signal.clone());
        Publisher::new(Arc::clone(&self.store), layer, signal)
    }

    /// Calls `subscriber` after each change, each new fault, and when a source turns or warns, in order, until the subscription is dropped.
    ///
    /// It runs on the thread of the source that published, with no lock held: it may read flags, subscribe, or stop
    /// the sources. While it runs no later event is delivered, and they queue up, so hand long work to another
    /// thread. A panic in it is
    /// caught and counted ([`Status::subscriber_panics`]), and the others are still told.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagkit_core::{Event, Flag, FlagKey, FlagSet, Flags};
    /// use flagkit_core::source::Provenance;
    /// use std::sync::mpsc;
    ///
    /// let flags = Flags::new();
    /// let (sender, receiver) = mpsc::channel();
    /// let _subscription = flags.subscribe(move |event| {
    ///     if let Event::Changed(change) = event {
    ///         let _ = sender.send(change.keys.clone());
    ///     }
    /// });
    ///
    /// let key = FlagKey::new("new-checkout")?;
    /// flags.add_layer(Provenance::new("example:")).publish(FlagSet::from_iter([(key.clone(), Flag::on())]));
    /// assert_eq!(*receiver.recv()?, [key]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn subscribe(&self, subscriber: impl Fn(&Event) + Send + Sync + 'static) -> Subscription {
        self.store.subscribers().subscribe(Arc::new(subscriber))
    }

    /// Tells whether the flag is on for the subject. Pass `&()` for nobody in particular.
    #[inline]
    pub fn is_on<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> bool {
        self.store.cell().read(|snapshot| snapshot.is_on(key, subject))
    }

    /// Answers with the grounds.
    pub fn evaluate<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Evaluation {
        self.store.cell().read(|snapshot| snapshot.evaluate(key, subject))
    }

    /// Returns the subject's variant. `None` when the flag is off for the subject, has no variants, or the subject
    /// has nothing to be dealt one by.
    #[inline]
    pub fn variant<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Option<Variant> {
        self.store.cell().read(|snapshot| snapshot.variant(key, subject))
    }

    /// Answers with every step on the way; see [`Snapshot::explain`].
    pub fn explain<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Explanation {
        self.snapshot().explain(key, subject)
    }

    /// Pins the snapshot in force, so that all questions of a request are answered by one revision.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.store.cell().read(Arc::clone)
    }

    /// Returns how the sources are doing.
    pub fn status(&self) -> Status {
        self.store.status()
    }

    /// Returns how the sources are doing, unless one of them is changing something right now.
    ///
    /// Waits for nobody: for a signal handler's thread, or a forked child, where nobody may be left to wait for.
    pub fn try_status(&self) -> Option<Status> {
        self.store.try_status()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flags").field("status", &self.status()).finish_non_exhaustive()
    }
}
