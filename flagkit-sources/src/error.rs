//! The error type of this crate.
//!
//! Every fallible function here returns [`Error`], which is opaque: the kinds are private, so that new ones break no
//! caller. Callers use its predicates to distinguish them.
//!
//! A document that cannot be loaded is a different matter. It is a [`LoadError`], which sources report at any time, and
//! the [status](crate::Guard::status) shows it. It becomes an [`Error`] only if it makes a start fail.
//!
//! # Secrets
//!
//! URLs, headers and certificates may hold secrets. Their errors therefore carry a fixed text, never the input and
//! never the error of a parser.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use flagkit_core::source::{LoadError, Provenance};
use flagkit_core::tooling::write_report;

/// The error of this crate's functions: what could not be started, restarted or configured.
///
/// The predicates distinguish the kinds, and [`source`](StdError::source) returns the cause if there is one. The
/// message and the debug output never contain a URL's secrets, a header or a certificate.
///
/// # Examples
///
/// ```
/// use flagkit_sources::{Builder, File, OnFailedStart};
///
/// let file = File::new("/no/such/flags.toml");
/// let error = Builder::new().source(file).when_missing(OnFailedStart::Fail).start().unwrap_err();
/// assert!(error.is_load());
/// assert_eq!(error.to_string(), "file:/no/such/flags.toml: there is no such file");
/// ```
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] ErrorKind);

/// Shows the message and its causes, because that is what a `main` prints that returns the error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_report(self, f)
    }
}

/// The private kinds of [`Error`], each with its message and cause.
///
/// Only the constructors of [`Error`] make one.
#[derive(Debug, thiserror::Error)]
enum ErrorKind {
    #[error(transparent)]
    Load(LoadFailures),
    #[error("{provenance}: cannot start a thread for the source")]
    Thread { provenance: Provenance, source: io::Error },
    #[error("cannot install the flags: this process has installed flags already")]
    Installed,
    #[error(transparent)]
    Fork(flagkit_core::Error),
    #[cfg(feature = "http")]
    #[error("cannot use this URL: {0}")]
    Url(&'static str),
    #[cfg(feature = "http")]
    #[error("cannot send this header: {0}")]
    Header(&'static str),
    #[cfg(feature = "http")]
    #[error("cannot trust these certificates: {0}")]
    Certificate(&'static str),
    #[cfg(feature = "approvals")]
    #[error("cannot use the list of approvers: {0}")]
    Approvers(String),
    #[cfg(feature = "approvals")]
    #[error("cannot require approvals in the environment {0:?}: expected up to 64 letters, digits, `-`, `_` and `.`")]
    Environment(String),
}

/// The load errors that made a start fail, each with its source.
///
/// Displays one per line, with all their problems. Its cause is the cause of the first one.
#[derive(Debug)]
struct LoadFailures(Vec<(Provenance, Arc<LoadError>)>);

impl Error {
    /// Sources could not be loaded, and their [policy](crate::OnFailedStart) is to fail.
    pub(crate) fn load(failures: Vec<(Provenance, Arc<LoadError>)>) -> Self {
        ErrorKind::Load(LoadFailures(failures)).into()
    }

    /// The system has no thread for the source `provenance`.
    pub(crate) fn thread(provenance: Provenance, source: io::Error) -> Self {
        ErrorKind::Thread { provenance, source }.into()
    }

    /// Another call has installed flags before.
    pub(crate) fn installed() -> Self {
        ErrorKind::Installed.into()
    }

    /// The process was forked during a change, so the child cannot change its flags.
    pub(crate) fn fork(error: flagkit_core::Error) -> Self {
        ErrorKind::Fork(error).into()
    }

    /// A text is not a URL to load flags from. `reason` completes "cannot use this URL: ".
    #[cfg(feature = "http")]
    pub(crate) fn url(reason: &'static str) -> Self {
        ErrorKind::Url(reason).into()
    }

    /// A name or value cannot be part of a header. `reason` completes "cannot send this header: ".
    #[cfg(feature = "http")]
    pub(crate) fn header(reason: &'static str) -> Self {
        ErrorKind::Header(reason).into()
    }

    /// A text holds no certificates to trust. `reason` completes "cannot trust these certificates: ".
    #[cfg(feature = "http")]
    pub(crate) fn certificate(reason: &'static str) -> Self {
        ErrorKind::Certificate(reason).into()
    }

    /// A list of approvers has lines because of which no program can use it.
    #[cfg(feature = "approvals")]
    pub(crate) fn approvers(what: &str, lines: &[crate::approvals::RejectedLine]) -> Self {
        let lines = lines.iter().map(|line| format!("\n  {line}"));
        ErrorKind::Approvers(std::iter::once(what.to_owned()).chain(lines).collect()).into()
    }

    /// A text cannot be the name of an environment.
    #[cfg(feature = "approvals")]
    pub(crate) fn environment(name: &str) -> Self {
        ErrorKind::Environment(name.to_owned()).into()
    }

    /// Returns whether the start failed because sources could not be loaded; see [`failures`](Error::failures).
    pub fn is_load(&self) -> bool {
        matches!(self.0, ErrorKind::Load(_))
    }

    /// Returns whether the system could not start a thread for a source.
    pub fn is_thread(&self) -> bool {
        matches!(self.0, ErrorKind::Thread { .. })
    }

    /// Returns whether flags are already installed for this process.
    pub fn is_installed(&self) -> bool {
        matches!(self.0, ErrorKind::Installed)
    }

    /// Returns whether the process was forked during a change, so that its flags cannot change any more.
    pub fn is_fork(&self) -> bool {
        matches!(self.0, ErrorKind::Fork(_))
    }

    /// Returns whether a text is not a URL that flags can be loaded from.
    #[cfg(feature = "http")]
    pub fn is_invalid_url(&self) -> bool {
        matches!(self.0, ErrorKind::Url(_))
    }

    /// Returns whether a name or value cannot be sent as a header.
    #[cfg(feature = "http")]
    pub fn is_invalid_header(&self) -> bool {
        matches!(self.0, ErrorKind::Header(_))
    }

    /// Returns whether a text holds no certificates that can be trusted.
    #[cfg(feature = "http")]
    pub fn is_invalid_certificate(&self) -> bool {
        matches!(self.0, ErrorKind::Certificate(_))
    }

    /// Returns whether a list of approvers cannot be used: it has no valid approver, or an invalid comment of flagkit.
    #[cfg(feature = "approvals")]
    pub fn is_invalid_approvers(&self) -> bool {
        matches!(self.0, ErrorKind::Approvers(_))
    }

    /// Returns whether a text cannot be the name of an environment.
    #[cfg(feature = "approvals")]
    pub fn is_invalid_environment(&self) -> bool {
        matches!(self.0, ErrorKind::Environment(_))
    }

    /// Returns each source that could not be loaded, with its error. Empty unless [`is_load`](Error::is_load).
    pub fn failures(&self) -> &[(Provenance, Arc<LoadError>)] {
        match &self.0 {
            ErrorKind::Load(LoadFailures(failures)) => failures,
            _ => &[],
        }
    }
}

impl fmt::Display for LoadFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (provenance, error)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{provenance}: {error}")?;
        }
        Ok(())
    }
}

impl StdError for LoadFailures {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The message already contains the load errors themselves, so the chain continues with their cause.
        self.0.first().and_then(|(_, error)| error.source())
    }
}
