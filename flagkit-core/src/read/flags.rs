//! The handle to a set of flags.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::evaluate::evaluation::Evaluation;
use crate::evaluate::explanation::Explanation;
use crate::model::provenance::Provenance;
use crate::model::{FlagSet, Variant};
use crate::publish::approvals::ApprovalVerifier;
use crate::publish::event::Event;
use crate::publish::publisher::Publisher;
use crate::publish::signal::Signal;
use crate::publish::snapshot::Snapshot;
use crate::publish::status::Status;
use crate::publish::store::Store;
use crate::publish::subscribers::Subscription;
use crate::read::call_site;
use crate::subject::Subject;

/// A handle to a set of flags that follows its sources.
///
/// Cloning is cheap, and clones refer to the same flags. Reads never block, fail, allocate or log. Without sources, or
/// before their first load, every flag is dark.
///
/// # `Flags` versus `flag!`
///
/// `flag!("key")` reads the one handle that is [installed](crate::install) for the process. It costs one atomic load,
/// because the call site caches the state of its flag. A handle looks the key up at each read. Use a handle in a
/// library that takes its flags as an argument, in tests, and in a process with more than one set of flags.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flag, FlagKey, FlagSet, Flags};
///
/// let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("new-checkout")?, Flag::on())]));
/// assert!(flags.is_on("new-checkout", "user-1"));
/// assert!(!flags.is_on("never-declared", "user-1"));
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Flags {
    store: Arc<Store>,
}

impl Flags {
    /// Creates a handle without sources: every flag is dark.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a handle with one layer that never changes, for tests and examples.
    pub fn fixed(flags: FlagSet) -> Self {
        let handle = Self::new();
        handle.add_layer(Provenance::new("fixed:")).publish(flags);
        handle
    }

    /// Adds a layer on top of the existing ones, and returns the publisher that fills it.
    ///
    /// Until its first good load the layer declares nothing, unless [`Publisher::before_first_load`] sets another
    /// policy. A layer cannot be removed.
    pub fn add_layer(&self, provenance: Provenance) -> Publisher {
        let signal = Signal::new();
        let layer = self.store.add_layer(provenance, signal.clone());
        Publisher::new(Arc::clone(&self.store), layer, signal)
    }

    /// Requires approvals: a flag that includes subjects is dark unless the verifier accepts its approvals.
    ///
    /// Overrides by environment variables can then only narrow. Call it before the first layer is added: a flag that is
    /// on already stays on until the next publish. A second call replaces the verifier.
    pub fn require_approvals(&self, verifier: impl ApprovalVerifier) {
        self.store.require_approvals(Arc::new(verifier));
    }

    /// Calls `subscriber` with each [`Event`], in order, until the subscription is dropped.
    ///
    /// It runs on the thread of the source that published, with no lock held, so it may read flags, subscribe, or
    /// stop the sources. Later events wait until it returns, so hand long work to another thread. A panic in it is
    /// caught and counted ([`Status::subscriber_panics`]), and the other subscribers still receive the event.
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

    /// Returns whether the flag is on for the subject. Pass `&()` if there is no subject.
    #[inline]
    pub fn is_on<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> bool {
        self.store.cell().read(|snapshot| snapshot.is_on(key, subject))
    }

    /// Evaluates the flag for the subject, and returns the result with its reason.
    pub fn evaluate<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Evaluation {
        self.store.cell().read(|snapshot| snapshot.evaluate(key, subject))
    }

    /// Returns the variant assigned to the subject.
    ///
    /// `None` if the flag has no variants, if it is off for the subject (and has no
    /// [off variant](crate::Flag::with_off_variant)), or if the subject lacks the attribute the flag is bucketed by.
    #[inline]
    pub fn variant<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Option<Variant> {
        self.store.cell().read(|snapshot| snapshot.variant(key, subject))
    }

    /// Evaluates the flag for the subject, and returns the result with every step; see [`Snapshot::explain`].
    pub fn explain<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Explanation {
        self.snapshot().explain(key, subject)
    }

    /// Returns the current snapshot. All reads from it use one revision, so hold it for the length of a request.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.store.cell().read(Arc::clone)
    }

    /// Returns the status of the flags and their sources.
    pub fn status(&self) -> Status {
        self.store.status()
    }

    /// Returns the status, or `None` if a source is changing the flags at this moment.
    ///
    /// It never blocks. For a thread that handles signals, and for a forked child, in which the thread that holds the
    /// lock may not exist.
    pub fn try_status(&self) -> Option<Status> {
        self.store.try_status()
    }

    /// Makes the flags of a forked child accept changes again: the threads that published are gone after `fork(2)`.
    ///
    /// For runtimes such as flagkit-sources, which then give each layer a new
    /// [`Publisher`](crate::source::Publisher::reopen). Reading needs none of this, because it takes no lock. In a
    /// process that was not forked this does nothing.
    ///
    /// # Errors
    ///
    /// Returns an error if one of those threads was changing the flags at the moment of the fork. Its locks then stay
    /// locked: the child may read the flags, and must not add layers, publish, subscribe or request the status.
    pub fn recover_after_fork(&self) -> Result<(), Error> {
        if !self.store.is_forked() || call_site::is_registry_unlocked() && self.store.recover() {
            Ok(())
        } else {
            Err(ErrorKind::Fork.into())
        }
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
