//! From sources to running flags.

use std::fmt;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use flagkit_core::{Flags, Source, Unfilled};

use crate::error::Error;
use crate::guard::{Guard, Optional};
use crate::worker::Worker;

/// Puts sources together and starts them.
///
/// # Examples
///
/// Two files and the environment, lowest layer first:
///
/// ```no_run
/// use flagkit_sources::{Builder, Env, File, Start};
///
/// let guard = Builder::new()
///     .source(File::new("flags.toml"))
///     .source(File::new("flags.prod.toml"))
///     .source(Env::new("FLAG_"))
///     .when_missing(Start::Refuse)
///     .install()?;
/// # Ok::<(), flagkit_sources::Error>(())
/// ```
#[must_use = "a builder does nothing until `start` or `install`"]
pub struct Builder {
    sources: Vec<Box<dyn Source>>,
    when_missing: Start,
    when_broken: Start,
    patience: Duration,
}

/// What to do when a source cannot be loaded at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Start {
    /// Start, and keep dark what the layers below declare until that layer is there: it might be meant to turn some of
    /// it off.
    Dark,
    /// Start as if that layer said nothing, and take it in when it is there: for layers that are optional.
    Without,
    /// Return an error.
    Refuse,
}

impl Builder {
    /// Makes a builder without sources.
    pub fn new() -> Self {
        Self {
            sources: Vec::new(),
            when_missing: Start::Dark,
            when_broken: Start::Refuse,
            patience: Duration::from_secs(5),
        }
    }

    /// Adds a source, as a layer above those added before.
    pub fn source(mut self, source: impl Source) -> Self {
        self.sources.push(Box::new(source));
        self
    }

    /// Sets what to do when there is nothing to load yet. Default: [`Start::Dark`].
    pub fn when_missing(mut self, start: Start) -> Self {
        self.when_missing = start;
        self
    }

    /// Sets what to do when something is there and is refused as a whole. Default: [`Start::Refuse`].
    ///
    /// A document in which single flags are refused is not broken: it starts, those flags are dark, and
    /// [`Flags::status`] lists the problems.
    pub fn when_broken(mut self, start: Start) -> Self {
        self.when_broken = start;
        self
    }

    /// Sets how long to wait for the first loads of all sources together. Default: 5 seconds.
    ///
    /// A source that has not answered by then is waited for in the background; until it does, it and the layers below
    /// it are dark, unless [`Start::Without`] says otherwise for both cases.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts the sources, each on a thread of its own, and waits for their first loads.
    ///
    /// # Errors
    ///
    /// Returns an error when a source cannot be loaded and is not to start dark, or when the system has no thread for
    /// it. Nothing is left running then.
    pub fn start(self) -> Result<Guard, Error> {
        let flags = Flags::new();
        let is_optional = |start| start == Start::Without;
        let optional = Optional { missing: is_optional(self.when_missing), broken: is_optional(self.when_broken) };
        let mut guard = Guard::new(flags.clone(), optional);
        let (ready, loaded) = mpsc::channel();
        for source in self.sources {
            let provenance = source.provenance();
            let unfilled = |start| if start == Start::Without { Unfilled::Silent } else { Unfilled::Dark };
            let publisher = flags
                .add_layer(provenance.clone())
                .with_clock(SystemTime::now)
                .when_unfilled(unfilled(self.when_missing), unfilled(self.when_broken));
            let worker =
                Worker::spawn(source, publisher, ready.clone()).map_err(|error| Error::thread(provenance, error))?;
            guard.push(worker);
        }
        drop(ready);
        // Nobody sends: the wait ends when every worker has loaded and let go of its end of the channel.
        let _ = loaded.recv_timeout(self.patience);

        let is_failure = |missing: bool| match if missing { self.when_missing } else { self.when_broken } {
            Start::Dark | Start::Without => false,
            Start::Refuse => true,
        };
        let failures: Vec<_> = flags
            .status()
            .sources
            .into_iter()
            // One that has loaded was well, whatever it may have reported since.
            .filter(|source| source.loads == 0)
            .filter_map(|source| source.last_error.map(|error| (source.provenance, error)))
            .filter(|(_, error)| is_failure(error.is_missing()))
            .collect();
        if failures.is_empty() { Ok(guard) } else { Err(Error::load(failures)) }
    }

    /// Starts the sources and [installs](flagkit_core::install) the flags for `flag!`.
    ///
    /// # Errors
    ///
    /// As [`start`](Builder::start), and when flags are installed for this process already.
    pub fn install(self) -> Result<Guard, Error> {
        let guard = self.start()?;
        match flagkit_core::install(guard.flags().clone()) {
            Ok(()) => Ok(guard),
            Err(_) => Err(Error::installed()),
        }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<_> = self.sources.iter().map(Source::provenance).collect();
        f.debug_struct("Builder")
            .field("sources", &sources)
            .field("when_missing", &self.when_missing)
            .field("when_broken", &self.when_broken)
            .field("patience", &self.patience)
            .finish()
    }
}
