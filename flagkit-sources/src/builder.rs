//! Combines sources and starts them.

use std::fmt;
#[cfg(feature = "approvals")]
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use flagkit_core::Flags;
use flagkit_core::source::{OnFailedStart, Source, StartPolicy};

#[cfg(feature = "approvals")]
use crate::approvals::{Enforcement, Requirement};
use crate::dark_start::{self, Fallback};
use crate::error::Error;
use crate::guard::Guard;
use crate::overrides::Overrides;
use crate::worker::Worker;

/// Combines sources into layers and starts them.
///
/// An application creates one in `main`, adds its sources from the lowest layer to the highest, and keeps the [`Guard`]
/// that [`start`](Builder::start) or [`install`](Builder::install) returns.
///
/// # Examples
///
/// Two files and the environment, lowest layer first. The first file must exist, and the second may be missing:
///
/// ```no_run
/// use flagkit_sources::{Builder, Env, File};
///
/// let guard = Builder::new()
///     .required(File::new("flags.toml"))
///     .optional(File::new("flags.prod.toml"))
///     .source(Env::new("FLAG_"))
///     .install()?;
/// # Ok::<(), flagkit_sources::Error>(())
/// ```
#[must_use = "a builder does nothing until `start` or `install`"]
pub struct Builder {
    sources: Vec<(Box<dyn Source>, Policy)>,
    /// The policy of sources without their own.
    policy: StartPolicy,
    startup_timeout: Duration,
    fallback: Fallback,
    #[cfg(feature = "approvals")]
    requirement: Option<Requirement>,
    #[cfg(feature = "approvals")]
    state_folder: Option<PathBuf>,
}

/// Where the policy of a source comes from.
///
/// It is resolved at the start, because the policy of the builder may be set after the source is added.
#[derive(Clone, Copy, Debug)]
enum Policy {
    OfBuilder,
    Optional,
    Own(StartPolicy),
}

impl Policy {
    fn resolve(self, of_builder: StartPolicy) -> StartPolicy {
        match self {
            Self::OfBuilder => of_builder,
            Self::Optional => StartPolicy { missing: OnFailedStart::Skip, ..of_builder },
            Self::Own(policy) => policy,
        }
    }
}

impl Builder {
    /// Creates a builder without sources.
    pub fn new() -> Self {
        Self {
            sources: Vec::new(),
            policy: StartPolicy { invalid: OnFailedStart::Fail, ..StartPolicy::all(OnFailedStart::StayDark) },
            startup_timeout: Duration::from_secs(5),
            fallback: Fallback::StandardError,
            #[cfg(feature = "approvals")]
            requirement: None,
            #[cfg(feature = "approvals")]
            state_folder: None,
        }
    }

    /// Adds a source, as a layer above all that were added before.
    ///
    /// The policies of the builder decide what happens if it cannot be loaded: [`when_missing`](Builder::when_missing),
    /// [`when_unreachable`](Builder::when_unreachable) and [`when_invalid`](Builder::when_invalid).
    pub fn source(self, source: impl Source) -> Self {
        self.add(source, Policy::OfBuilder)
    }

    /// Adds a source that must load: the start fails if it is missing, unreachable or invalid.
    pub fn required(self, source: impl Source) -> Self {
        self.source_with(source, StartPolicy::all(OnFailedStart::Fail))
    }

    /// Adds a source that may be missing: the start skips it then, and applies it once it has loaded.
    ///
    /// Only "there is none" makes it optional. A server that cannot be reached, or a file that cannot be read, may have
    /// flags that turn some off; for these cases the policies of the builder apply.
    pub fn optional(self, source: impl Source) -> Self {
        self.add(source, Policy::Optional)
    }

    /// Adds a source with its own policy, instead of those of the builder.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use flagkit_sources::{Builder, File, OnFailedStart, StartPolicy};
    ///
    /// let policy = StartPolicy { invalid: OnFailedStart::Fail, ..StartPolicy::all(OnFailedStart::Skip) };
    /// let guard = Builder::new()
    ///     .source(File::new("flags.toml"))
    ///     .source_with(File::new("/mnt/overrides/flags.toml"), policy)
    ///     .start()?;
    /// # Ok::<(), flagkit_sources::Error>(())
    /// ```
    pub fn source_with(self, source: impl Source, policy: StartPolicy) -> Self {
        self.add(source, Policy::Own(policy))
    }

    fn add(mut self, source: impl Source, policy: Policy) -> Self {
        self.sources.push((Box::new(source), policy));
        self
    }

    /// Sets what to do if a source has nothing to load yet. Default: [`OnFailedStart::StayDark`].
    ///
    /// Like the other policies of the builder it applies to all sources without their own, also to earlier ones.
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

    /// Writes nothing to standard error.
    ///
    /// By default a start that leaves flags dark, because a source has not loaded, writes one line for each such
    /// source. It does so once per process, and not if there is a subscriber of the crate `tracing` (feature
    /// `tracing`), which receives an event instead.
    pub fn quiet(mut self) -> Self {
        self.fallback = Fallback::Nowhere;
        self
    }

