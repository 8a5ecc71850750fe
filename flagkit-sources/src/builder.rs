//! Combines sources and starts them.

use std::fmt;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use flagkit_core::Flags;
use flagkit_core::source::{OnFailedStart, Source, StartPolicy};

use crate::error::Error;
use crate::guard::Guard;
use crate::worker::Worker;

/// Combines sources into layers and starts them.
///
/// An application creates one in `main`, adds its sources from the lowest layer to the highest, and keeps the [`Guard`]
/// that [`start`](Builder::start) or [`install`](Builder::install) returns.
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
    startup_timeout: Duration,
}

impl Builder {
    /// Creates a builder without sources.
    pub fn new() -> Self {
        Self {
            sources: Vec::new(),
            policy: StartPolicy { invalid: OnFailedStart::Fail, ..StartPolicy::all(OnFailedStart::StayDark) },
            startup_timeout: Duration::from_secs(5),
        }
    }

    /// Adds a source, as a layer above all that were added before.
    pub fn source(mut self, source: impl Source) -> Self {
        self.sources.push(Box::new(source));
        self
    }

    /// Sets what to do if a source has nothing to load yet. Default: [`OnFailedStart::StayDark`].
    pub fn when_missing(mut self, on_failed_start: OnFailedStart) -> Self {
        self.policy.missing = on_failed_start;
        self
    }

    /// Sets what to do if a source cannot be reached, for example while a server is down.
    /// Default: [`OnFailedStart::StayDark`].
    ///
    /// A server that is silent for longer than the [startup timeout](Builder::startup_timeout) does not make the start
    /// fail: the source waits for it in the background. To make the start fail, give the source shorter timeouts.
    pub fn when_unreachable(mut self, on_failed_start: OnFailedStart) -> Self {
        self.policy.unreachable = on_failed_start;
        self
    }

    /// Sets what to do if a document is invalid as a whole. Default: [`OnFailedStart::Fail`].
    ///
    /// A document in which only some flags are invalid is valid as a whole. The start succeeds, those flags are dark,
    /// and [`Flags::status`] lists the problems.
    pub fn when_invalid(mut self, on_failed_start: OnFailedStart) -> Self {
        self.policy.invalid = on_failed_start;
        self
    }

    /// Sets how long a start waits for the first loads of all sources together. Default: 5 seconds.
    ///
    /// A source that has not loaded by then continues in the background. Until it has loaded, it and the layers below
    /// it are dark, unless the policy is [`OnFailedStart::Skip`] for all cases.
    pub fn startup_timeout(mut self, timeout: Duration) -> Self {
        self.startup_timeout = timeout;
        self
    }

    /// Starts the sources, each on its own thread, and waits for their first loads.
    ///
    /// # Errors
    ///
    /// Returns an error if a source cannot be loaded and its policy is [`OnFailedStart::Fail`], or if the system cannot
    /// start a thread for it. All sources are stopped then.
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
        // No worker sends: the wait ends when every worker has loaded and dropped its end of the channel.
        let _ = loaded.recv_timeout(self.startup_timeout);

        let failures: Vec<_> = flags
            .status()
            .sources
            .into_iter()
            // A source that has loaded has started, whatever it has reported since.
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
    /// Returns the errors of [`start`](Builder::start), and an error if flags are already installed for this process.
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
            .field("startup_timeout", &self.startup_timeout)
            .finish()
    }
}
