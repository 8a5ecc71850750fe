//! The error type of this crate.
//!
//! Every fallible constructor here returns [`Error`], which is opaque: the kinds are private, so that new ones break no
//! caller. Callers distinguish the kinds by its predicates.
//!
//! Two errors are types of their own because they carry data: [`LoadError`](crate::source::LoadError) holds the
//! problems of a document, and [`InstallError`](crate::InstallError) returns the flags that were not installed.
//!
//! This file is below all folders: it imports none of them, and each of them may make an error.

use std::sync::Arc;

/// The error of this crate's constructors: which value was rejected, and why.
///
/// The predicates distinguish the kinds. [`source`](std::error::Error::source) returns the cause, if there is one.
/// Cloning is cheap.
///
/// # Examples
///
/// ```
/// use flagkit_core::{FlagKey, Percent};
///
/// let error = FlagKey::new("new checkout").unwrap_err();
/// assert!(error.is_key());
/// assert!(error.to_string().contains("' ' at byte 3"));
/// assert!("120".parse::<Percent>().unwrap_err().is_percent());
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] ErrorKind);

/// The private kinds of [`Error`], each with its message and cause.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ErrorKind {
    #[error("an empty key; a key has 1 to 128 characters")]
    KeyEmpty,
    #[error("a key of {len} bytes; a key has at most {max} bytes")]
    KeyTooLong { len: usize, max: usize },
    #[error("a key that begins with {found:?}; a key begins with an ASCII letter or digit")]
    KeyStart { found: char },
    #[error("{found:?} at byte {index} of a key; legal are ASCII letters, digits, '.', '_' and '-'")]
    KeyCharacter { index: usize, found: char },
    #[error("{found:?} at byte {index} of a key in upper case; legal are ASCII capitals, digits and '_'")]
    KeyNotUpperCase { index: usize, found: char },
    #[error("not a plain decimal number such as 25 or 12.5")]
    PercentNotANumber,
    #[error("outside 0 to 100")]
    PercentOutOfRange,
    #[error("more than 6 decimals")]
    PercentTooFine,
    #[error("not a day of the calendar written as 2027-02-01")]
    Date,
    #[error("got {got} buckets, expected 1 to {max}")]
    BucketCount { got: u32, max: u32 },
    #[error("{0}")]
    Variants(&'static str),
    #[error("conditions nested deeper than {max} levels")]
    ConditionTooDeep { max: usize },
    #[error("not a number")]
    OperandNotANumber,
    #[error("not a date with a time and a zone")]
    OperandNotATimestamp,
    #[error("{text:?} is not a network such as 10.0.0.0/8")]
    OperandNotANetwork { text: Box<str> },
    #[error("{reason}")]
    Pattern { reason: Box<str> },
    #[error("{0}")]
    Version(#[source] Arc<semver::Error>),
    #[cfg(feature = "serde")]
    #[error("{reason}")]
    Payload { reason: Box<str> },
    #[error("cannot recover after the fork: the process was forked while its flags were being changed")]
    Fork,
}

impl Error {
    /// Returns whether a text is not a legal [`FlagKey`](crate::FlagKey) or [`EnvKey`](crate::source::EnvKey).
    pub fn is_key(&self) -> bool {
        matches!(
            self.0,
            ErrorKind::KeyEmpty
                | ErrorKind::KeyTooLong { .. }
                | ErrorKind::KeyStart { .. }
                | ErrorKind::KeyCharacter { .. }
                | ErrorKind::KeyNotUpperCase { .. }
        )
    }

    /// Returns whether a text or number is not a [`Percent`](crate::Percent).
    pub fn is_percent(&self) -> bool {
        matches!(self.0, ErrorKind::PercentNotANumber | ErrorKind::PercentOutOfRange | ErrorKind::PercentTooFine)
    }

    /// Returns whether a text or three numbers are not a [`Date`](crate::Date).
    pub fn is_date(&self) -> bool {
        matches!(self.0, ErrorKind::Date)
    }

    /// Returns whether a number of buckets is out of range; see [`Bucketing`](crate::bucket::Bucketing).
    pub fn is_bucketing(&self) -> bool {
        matches!(self.0, ErrorKind::BucketCount { .. })
    }

    /// Returns whether names or weights do not make [`Variants`](crate::Variants).
    pub fn is_variants(&self) -> bool {
        matches!(self.0, ErrorKind::Variants(_))
    }

    /// Returns whether a [`Condition`](crate::source::Condition) or an [`Operator`](crate::source::Operator) cannot be
    /// made.
    pub fn is_condition(&self) -> bool {
        matches!(
            self.0,
            ErrorKind::ConditionTooDeep { .. }
                | ErrorKind::OperandNotANumber
                | ErrorKind::OperandNotATimestamp
                | ErrorKind::OperandNotANetwork { .. }
                | ErrorKind::Pattern { .. }
                | ErrorKind::Version(_)
        )
    }

    /// Returns whether a [`Payload`](crate::source::Payload) cannot be read as the requested type.
    #[cfg(feature = "serde")]
    pub fn is_payload(&self) -> bool {
        matches!(self.0, ErrorKind::Payload { .. })
    }

    /// Returns whether the process was forked during a change, so that its flags cannot change any more.
    pub fn is_fork(&self) -> bool {
        matches!(self.0, ErrorKind::Fork)
    }
}
