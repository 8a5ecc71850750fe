//! Where flags come from: the trait to implement for a new place.

use crate::model::provenance::Provenance;
use crate::publish::load::{Load, LoadError};
use crate::publish::publisher::Publisher;
use crate::publish::signal::Signal;

/// A place that flags come from: a file, the environment, a server, a database.
///
/// The trait is open. A runtime (`flagkit_sources::Builder`) moves the source onto a thread of its own and there calls
/// [`load`](Source::load) once, for the start, and then [`run`](Source::run), which pushes further loads through the
/// publisher until it is told to stop. Nothing here is async; a source that needs a runtime starts its own.
///
/// A load is all or nothing: return an error and the layer keeps its last good flags.
///
/// # Examples
///
/// A source that asks again every ten seconds:
///
/// ```
/// use std::time::Duration;
/// use flagkit_core::FlagSet;
/// use flagkit_core::source::{Load, LoadError, Provenance, Publisher, Source, Wake};
///
/// struct Table { name: String }
///
/// impl Source for Table {
///     fn provenance(&self) -> Provenance {
///         Provenance::new(format!("table:{}", self.name))
///     }
///
///     fn load(&mut self) -> Result<Load, LoadError> {
///         let flags = FlagSet::new(); // select … from flags
///         Ok(Load::new(flags))
///     }
///
///     fn run(&mut self, publisher: &Publisher) {
///         while publisher.wait(Duration::from_secs(10)) != Wake::Stopped {
///             publisher.submit(self.load());
///         }
///     }
/// }
/// ```
pub trait Source: Send + 'static {
    /// Says what this is, as `kind:place`. Shown to operators: no secrets.
    fn provenance(&self) -> Provenance;

    /// Is handed the signal that will stop it, before the first load and on the thread of the source.
    ///
    /// For a source that blocks elsewhere than in [`Publisher::wait`]: it leaves a [hook](Signal::on_stop) that shuts
    /// what it blocks on. The default does nothing.
    fn bind(&mut self, signal: &Signal) {
        let _ = signal;
    }

    /// Loads once.
    ///
    /// # Errors
    ///
    /// Returns an error when there is nothing to load or what is there cannot be used as a whole. Problems of single
    /// flags go into the [`Load`] instead.
    fn load(&mut self) -> Result<Load, LoadError>;

    /// Publishes changes until [told to stop](crate::source::Wake::Stopped).
    ///
    /// The default returns at once, for a source that never changes.
    fn run(&mut self, publisher: &Publisher) {
        let _ = publisher;
    }

    /// Returns a source with the settings of this one that has seen nothing yet, to take its place where its thread is
    /// gone: in a forked child. Asked before the start.
    ///
    /// The default has none: the layer then keeps its flags in a child, and follows nothing.
    fn restarted(&self) -> Option<Box<dyn Source>> {
        None
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn provenance(&self) -> Provenance {
        S::provenance(self)
    }

    fn bind(&mut self, signal: &Signal) {
        S::bind(self, signal);
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        S::load(self)
    }

    fn run(&mut self, publisher: &Publisher) {
        S::run(self, publisher);
    }

    fn restarted(&self) -> Option<Box<dyn Source>> {
        S::restarted(self)
    }
}
