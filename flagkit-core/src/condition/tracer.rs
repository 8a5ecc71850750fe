//! Who looks on while a flag is evaluated.
//!
//! Evaluation is one piece of code, generic over its witness. With `()` for a witness, which sees nothing, the
//! compiler leaves no trace of it; with an [`Explanation`](crate::Explanation)'s recorder every step is written down.
//! So an explanation cannot disagree with the answer.

use std::fmt;

use crate::bucketing::bucket::Point;
use crate::condition::verdict::{Look, Verdict};
use crate::evaluate::reason::Reason;
use crate::subject::value::Value;

/// Is told of each step, from the outside in. Every `enter` has its `leave` or `leave_flag`.
pub(crate) trait Witness {
    /// Whether conditions are judged to the end, also when it is clear whether they hold.
    const LOOK: Look = Look::NoFurther;

    /// An attribute was put to a test.
    fn test(&mut self, attribute: &str, test: &dyn fmt::Display, seen: Option<Value<'_>>, verdict: Verdict) {
        let _ = (attribute, test, seen, verdict);
    }

    /// The id was looked for in a list of so many.
    fn id(&mut self, len: usize, list: &str, verdict: Verdict) {
        let _ = (len, list, verdict);
    }

    /// A variant was dealt, by the point on the second line.
    fn dealt(&mut self, point: Point, variant: &str) {
        let _ = (point, variant);
    }

    fn enter(&mut self, group: Group<'_>) {
        let _ = group;
    }

    fn leave(&mut self, verdict: Verdict) {
        let _ = verdict;
    }

    fn leave_flag(&mut self, on: bool, reason: Reason) {
        let _ = (on, reason);
    }
}

/// What is entered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Group<'a> {
    /// Conditions that must all hold.
    All,
    /// Conditions one of which must hold.
    Any,
    Segment(&'a str),
    /// The place of a rule, and its name if it has one.
    Rule(usize, Option<&'a str>),
    /// A flag that the one being evaluated requires. Left by `leave_flag`.
    Required(&'a str),
}

/// Sees nothing, and wants to know whether conditions hold: that is all a rule asks.
impl Witness for () {}

/// Sees nothing, and wants to know exactly.
#[derive(Debug)]
pub(crate) struct Exactly;

impl Witness for Exactly {
    const LOOK: Look = Look::AtAll;
}
