//! From sources to running flags.

use std::fmt;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use flagkit_core::{Flags, Source, Unfilled};

use crate::error::Error;
use crate::guard::Guard;
use crate::policy::{Policy, Start};
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
    policy: Policy,
    patience: Duration,
}

impl Builder {
    /// Makes a builder without sources.
    pub fn new() -> Self {
        Self {
            sources: Vec::new(),
            policy: Policy { missing: Start::Dark, unreachable: Start::Dark, broken: Start::Refuse },
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
        self.policy.missing = start;
        self
    }

    /// Sets what to do when what is there cannot be asked for, as while a server is away. Default: [`Start::Dark`].
    ///
    /// A server that is silent for longer than the [patience](Builder::patience) is waited for in the background; to
    /// have it refuse the start, give it less time than that.
    pub fn when_unreachable(mut self, start: Start) -> Self {
        self.policy.unreachable = start;
        self
    }

    /// Sets what to do when something is there and is refused as a whole. Default: [`Start::Refuse`].
    ///
    /// A document in which single flags are refused is not broken: it starts, those flags are dark, and
    /// [`Flags::status`] lists the problems.
    pub fn when_broken(mut self, start: Start) -> Self {
        self.policy.broken = start;
        self
    }

    /// Sets how long to wait for the first loads of all sources together. Default: 5 seconds.
    ///
    /// A source that has not answered by then is waited for in the background; until it does, it and the layers below
    /// it are dark, unless [`Start::Without`] says otherwise for all cases.
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
        let mut guard = Guard::new(flags.clone(), self.policy);
        let (ready, loaded) = mpsc::channel();
        for source in self.sources {
            let unfilled = |start| if start == Start::Without { Unfilled::Silent } else { Unfilled::Dark };
            let Policy { missing, unreachable, broken } = self.policy;
            let publisher = flags.add_layer(source.provenance()).with_clock(SystemTime::now).when_unfilled(
                unfilled(missing),
                unfilled(unreachable),
                unfilled(broken),
            );
            guard.push(Worker::spawn(source, publisher, ready.clone())?);
        }
        drop(ready);
        // Nobody sends: the wait ends when every worker has loaded and let go of its end of the channel.
        let _ = loaded.recv_timeout(self.patience);

        let failures: Vec<_> = flags
            .status()
            .sources
            .into_iter()
            // One that has loaded was well, whatever it may have reported since.
            .filter(|source| source.loads == 0)
            .filter_map(|source| source.last_error.map(|error| (source.provenance, error)))
            .filter(|(_, error)| self.policy.when(error.kind()) == Start::Refuse)
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
            .field("policy", &self.policy)
            .field("patience", &self.patience)
            .finish()
    }
}
