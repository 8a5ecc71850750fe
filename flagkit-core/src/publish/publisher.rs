//! A source's way into the flags.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::model::FlagSet;
use crate::model::problem::printable;
use crate::publish::load::{Load, LoadError};
use crate::publish::signal::{Signal, Wake};
use crate::publish::start_policy::StartPolicy;
use crate::publish::store::{LayerIndex, Store};

/// A source's way into the flags: its own layer, and the signal that wakes and stops it.
///
/// Made by [`Flags::add_layer`](crate::Flags::add_layer). What is published replaces the layer whole, in one swap;
/// what is refused is remembered for [`Flags::status`](crate::Flags::status) and changes no flag. After the
/// [signal](Publisher::signal) has stopped, nothing counts any more.
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
/// publisher.fail(LoadError::new("the database is away"));
/// assert!(flags.is_on("new-checkout", &()));
/// # Ok::<(), flagkit_core::KeyError>(())
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

    /// Sets the clock, for the times in the [status](crate::tooling::SourceStatus) and for telling an error again that lasts.
    ///
    /// This crate reads no clock by itself; a runtime passes `SystemTime::now`.
    pub fn with_clock(mut self, clock: fn() -> SystemTime) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets what the layer means until its first good load. Default: [`Skip`](crate::publish::source::OnFailedStart::Skip) for all kinds of errors.
    pub fn before_first_load(self, policy: StartPolicy) -> Self {
        self.store.before_first_load(self.layer, policy);
        self
    }

    /// Returns another way into the same layer, with a signal of its own, which from now on is that of the layer: what
    /// comes through this one counts until that one stops.
    ///
    /// For a source that takes the place of one whose thread is gone; see
    /// [`recover_after_fork`](crate::tooling::recover_after_fork).
    pub fn reopen(&self) -> Self {
        let signal = Signal::new();
        self.store.hand_over(self.layer, signal.clone());
        Self { store: Arc::clone(&self.store), layer: self.layer, signal, clock: self.clock }
    }

    /// Puts these flags in force, in the place of what the layer said before.
    ///
    /// Does nothing to readers when nothing differs; subscribers are told if the source has become well by it.
    pub fn publish(&self, load: impl Into<Load>) {
        self.store.accept(self.layer, load.into(), self.now());
    }

    /// Reports that the flags are as they were: a check that found nothing new.
    pub fn unchanged(&self) {
        self.store.confirm(self.layer, self.now());
    }

    /// Reports a load that failed. The layer keeps its last good flags.
    pub fn fail(&self, error: LoadError) {
        self.store.refuse(self.layer, error, self.now());
    }

    /// [Publishes](Publisher::publish) or [refuses](Publisher::fail), as the load went.
    pub fn submit(&self, load: Result<Load, LoadError>) {
        match load {
            Ok(load) => self.publish(load),
            Err(error) => self.fail(error),
        }
    }

    /// Sets what the source should be known for, whatever it loads, in the place of what it was before.
    ///
    /// For what an operator should mend or know: that a file can only be polled, for example. It shows in
    /// [`SourceStatus::warnings`](crate::tooling::SourceStatus::warnings); subscribers are told of new ones.
    pub fn set_warnings(&self, warnings: impl IntoIterator<Item = String>) {
        self.store.warn(self.layer, warnings.into_iter().map(printable).collect());
    }

    /// Waits until the source is woken, asked for a load, told to stop, or the time is up.
    ///
    /// Meanwhile [`SourceStatus::next_try`](crate::tooling::SourceStatus::next_try) tells of that time.
    pub fn wait(&self, timeout: Duration) -> Wake {
        self.store.waits(self.layer, self.now().and_then(|now| now.checked_add(timeout)));
        let wake = self.signal.wait(timeout);
        self.store.waits(self.layer, None);
        wake
    }

    /// Returns the signal that wakes and stops this source.
    pub fn signal(&self) -> &Signal {
        &self.signal
    }

    /// Returns the flags the layer last published, healed of refused keys, if it ever did.
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
