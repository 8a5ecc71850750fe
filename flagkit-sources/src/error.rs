//! Why flags could not be started.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use flagkit_core::source::{LoadError, Provenance};
use flagkit_core::tooling::ForkError;

/// The reason why [`Builder::start`](crate::Builder::start), [`install`](crate::Builder::install) or
/// [`Guard::restart_after_fork`](crate::Guard::restart_after_fork) failed.
#[derive(Debug)]
pub struct Error(Kind);

#[derive(Debug)]
enum Kind {
    Load(Vec<(Provenance, Arc<LoadError>)>),
    Thread(Provenance, io::Error),
    Installed,
    Fork(ForkError),
}

impl Error {
    pub(crate) fn load(failures: Vec<(Provenance, Arc<LoadError>)>) -> Self {
        Self(Kind::Load(failures))
    }

    pub(crate) fn thread(source: Provenance, error: io::Error) -> Self {
        Self(Kind::Thread(source, error))
    }

    pub(crate) fn fork(error: ForkError) -> Self {
        Self(Kind::Fork(error))
    }

    pub(crate) fn installed() -> Self {
        Self(Kind::Installed)
    }

    /// Tells whether sources could not be loaded, as opposed to a mistake of the caller or the system.
    pub fn is_load(&self) -> bool {
        matches!(self.0, Kind::Load(_))
    }

    /// Tells whether flags are installed for this process already.
    pub fn is_installed(&self) -> bool {
        matches!(self.0, Kind::Installed)
    }

    /// Returns each source that could not be loaded, and why.
    pub fn failures(&self) -> &[(Provenance, Arc<LoadError>)] {
        match &self.0 {
            Kind::Load(failures) => failures,
            Kind::Thread(..) | Kind::Installed | Kind::Fork(_) => &[],
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Load(failures) => {
                for (index, (source, error)) in failures.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "\n" };
                    write!(f, "{separator}{source}: {error}")?;
                }
                Ok(())
            }
            Kind::Thread(source, _) => write!(f, "{source}: no thread could be started for it"),
            Kind::Fork(error) => error.fmt(f),
            Kind::Installed => f.write_str("flags are installed for this process already; install them once"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            // The display already shows the load errors themselves.
            Kind::Load(failures) => failures.first().and_then(|(_, error)| error.source()),
            Kind::Thread(_, error) => Some(error),
            Kind::Installed | Kind::Fork(_) => None,
        }
    }
}
