//! The publisher: the handle through which a source fills its layer.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::model::FlagSet;
use crate::model::problem::escape_control_chars;
use crate::publish::load::{Load, LoadError};
use crate::publish::signal::{Signal, Wake};
use crate::publish::start_policy::StartPolicy;
use crate::publish::store::{LayerIndex, Store};

/// The handle through which a source fills its layer, with the signal that wakes and stops the source.
///
/// Created by [`Flags::add_layer`](crate::Flags::add_layer). A published set replaces the whole layer in one swap. A
/// failed load is recorded for [`Flags::status`](crate::Flags::status) and changes no flag. After the
/// [signal](Publisher::signal) has stopped, every call is ignored.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flag, FlagKey, FlagSet, Flags};
/// use flagkit_core::source::{LoadError, Provenance};
///
/// let flags = Flags::new();
/// let publisher = flags.add_layer(Provenance::new("example:"));
///
/// let mut set = FlagSet::new();
/// set.insert(FlagKey::new("new-checkout")?, Flag::on());
/// publisher.publish(set);
/// assert!(flags.is_on("new-checkout", &()));
///
/// publisher.fail(LoadError::new("cannot reach the database"));
/// assert!(flags.is_on("new-checkout", &()));
/// # Ok::<(), flagkit_core::Error>(())
/// ```
pub struct Publisher {
    store: Arc<Store>,
    layer: LayerIndex,
    signal: Signal,
    clock: Option<fn() -> SystemTime>,
}

impl Publisher {
    pub(crate) fn new(store: Arc<Store>, layer: LayerIndex, signal: Signal) -> Self {
        Self { store, layer, signal, clock: None }
    }

    /// Sets the clock for the times in the [status](crate::tooling::SourceStatus) and for repeating persistent errors.
    ///
    /// This crate reads no clock by itself; a runtime passes `SystemTime::now`.
    pub fn with_clock(mut self, clock: fn() -> SystemTime) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets what the layer does until its first good load.
    /// Default: [`Skip`](crate::source::OnFailedStart::Skip) for all kinds of errors.
    pub fn before_first_load(self, policy: StartPolicy) -> Self {
        self.store.before_first_load(self.layer, policy);
        self
    }

    /// Returns a new publisher for the same layer, with a new signal.
    ///
    /// The layer uses the new signal from now on: it accepts calls, even through this publisher, until the new signal
    /// stops. For a source that replaces one without a thread; see
    /// [`recover_after_fork`](crate::Flags::recover_after_fork).
    pub fn reopen(&self) -> Self {
        let signal = Signal::new();
        self.store.replace_signal(self.layer, signal.clone());
        Self { store: Arc::clone(&self.store), layer: self.layer, signal, clock: self.clock }
    }

    /// Publishes these flags: they replace all flags of the layer.
    ///
    /// If nothing differs, the snapshot stays. Subscribers still receive an event if the source became healthy.
    pub fn publish(&self, load: impl Into<Load>) {
        self.store.accept(self.layer, load.into(), self.now());
    }

    /// Records a check that found the flags unchanged.
    pub fn unchanged(&self) {
        self.store.unchanged(self.layer, self.now());
    }

    /// Records a load that failed. The layer keeps its last good flags.
    pub fn fail(&self, error: LoadError) {
        self.store.fail(self.layer, error, self.now());
    }

    /// Calls [`publish`](Publisher::publish) or [`fail`](Publisher::fail), depending on the result.
    pub fn submit(&self, load: Result<Load, LoadError>) {
        match load {
            Ok(load) => self.publish(load),
            Err(error) => self.fail(error),
        }
    }

    /// Replaces the warnings about the source itself, independent of its contents.
    ///
    /// A warning is a fact that an operator should fix or be aware of; for example, that changes can only be detected
    /// by polling. [`SourceStatus::warnings`](crate::tooling::SourceStatus::warnings) lists the warnings, and
    /// subscribers receive an event if there is a new one.
    pub fn set_warnings(&self, warnings: impl IntoIterator<Item = String>) {
        self.store.set_warnings(self.layer, warnings.into_iter().map(escape_control_chars).collect());
    }

    /// Waits until the source is woken, a load is requested, the source is stopped, or the timeout elapses.
    ///
    /// Meanwhile [`SourceStatus::next_try`](crate::tooling::SourceStatus::next_try) shows when the timeout elapses.
    pub fn wait(&self, timeout: Duration) -> Wake {
        self.store.set_next_try(self.layer, self.now().and_then(|now| now.checked_add(timeout)));
        let wake = self.signal.wait(timeout);
        self.store.set_next_try(self.layer, None);
        wake
    }

    /// Returns the signal that wakes and stops this source.
    pub fn signal(&self) -> &Signal {
        &self.signal
    }

    /// Returns the last good flags of the layer. A key that was invalid in them has its previous flag.
    ///
    /// `None` before the first good load.
    pub fn last_good(&self) -> Option<Arc<FlagSet>> {
        self.store.flag_set(self.layer)
    }

    fn now(&self) -> Option<SystemTime> {
        self.clock.map(|clock| clock())
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("layer", &self.layer).field("signal", &self.signal).finish_non_exhaustive()
    }
}
