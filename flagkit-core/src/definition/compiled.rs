//! A flag as evaluation reads it.

use super::flag::Flag;
use super::split::{Hash, Split};
use crate::bucket::{Seed, Threshold};

/// A flag with everything computed that can be before a subject is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Definition {
    /// Off for everybody.
    Off,
    /// The latest declaration could not be understood and there is no earlier one: dark.
    Refused,
    /// On for the subjects below the threshold.
    On(Split),
}

impl Definition {
    /// Compiles a flag. Its own salt, else its key, seeds the hash.
    pub(crate) fn compile(key: &str, flag: &Flag) -> Self {
        if !flag.is_switched_on() {
            return Self::Off;
        }
        let seed = Seed::from_salt(flag.salt().unwrap_or(key));
        Self::On(Split::new(Hash::Xxh3(seed), flag.shared_by(), Threshold::from(flag.rollout())))
    }
}
