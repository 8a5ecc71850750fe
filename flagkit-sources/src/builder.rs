//! From sources to running flags.

use std::fmt;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use flagkit_core::Flags;
use flagkit_core::source::{OnFailedStart, Source, StartPolicy};

use crate::error::Error;
use crate::guard::Guard;
use crate::worker::Worker;

/// Puts sources together and starts them.
///
/// # Examples
///
/// Two files and the environment, lowest layer first:
///
/// ```no_run
/// use flagkit_sources::{Builder, Env, File, OnFailedStart};
///
/// let guard = Builder::new()
///     .source(File::new("flags.toml"))
///     .source(File::new("flags.prod.toml"))
///     .source(Env::new("FLAG_"))
///     .when_missing(OnFailedStart::Fail)
///     .install()?;
/// # Ok::<(), flagkit_sources::Error>(())
/// ```
#[must_use = "a builder does nothing until `start` or `install`"]
pub struct Builder {
    sources: Vec<Box<dyn Source>>,
    policy: StartPolicy,
    patience: Duration,
}

impl Builder {
    /// Makes a builder without sources.
    pub fn new() -> Self {
        Self {
            sources: Vec::new(),
            policy: StartPolicy { invalid: OnFailedStart::Fail, ..StartPolicy::all(OnFailedStart::StayDark) },
            patience: Duration::from_secs(5),
        }
    }

    /// Adds a source, as a layer above those added before.
    pub fn source(mut self, source: impl Source) -> Self {
        self.sources.push(Box::new(source));
        self
    }

    /// Sets what to do when there is nothing to load yet. Default: [`OnFailedStart::StayDark`].
    pub fn when_missing(mut self, on_failed_start: OnFailedStart) -> Self {
        self.policy.missing = on_failed_start;
        self
    }

    /// Sets what to do when what is there cannot be asked for, as while a server is away. Default: [`OnFailedStart::StayDark`].
    ///
    /// A server that is silent for longer than the [startup timeout](Builder::startup_timeout) is waited for in the background; to
    /// have it refuse the start, give it less time than that.
    pub fn when_unreachable(mut self, on_failed_start: OnFailedStart) -> Self {
        self.policy.unreachable = on_failed_start;
        self
    }

    /// Sets what to do when something is there and is refused as a whole. Default: [`OnFailedStart::Fail`].
    ///
    /// A document in which single flags are refused is not broken: it starts, those flags are dark, and
    /// [`Flags::status`] lists the problems.
    pub fn when_invalid(mut self, on_failed_start: OnFailedStart) -> Self {
        self.policy.invalid = on_failed_start;
        self
    }

    /// Sets how long to wait for the first loads of all sources together. Default: 5 seconds.
    ///
    /// A source that has not answered by then is waited for in the background; until it does, it and the layers below
    /// it are dark, unless [`OnFailedStart::Skip`] says otherwise for all cases.
    pub fn startup_timeout(mut self, patience: Duration) -> Self {
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
            let publisher =
                flags.add_layer(source.provenance()).with_clock(SystemTime::now).before_first_load(self.policy);
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
            .filter(|(_, error)| self.policy.on(error.kind()) == OnFailedStart::Fail)
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
