//! What must hold of a subject.
//!
//! # The problem
//!
//! A subject that lacks an attribute is neither from Portugal nor *not* from Portugal. Logic with two values has to
//! pick one, and whichever it picks, some negation or nesting turns "we do not know" into "let them in".
//!
//! # The idea
//!
//! A condition has three [verdicts](Verdict): yes, no, and cannot tell. They combine by Kleene's strong logic of
//! indeterminacy ("On notation for ordinal numbers", 1938), in which *not* of cannot-tell is cannot-tell. A rule
//! matches on yes alone.
//!
//! # How it works
//!
//! Everything that can be parsed is parsed when the condition is made: patterns into automata, requirements into
//! bounds, lists into sets. Evaluating borrows the subject's attributes and allocates nothing. Nesting is bounded by
//! construction: a condition that would be deeper than [`Condition::MAX_DEPTH`] is not made.

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

/// What must hold of a subject: a test of an attribute, or a combination of conditions.
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

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Attribute { name: Box<str>, operator: Operator },
    All(Box<[Condition]>),
    Any(Box<[Condition]>),
}

impl Condition {
    /// How deep conditions may nest.
    pub const MAX_DEPTH: usize = operator::MAX_DEPTH;

    const TOO_DEEP: ErrorKind = ErrorKind::ConditionTooDeep { max: Self::MAX_DEPTH };

    /// The attribute passes the test.
    pub fn attribute(name: &str, operator: Operator) -> Self {
        Self { node: Node::Attribute { name: name.into(), operator } }
    }

    /// Holds when every condition holds; an empty list always holds.
    ///
    /// # Errors
    ///
    /// Returns an error when that would nest deeper than [`Condition::MAX_DEPTH`].
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Result<Self, Error> {
        Self::combine(conditions, Node::All)
    }

    /// Holds when one of the conditions holds; an empty list never holds.
    ///
    /// # Errors
    ///
    /// Returns an error when that would nest deeper than [`Condition::MAX_DEPTH`].
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Result<Self, Error> {
        Self::combine(conditions, Node::Any)
    }

    /// Judges a subject.
    pub fn verdict<S: Subject + ?Sized>(&self, subject: &S) -> Verdict {
        self.evaluate(subject, &mut Exhaustive)
    }

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

    /// Apart, as what recurses is not made part of its caller.
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

    /// Tells whether the other holds wherever this does, as far as that can be proven.
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
        // One by itself is itself, in both ways of combining.
        if conditions.len() == 1 {
            return conditions.pop().ok_or(Self::TOO_DEEP.into());
        }
        let combined = Self { node: node(conditions.into()) };
        if combined.depth() > Self::MAX_DEPTH { Err(Self::TOO_DEEP.into()) } else { Ok(combined) }
    }

    /// Counted where conditions are combined, in which none is ever deeper than may be; kept, it would be a tenth of what
    /// conditions take.
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