    /// Requires approvals: a flag is dark unless people of this list approved it in this environment.
    ///
    /// `approvers` is the text of the [list](crate::approvals::Approvers). Compile it into the program, with
    /// `include_str!(".flagkit/approvers")`, so that no document can change it. `environment` is the name that the
    /// approvals state, such as `prod`.
    ///
    /// A flag needs no approval while it is off, or on for no subject. A migration without an approval keeps its stage.
    /// Environment variables can only narrow. [`Flags::status`] lists each flag that lacks an approval as a problem,
    /// with the reason. A line of the list that does not count is a warning of the source `approvals:prod` in the
    /// status.
    ///
    /// Set a [state folder](Self::state_folder) too. Otherwise a restarted process accepts an approval again that was
    /// replaced or reverted before.
    #[cfg(feature = "approvals")]
    pub fn require_approvals(mut self, approvers: impl Into<String>, environment: impl Into<String>) -> Self {
        self.requirement = Some(Requirement { approvers: approvers.into(), environment: environment.into() });
        self
    }

    /// Sets the folder in which the program remembers the newest approval of each flag. Default: none.
    ///
    /// With it, an attacker who can write a flag file and restart the process cannot restore a flag that was turned
    /// off, nor an older release of it. The folder is created if it does not exist. Its file has the name `approvals-`
    /// and the environment. Only the user of the process can read it. Each
    /// process that runs at the same time needs a folder of its own, because one of them may load a document later than
    /// another.
    ///
    /// A file that is damaged, or that other users may write, is a warning, and the program starts without it.
    #[cfg(feature = "approvals")]
    pub fn state_folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_folder = Some(path.into());
        self
    }

    /// Starts the sources, each on its own thread, and waits for their first loads.
    ///
    /// # Errors
    ///
    /// Returns an error if a source cannot be loaded and its policy is [`OnFailedStart::Fail`], or if the system cannot
    /// start a thread for it. All sources are stopped then. With approvals, returns an error too if the list of
    /// approvers has no valid line, or if the name of the environment is invalid.
    pub fn start(self) -> Result<Guard, Error> {
        let flags = Flags::new();
        #[cfg(feature = "approvals")]
        let enforcement = self
            .requirement
            .as_ref()
            .map(|requirement| Enforcement::new(&flags, requirement, self.state_folder.as_ref()));
        #[cfg(feature = "approvals")]
        let enforcement = enforcement.transpose()?;
        let policies: Vec<_> = self.sources.iter().map(|(_, policy)| policy.resolve(self.policy)).collect();
        let mut guard = Guard::new(flags.clone(), policies.clone());
        let (ready, loaded) = mpsc::channel();
        let mut publishers = Vec::new();
        // All layers exist before the first source loads, so that no layer counts without those above it.
        let layers = self.sources.into_iter().zip(&policies).map(|((source, _), policy)| {
            let publisher = flags.add_layer(source.provenance()).with_clock(SystemTime::now);
            (source, publisher.before_first_load(*policy))
        });
        let layers: Vec<_> = layers.collect();
        #[cfg(feature = "approvals")]
        if let Some(enforcement) = enforcement {
            guard.hold(enforcement.watch(&flags));
        }
        for (source, publisher) in layers {
            let provenance = source.provenance();
            let worker = Worker::spawn(source, publisher, ready.clone())?;
            publishers.push((provenance, worker.publisher()));
            guard.push(worker);
        }
        drop(ready);
        // No worker sends: the wait ends when every worker has loaded and dropped its end of the channel.
        let _ = loaded.recv_timeout(self.startup_timeout);

        let sources = flags.status().sources;
        let failures: Vec<_> = sources
            .iter()
            .zip(&policies)
            // A source that has loaded has started, whatever it has reported since.
            .filter(|(source, _)| source.loads == 0)
            .filter_map(|(source, policy)| Some((source.provenance.clone(), source.last_error.clone()?, policy)))
            .filter(|(_, error, policy)| policy.on(error.kind()) == OnFailedStart::Fail)
            .map(|(provenance, error, _)| (provenance, error))
            .collect();
        if !failures.is_empty() {
            return Err(Error::load(failures));
        }
        dark_start::report(&sources, &policies, self.fallback);
        if let Some(overrides) = Overrides::new(flags, policies, publishers) {
            guard.hold(overrides.watch());
        }
        Ok(guard)
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
        let sources: Vec<_> = self.sources.iter().map(|(source, policy)| (source.provenance(), policy)).collect();
        f.debug_struct("Builder")
            .field("sources", &sources)
            .field("policy", &self.policy)
            .field("startup_timeout", &self.startup_timeout)
            .field("fallback", &self.fallback)
            .finish_non_exhaustive()
    }
}
