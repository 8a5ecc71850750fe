//! What a forked child needs before its flags can change again.

use std::error::Error;
use std::fmt;

use crate::read::call_site;
use crate::read::flags::Flags;

/// Makes flags fit to be published to again after `fork(2)`, in the child, where the threads that published are gone.
///
/// For runtimes such as flagkit-sources, which then give each layer a new [`Publisher`](crate::source::Publisher::reopen).
/// Reading needs none of this: it takes no lock. In a process that has its threads this does nothing.
///
/// # Errors
///
/// Returns an error when one of those threads was changing something at the moment of the fork. What it had locked stays
/// locked: leave everything alone then but reading.
pub fn recover_after_fork(flags: &Flags) -> Result<(), ForkError> {
    let store = flags.store();
    if !store.is_forked() || call_site::is_registry_unlocked() && store.recover() { Ok(()) } else { Err(ForkError(())) }
}

/// The process was forked while its flags were being changed, so that they cannot change any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkError(());

impl fmt::Display for ForkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the process was forked while its flags were being changed: they stay as they are; fork again, or start the sources after the fork")
    }
}

impl Error for ForkError {}
