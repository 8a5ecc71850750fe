//! The error type of this crate.
//!
//! Every fallible constructor here returns [`Error`], which is opaque: the kinds are private, so that new ones break no
//! caller. Callers distinguish the kinds by its predicates.
//!
//! Two errors are types of their own because they carry data: [`LoadError`](crate::source::LoadError) holds the
//! problems of a document, and [`InstallError`](crate::InstallError) returns the flags that were not installed.
//!
//! This file is below all folders: it imports none of them, and each of them may make an error.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// The error of this crate's constructors: which value was rejected, and why.
///
/// The predicates distinguish the kinds. [`source`](StdError::source) returns the cause, if there is one.
/// Cloning is cheap. `Debug` shows the message and its causes, because that is what a `main` prints that returns it.
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
#[derive(Clone, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] ErrorKind);

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_report(self, f)
    }
}

/// Writes an error and its causes, as a user reads them: the message, and then one indented line per cause. A cause
/// that the message quotes is left out.
///
/// The errors of these crates use it for `Debug`, because a `main` that returns an error prints its `Debug`.
///
/// # Errors
///
/// Returns an error if `f` does.
///
/// # Examples
///
/// ```
/// use flagkit_core::source::Operator;
///
/// let error = Operator::matches("(").unwrap_err();
/// assert_eq!(format!("{error:?}"), "cannot compile the pattern\n\nCaused by:\n    unclosed group");
/// ```
pub fn write_report(error: &dyn StdError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let message = error.to_string();
    f.write_str(&message)?;
    let (mut cause, mut heading) = (error.source(), "\n\nCaused by:");
    while let Some(error) = cause {
        let reason = error.to_string();
        if !message.contains(&reason) {
            // A reason of several lines stays indented as a whole.
            write!(f, "{heading}\n    {}", reason.replace('\n', "\n    "))?;
            heading = "";
        }
        cause = error.source();
    }
    Ok(())
}

/// The private kinds of [`Error`], each with its message and cause.
///
/// A message is `got A, expected B`, or `cannot X` with the reason after a colon or as the cause.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ErrorKind {
    #[error("got an empty key, expected 1 to 128 characters")]
    KeyEmpty,
    #[error("got a key of {len} bytes, expected at most {max}")]
    KeyTooLong { len: usize, max: usize },
    #[error("got a key that begins with {found:?}, expected an ASCII letter or digit first")]
    KeyStart { found: char },
    #[error("got a key with {found:?} at byte {index}, expected ASCII letters, digits, '.', '_' and '-'")]
    KeyCharacter { index: usize, found: char },
    #[error("got a key with {found:?} at byte {index}, expected ASCII capitals, digits and '_'")]
    KeyNotUpperCase { index: usize, found: char },
    #[error("cannot parse the percentage: not a plain decimal number such as 25 or 12.5")]
    PercentNotANumber,
    #[error("cannot parse the percentage: outside 0 to 100")]
    PercentOutOfRange,
    #[error("cannot parse the percentage: more than 6 decimals")]
    PercentTooFine,
    #[error("cannot parse the stage: expected off, dual-write, shadow, live, ramp-down, complete or contracted")]
    Stage,
    #[error("cannot parse the date: not a day of the calendar written as 2027-02-01")]
    Date,
    #[error("got {got} buckets, expected 1 to {max}")]
    BucketCount { got: u32, max: u32 },
    #[error("got two variants of one name, expected distinct names")]
    VariantTwice,
    #[error("got a weight above {max}, expected at most {max}")]
    VariantWeight { max: u64 },
    #[error("got no variants, expected at least one")]
    VariantsEmpty,
    #[error("got weights that sum to 0, expected one above 0")]
    VariantsWeightless,
    #[error("cannot nest the conditions: deeper than {max} levels")]
    ConditionTooDeep { max: usize },
    #[error("cannot compare: the operand is not a number")]
    OperandNotANumber,
    #[error("cannot parse the timestamp: not a date with a time and a zone")]
    OperandNotATimestamp,
    #[error("got {text:?}, expected a network such as 10.0.0.0/8")]
    OperandNotANetwork { text: Box<str> },
    #[error("cannot compile the pattern")]
    Pattern(#[source] PatternError),
    #[error("cannot parse the version requirement")]
    Version(#[source] Arc<semver::Error>),
    #[cfg(feature = "serde")]
    #[error("cannot read the value of the variant: {reason}")]
    Payload { reason: Box<str> },
    #[error("cannot recover after the fork: the process was forked while its flags were being changed")]
    Fork,
}

/// Why a text is not a usable pattern. It is the cause of an [`ErrorKind::Pattern`].
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("got {len} bytes, expected at most {max}")]
    TooLong { len: usize, max: usize },
    #[error("the pattern is too complex")]
    TooComplex,
    #[error("classes are ASCII: no letter beyond it, and no \\p{{…}}")]
    NotAscii,
    /// The parser of patterns explains a syntax error in several lines. This is the last one, which holds the reason.
    #[error("{reason}")]
    Syntax { reason: Box<str> },
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

    /// Returns whether a text is not a [`Stage`](crate::source::Stage).
    pub fn is_stage(&self) -> bool {
        matches!(self.0, ErrorKind::Stage)
    }

    /// Returns whether a number of buckets is out of range; see [`Bucketing`](crate::bucket::Bucketing).
    pub fn is_bucketing(&self) -> bool {
        matches!(self.0, ErrorKind::BucketCount { .. })
    }

    /// Returns whether names or weights do not make [`Variants`](crate::Variants).
    pub fn is_variants(&self) -> bool {
        matches!(
            self.0,
            ErrorKind::VariantTwice
                | ErrorKind::VariantWeight { .. }
                | ErrorKind::VariantsEmpty
                | ErrorKind::VariantsWeightless
        )
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
                | ErrorKind::Pattern(_)
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
