//! Evaluation: a definition and a subject in, an outcome out.
//!
//! Pure and total: no I/O, no clock, no lock, no allocation, no error. The same definition and subject always give
//! the same outcome.

use crate::bucket::Threshold;
use crate::definition::Definition;
use crate::reason::Reason;
use crate::subject::Subject;

/// An answer and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) on: bool,
    pub(crate) reason: Reason,
}

impl Outcome {
    const fn dark(reason: Reason) -> Self {
        Self { on: false, reason }
    }
}

#[inline]
pub(crate) fn evaluate<S: Subject + ?Sized>(definition: Option<&Definition>, subject: &S) -> Outcome {
    let split = match definition {
        None => return Outcome::dark(Reason::Undeclared),
        Some(Definition::Refused) => return Outcome::dark(Reason::Refused),
        Some(Definition::Off) => return Outcome::dark(Reason::Off),
        Some(Definition::On(split)) => split,
    };
    let threshold = split.threshold();
    if threshold == Threshold::EVERYBODY {
        return Outcome { on: true, reason: Reason::On };
    }
    match split.point(subject) {
        Some(point) => Outcome { on: point.is_below(threshold), reason: Reason::Rollout { point, threshold } },
        None => Outcome::dark(Reason::NoSubject),
    }
}
