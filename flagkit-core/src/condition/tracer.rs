//! The tracer: what observes an evaluation.
//!
//! Evaluation is one piece of code, generic over its tracer. The tracer `()` does nothing, and the compiler removes it.
//! The recorder of an [`Explanation`](crate::Explanation) stores every step. An explanation therefore cannot
//! disagree with the answer.
//!
//! This trait covers conditions and segments. `evaluate` extends it with the steps of a flag.

use std::fmt;

use crate::condition::verdict::Verdict;
use crate::subject::value::Value;

/// Observes the evaluation of conditions step by step. Spans nest: every `enter` is matched by a `leave`.
pub(crate) trait Tracer {
    /// Whether to evaluate all conditions, including those that can no longer change the result.
    const EXHAUSTIVE: bool = false;

    /// Reports that an operator was applied to an attribute. `actual` is the attribute's value, if the subject has one.
    fn criterion(&mut self, attribute: &str, operator: &dyn fmt::Display, actual: Option<Value<'_>>, verdict: Verdict) {
        let _ = (attribute, operator, actual, verdict);
    }

    /// Reports that the id was looked up in a list of `len` ids.
    fn id(&mut self, len: usize, list: &str, verdict: Verdict) {
        let _ = (len, list, verdict);
    }

    /// Reports the start of a span.
    fn enter(&mut self, span: Span<'_>) {
        let _ = span;
    }

    /// Reports the end of the latest open span.
    fn leave(&mut self, verdict: Verdict) {
        let _ = verdict;
    }
}

/// A group of steps with a verdict of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span<'a> {
    /// Conditions that must all be met.
    All,
    /// Conditions of which one must be met.
    Any,
    /// A segment, by name.
    Segment(&'a str),
    /// A rule, by index, and its name if it has one.
    Rule(usize, Option<&'a str>),
}

/// The no-op tracer: evaluation short-circuits, because a rule only needs to know whether its conditions are met.
impl Tracer for () {}

/// Records nothing, and computes the exact verdict instead of stopping at the first one that is not yes.
#[derive(Debug)]
pub(crate) struct Exhaustive;

impl Tracer for Exhaustive {
    const EXHAUSTIVE: bool = true;
}
