//! What comes of asking a source for its flags.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::model::FlagSet;
use crate::model::problem::{Problem, printable};

/// A load that was accepted: the flags, and the problems of those flags that were not understood.
///
/// One broken flag does not take the others down: its key is [refused](FlagSet::insert_invalid) in the set and its problems
/// are listed here.
#[derive(Clone, Debug, Default)]
pub struct Load {
    flags: FlagSet,
    problems: Vec<Problem>,
    age: Age,
}

/// How old a load is, and why.
#[derive(Clone, Debug, Default)]
pub(crate) struct Age {
    /// Now, unless it says otherwise.
    pub(crate) as_of: Option<SystemTime>,
    /// Why there are no newer flags.
    pub(crate) error: Option<Arc<LoadError>>,
}

impl Load {
    /// Takes a set of flags without problems.
    pub fn new(flags: FlagSet) -> Self {
        Self { flags, problems: Vec::new(), age: Age::default() }
    }

    /// Adds problems.
    pub fn with_problems(mut self, problems: impl IntoIterator<Item = Problem>) -> Self {
        self.problems.extend(problems);
        self
    }

    /// Says that these are the flags as they were known to be at this time, and that they are fresh all the same.
    ///
    /// They count as good; the time shows in the [status](crate::tooling::SourceStatus::last_good).
    pub fn as_of(mut self, time: SystemTime) -> Self {
        self.age.as_of = Some(time);
        self
    }

    /// Says that these are the last good flags of an earlier time, kept somewhere, and why there are no newer ones.
    ///
    /// They count, and the source is [stale](crate::tooling::SourceState::Stale) from the start.
    pub fn stale(mut self, error: LoadError, as_of: Option<SystemTime>) -> Self {
        self.age = Age { as_of, error: Some(Arc::new(error)) };
        self
    }

    /// Returns why there are no newer flags, if these are of an earlier time.
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

/// The reason why a load was refused as a whole. The layer keeps its last good flags.
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
#[derive(Debug)]
pub struct LoadError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: Box<str>,
    problems: Vec<Problem>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// What is the matter with a load. It decides what a layer means that has never had a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// There is nothing there (yet).
    Missing,
    /// What is there cannot be asked for now: the network, a timeout, a server that is overloaded.
    Unreachable,
    /// Something is there and cannot be used.
    Invalid,
}

impl ErrorKind {
    pub(crate) const ALL: [Self; 3] = [Self::Missing, Self::Unreachable, Self::Invalid];
}

impl LoadError {
    /// Something is there and cannot be used.
    pub fn new(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Invalid, message)
    }

    /// There is nothing there (yet).
    pub fn missing(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Missing, message)
    }

    /// What is there cannot be asked for now.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Unreachable, message)
    }

    fn of(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: printable(message.into()), problems: Vec::new(), cause: None }))
    }

    /// Adds what is wrong with the text, place by place.
    pub fn with_problems(mut self, problems: impl IntoIterator<Item = Problem>) -> Self {
        self.0.problems.extend(problems);
        self
    }

    /// Adds the error that led to this one.
    pub fn with_cause(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Box::new(cause));
        self
    }

    /// Returns what is the matter.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Tells whether there was nothing to load.
    pub fn is_missing(&self) -> bool {
        self.0.kind == ErrorKind::Missing
    }

    /// Returns what is wrong with the text, place by place.
    pub fn problems(&self) -> &[Problem] {
        &self.0.problems
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        self.0.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}
