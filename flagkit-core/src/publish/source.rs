//! The trait that every source of flags implements.

use crate::model::provenance::Provenance;
use crate::publish::load::{Load, LoadError};
use crate::publish::publisher::Publisher;
use crate::publish::signal::Signal;

/// A source of flags: a file, the environment, a server, a database.
///
/// The trait is open: implement it for your own kind of source. A runtime (`flagkit_sources::Builder`) moves the source
/// onto its own thread. There it calls [`load`](Source::load) once, for the start, and then [`run`](Source::run), which
/// publishes further loads until the source is stopped. Nothing here is async; a source that needs an async runtime
/// starts one.
///
/// A load is all or nothing: if `load` returns an error, the layer keeps its last good flags.
///
/// # Examples
///
/// A source that polls a database table every ten seconds:
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
    /// Returns the name of the source, in the form `kind:location`. Operators see it, so it must hold no secrets.
    fn provenance(&self) -> Provenance;

    /// Receives the signal that will stop the source, before the first load and on the thread of the source.
    ///
    /// For a source that blocks outside [`Publisher::wait`]: it registers a [hook](Signal::on_stop) that closes the
    /// socket or file it blocks on. The default does nothing.
    fn bind(&mut self, signal: &Signal) {
        let _ = signal;
    }

    /// Loads once.
    ///
    /// # Errors
    ///
    /// Returns an error if there is nothing to load, or if the contents cannot be used as a whole. Problems of single
    /// flags go into the [`Load`] instead.
    fn load(&mut self) -> Result<Load, LoadError>;

    /// Publishes changes until the source is [stopped](crate::source::Wake::Stopped).
    ///
    /// The default returns at once, for a source that never changes.
    fn run(&mut self, publisher: &Publisher) {
        let _ = publisher;
    }

    /// Returns a fresh source with the same settings, which replaces this one in a forked child.
    ///
    /// The child has no thread for the original source. The runtime calls this before the start, because the original
    /// moves to its thread then. The default returns `None`: in a child, the layer keeps its flags and no longer
    /// changes.
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
