//! The errors of plans and writes.

use crate::model::Stage;

/// Why there is no plan for a unit of work; see [`Migration::plan`](super::Migration::plan).
///
/// A caller must not continue with a guess: after reads moved to the new side, the old one is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No layer declares the migration, and the build embeds no stage.
    #[error("cannot plan migration {key}: no stage is known, because no layer declares it and the build embeds none")]
    Unknown {
        /// The key of the migration.
        key: &'static str,
    },
    /// The declaration is invalid, and no earlier one of this process was valid.
    #[error("cannot plan migration {key}: its declaration is invalid, and there is no earlier valid one")]
    Invalid {
        /// The key of the migration.
        key: &'static str,
    },
    /// The migration is at a stage for which this build has no code.
    #[error("cannot plan migration {key}: got stage {stage}, and this build supports {first} to {last}")]
    Unsupported {
        /// The key of the migration.
        key: &'static str,
        /// The stage that is in effect.
        stage: Stage,
        /// The first stage that this build supports.
        first: Stage,
        /// The last stage that this build supports.
        last: Stage,
    },
    /// The data is partitioned by an attribute, and the subject lacks it, or there is no subject.
    #[error("cannot plan migration {key}: the subject lacks the attribute that partitions the data; use `plan_for`")]
    MissingPartition {
        /// The key of the migration.
        key: &'static str,
    },
    /// A layer declares the key as a flag with a switch.
    #[error("cannot plan migration {key}: it is declared without `kind = \"migration\"`")]
    NotAMigration {
        /// The key of the migration.
        key: &'static str,
    },
}

/// Why a write to both sides failed; see [`Plan::write`](super::Plan::write).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError<E> {
    /// The write to the authoritative side failed. The other side was not written.
    #[error("cannot write to the authoritative side")]
    Authoritative(#[source] E),
    /// The authoritative side was written, and the write to the other side failed. Only a migration with
    /// `second_write = Fail` returns this.
    #[error("cannot write to the second side, but the authoritative side was written")]
    Second(#[source] E),
}

impl<E> WriteError<E> {
    /// Returns the error of the side that failed.
    pub fn into_inner(self) -> E {
        match self {
            Self::Authoritative(error) | Self::Second(error) => error,
        }
    }

    /// Returns whether the authoritative side was written.
    pub fn is_written(&self) -> bool {
        matches!(self, Self::Second(_))
    }
}
