//! Conditions: what must be true of a subject.
//!
//! # The problem
//!
//! A subject that lacks an attribute is neither from Portugal nor *not* from Portugal. Logic with two values has to
//! choose one of them. Either choice makes some negation or nesting turn "unknown" into "included".
//!
//! # The idea
//!
//! A condition has three [verdicts](Verdict): yes, no and unknown. They combine by Kleene's strong logic of
//! indeterminacy ("On notation for ordinal numbers", 1938), in which the negation of unknown is unknown. A rule matches
//! only on yes.
//!
//! # How it works
//!
//! Parsing happens when a condition is made: patterns become automata, requirements become bounds, and lists become
//! sets. Evaluation borrows the subject's attributes and allocates nothing. The constructors bound the nesting to
//! [`Condition::MAX_DEPTH`].
//!
//! # Files, in reading order
//!
//! - this file: [`Condition`]. `operator`: one operator with its operand. `literals`: operands and sets of them.
//! - `number`, `timestamp`, `cidr`, `pattern`, `version`: operands of one kind each, parsed.
//! - `verdict`: the three verdicts. `tracer`: observes an evaluation.
//!
//! This folder imports from `subject`.

mod cidr;
mod literals;
mod number;
mod operator;
mod pattern;
mod timestamp;
pub(crate) mod tracer;
pub(crate) mod verdict;
mod version;

use std::fmt;

pub use self::literals::Literal;
pub(crate) use self::literals::StringSet;
pub use self::operator::Operator;
pub use self::verdict::Verdict;
use crate::condition::tracer::{Exhaustive, Span, Tracer};
use crate::error::{Error, ErrorKind};
use crate::subject::Subject;

/// What must be true of a subject: an operator applied to an attribute, or a combination of conditions.
///
/// # Examples
///
/// ```
/// use flagkit_core::Context;
/// use flagkit_core::source::{Condition, Operator};
/// use flagkit_core::tooling::Verdict;
///
/// let condition = Condition::all([
///     Condition::attribute("country", Operator::one_of(["PT", "ES"])),
///     Condition::attribute("app_version", Operator::semver(">=2.3")?),
/// ])?;
/// let subject = Context::new("u1").with("country", "PT");
/// assert_eq!(condition.verdict(&subject), Verdict::Unknown);
/// assert_eq!(condition.verdict(&subject.with("app_version", "2.10")), Verdict::Yes);
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    node: Node,
}

/// The form of a condition. A combination never has exactly one condition, because `combine` returns that condition
/// itself.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Attribute { name: Box<str>, operator: Operator },
    All(Box<[Condition]>),
    Any(Box<[Condition]>),
}

impl Condition {
    /// The maximum depth of nested conditions.
    pub const MAX_DEPTH: usize = operator::MAX_DEPTH;

    const TOO_DEEP: ErrorKind = ErrorKind::ConditionTooDeep { max: Self::MAX_DEPTH };

    /// Returns a condition that applies the operator to the attribute.
    pub fn attribute(name: &str, operator: Operator) -> Self {
        Self { node: Node::Attribute { name: name.into(), operator } }
    }

    /// Returns a condition that is met if every condition of the list is met. An empty list is always met.
    ///
    /// # Errors
    ///
    /// Returns an error if the result would nest deeper than [`Condition::MAX_DEPTH`].
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Result<Self, Error> {
        Self::combine(conditions, Node::All)
    }

    /// Returns a condition that is met if one condition of the list is met. An empty list is never met.
    ///
    /// # Errors
    ///
    /// Returns an error if the result would nest deeper than [`Condition::MAX_DEPTH`].
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Result<Self, Error> {
        Self::combine(conditions, Node::Any)
    }

    /// Evaluates the condition for a subject.
    ///
    /// All parts are evaluated, so the verdict is exact. A rule stops earlier, because it only distinguishes yes from
    /// the others.
    pub fn verdict<S: Subject + ?Sized>(&self, subject: &S) -> Verdict {
        self.evaluate(subject, &mut Exhaustive)
    }

