//! The result of a load: flags with their problems, or the reason why there are none.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::write_report;
use crate::model::FlagSet;
use crate::model::problem::{Problem, escape_control_chars};

/// A load that was accepted: the flags, and the problems of the flags that could not be read.
///
/// One invalid flag does not affect the others: the set holds its key as [invalid](FlagSet::insert_invalid), and its
/// problems are listed here.
#[derive(Clone, Debug, Default)]
pub struct Load {
    flags: FlagSet,
    problems: Vec<Problem>,
    age: Age,
}

/// The age of a load, and the reason for it. The layer of the source records both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Age {
    /// When the flags were current. `None` means now.
    pub(crate) as_of: Option<SystemTime>,
    /// Why the source has no newer flags.
    pub(crate) error: Option<Arc<LoadError>>,
}

impl Load {
    /// Creates a load from a set of flags without problems.
    pub fn new(flags: FlagSet) -> Self {
        Self { flags, problems: Vec::new(), age: Age::default() }
    }

    /// Adds problems.
    pub fn with_problems(mut self, problems: impl IntoIterator<Item = Problem>) -> Self {
        self.problems.extend(problems);
        self
    }

    /// Sets the time at which these flags were current. The load still counts as fresh.
    ///
    /// The [status](crate::tooling::SourceStatus::last_good) shows this time.
    pub fn as_of(mut self, time: SystemTime) -> Self {
        self.age.as_of = Some(time);
        self
    }

    /// Marks these flags as the last good ones of an earlier time, and records why there are no newer ones.
    ///
    /// The flags take effect, and the source is [stale](crate::tooling::SourceState::Stale) from the start. A source
    /// uses this when it starts from a cache.
    pub fn stale(mut self, error: LoadError, as_of: Option<SystemTime>) -> Self {
        self.age = Age { as_of, error: Some(Arc::new(error)) };
        self
    }

    /// Returns why there are no newer flags, if the load is [stale](Self::stale).
    pub fn staleness(&self) -> Option<&LoadError> {
        self.age.error.as_deref()
    }

    /// Returns the flags.
    pub fn flags(&self) -> &FlagSet {
        &self.flags
    }

    /// Returns the problems, in the order of the document.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub(crate) fn into_parts(self) -> (FlagSet, Vec<Problem>, Age) {
        (self.flags, self.problems, self.age)
    }
}

impl From<FlagSet> for Load {
    fn from(flags: FlagSet) -> Self {
        Self::new(flags)
    }
}

/// The reason why a load was rejected as a whole. The layer keeps its last good flags.
///
/// # Examples
///
/// ```
/// use flagkit_core::source::{LoadError, Problem};
///
/// let error = LoadError::new("not valid TOML")
///     .with_problems([Problem::new("", "`=`", "a key").at(3, 1)]);
/// assert_eq!(error.to_string(), "not valid TOML\n  3:1: got `=`, expected a key");
/// assert!(!error.is_missing());
/// ```
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct LoadError(Box<Inner>);

/// Shows the message, the problems and the causes, because that is what a `main` prints that returns the error.
impl fmt::Debug for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_report(self, f)
    }
}

/// The contents of a [`LoadError`], boxed because the error is returned by value from every load.
#[derive(Debug, thiserror::Error)]
#[error("{message}{}", Lines(.problems))]
struct Inner {
    kind: ErrorKind,
    message: Box<str>,
    problems: Vec<Problem>,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// Problems as the lines below the message of an error, each indented.
struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// The kind of a [`LoadError`]. It selects what a layer without a good load does; see
/// [`StartPolicy`](crate::source::StartPolicy).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The source has nothing to load (yet).
    Missing,
    /// The source does not respond now: a network failure, a timeout, an overloaded server.
    Unreachable,
    /// The source has contents that cannot be used.
    Invalid,
}

impl ErrorKind {
    pub(crate) const ALL: [Self; 3] = [Self::Missing, Self::Unreachable, Self::Invalid];
}

impl LoadError {
    /// Creates an error of the kind [`Invalid`](ErrorKind::Invalid).
    pub fn new(message: impl Into<String>) -> Self {
        Self::with_kind(ErrorKind::Invalid, message)
    }

    /// Creates an error of the kind [`Missing`](ErrorKind::Missing).
    pub fn missing(message: impl Into<String>) -> Self {
        Self::with_kind(ErrorKind::Missing, message)
    }

    /// Creates an error of the kind [`Unreachable`](ErrorKind::Unreachable).
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::with_kind(ErrorKind::Unreachable, message)
    }

    fn with_kind(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: escape_control_chars(message.into()), problems: Vec::new(), cause: None }))
    }

    /// Adds the problems of the text, one per location.
    pub fn with_problems(mut self, problems: impl IntoIterator<Item = Problem>) -> Self {
        self.0.problems.extend(problems);
        self
    }

    /// Sets the error that caused this one.
    pub fn with_cause(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Box::new(cause));
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns whether there was nothing to load.
    pub fn is_missing(&self) -> bool {
        self.0.kind == ErrorKind::Missing
    }

    /// Returns the problems of the text, one per location.
    pub fn problems(&self) -> &[Problem] {
        &self.0.problems
    }
}