    /// Evaluates the condition and reports each step to the tracer. Rules and segments call it.
    #[inline]
    pub(crate) fn evaluate<S: Subject + ?Sized, T: Tracer>(&self, subject: &S, tracer: &mut T) -> Verdict {
        match &self.node {
            Node::Attribute { name, operator } => {
                let value = subject.attribute(name);
                let verdict = operator.evaluate(value);
                tracer.criterion(name, operator, value, verdict);
                verdict
            }
            Node::All(conditions) => Self::evaluate_all(conditions, subject, tracer),
            Node::Any(conditions) => Self::evaluate_any(conditions, subject, tracer),
        }
    }

    // Kept out of `evaluate` because recursive functions are not inlined.
    fn evaluate_all<S: Subject + ?Sized, T: Tracer>(conditions: &[Self], subject: &S, tracer: &mut T) -> Verdict {
        tracer.enter(Span::All);
        let verdict =
            Verdict::all(conditions.iter().map(|condition| condition.evaluate(subject, tracer)), T::EXHAUSTIVE);
        tracer.leave(verdict);
        verdict
    }

    fn evaluate_any<S: Subject + ?Sized, T: Tracer>(conditions: &[Self], subject: &S, tracer: &mut T) -> Verdict {
        tracer.enter(Span::Any);
        let verdict =
            Verdict::any(conditions.iter().map(|condition| condition.evaluate(subject, tracer)), T::EXHAUSTIVE);
        tracer.leave(verdict);
        verdict
    }

    /// Returns whether `other` is met by every subject that meets this condition, as far as that can be proven.
    ///
    /// `false` means that there is no proof. The change then counts as one that widens, which costs a confirmation.
    ///
    /// The order of the arms matters: a combination that can be split without loss is split first. These are *all* on
    /// the right and *any* on the left.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        match (&self.node, &other.node) {
            (_, Node::All(others)) => others.iter().all(|other| self.implies(other)),
            (Node::Any(conditions), _) => conditions.iter().all(|condition| condition.implies(other)),
            (Node::All(conditions), _) if conditions.iter().any(|condition| condition.implies(other)) => true,
            (_, Node::Any(others)) => others.iter().any(|other| self.implies(other)),
            (Node::Attribute { name, operator }, Node::Attribute { name: other_name, operator: other }) => {
                name == other_name && operator.implies(other)
            }
            (Node::All(_), Node::Attribute { .. }) => false,
        }
    }

    fn combine(
        conditions: impl IntoIterator<Item = Self>,
        node: impl FnOnce(Box<[Self]>) -> Node,
    ) -> Result<Self, Error> {
        let mut conditions: Vec<Self> = conditions.into_iter().collect();
        // A combination of one condition is that condition.
        if conditions.len() == 1 {
            return conditions.pop().ok_or(Self::TOO_DEEP.into());
        }
        let combined = Self { node: node(conditions.into()) };
        if combined.depth() > Self::MAX_DEPTH { Err(Self::TOO_DEEP.into()) } else { Ok(combined) }
    }

    /// Returns the depth of the nesting.
    ///
    /// Computed on demand: storing the depth would add 10 % to the size of a condition, and it is needed only when
    /// conditions are combined.
    fn depth(&self) -> usize {
        match &self.node {
            Node::Attribute { .. } => 1,
            Node::All(conditions) | Node::Any(conditions) => 1 + conditions.iter().map(Self::depth).max().unwrap_or(0),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, conditions: &[Self], word| {
            f.write_str("(")?;
            for (index, condition) in conditions.iter().enumerate() {
                if index > 0 {
                    f.write_str(word)?;
                }
                write!(f, "{condition}")?;
            }
            f.write_str(")")
        };
        match &self.node {
            Node::Attribute { name, operator } => write!(f, "{name} {operator}"),
            Node::All(conditions) => list(f, conditions, " and "),
            Node::Any(conditions) => list(f, conditions, " or "),
        }
    }
}
