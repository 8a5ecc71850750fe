//! Operators: what is checked about one attribute.
//!
//! The constructors parse the operand and report what is wrong with it. Applying an operator therefore cannot fail: it
//! yields yes, no or unknown. Documents and Rust code use the same constructors.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::cidr::{self, Cidr};
use super::literals::{Literal, LiteralSet, Scalar, abridged};
use super::number::Number;
use super::pattern::Pattern;
use super::timestamp::Timestamp;
use super::version::{Requirement, Version};
use crate::condition::verdict::Verdict;
use crate::error::{Error, ErrorKind};
use crate::subject::value::Value;

/// An operator with its parsed operand, to apply to one attribute.
///
/// - If the subject lacks the attribute, the verdict is unknown; only `exists` and `is_missing` yield yes or no.
/// - If the value has a type that the operator does not accept, or a text that it cannot parse, the verdict is unknown.
/// - A list meets an operator if one of its elements does, and meets `none_of` if all of them do. The operator
///   `contains` compares the elements of a list as a whole.
///
/// # Examples
///
/// ```
/// use flagkit_core::Context;
/// use flagkit_core::source::{Condition, Operator};
/// use flagkit_core::tooling::Verdict;
///
/// let is_tester = Condition::attribute("groups", Operator::one_of(["staff", "testers"]));
/// let subject = Context::new("u1").with("groups", vec!["users", "testers"]);
/// assert_eq!(is_tester.verdict(&subject), Verdict::Yes);
/// assert_eq!(is_tester.verdict(&Context::new("u2")), Verdict::Unknown);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator(Kind);

/// Texts and networks stay in lists, because each of them has to be compared. Sets that can be large are shared by
/// clones.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    OneOf(Arc<LiteralSet>),
    NoneOf(Arc<LiteralSet>),
    Contains(Arc<LiteralSet>),
    /// Sorted, without duplicates.
    StartsWith(Box<[Box<str>]>),
    /// Sorted, without duplicates.
    EndsWith(Box<[Box<str>]>),
    Matches(Pattern),
    /// The values on one side of the number, with or without the number itself.
    Compares {
        side: Ordering,
        included: bool,
        number: Number,
    },
    /// A timestamp, with its original text.
    Before(Timestamp, Box<str>),
    After(Timestamp, Box<str>),
    /// Bounds on versions, computed when the operator is made.
    Semver(Requirement),
    Cidr(Box<[Cidr]>),
    Exists,
    IsMissing,
}

impl Operator {
    /// Returns an operator that accepts values equal to one of these.
    ///
    /// Texts are equal byte by byte, and numbers are equal by value. A text never equals a number.
    pub fn one_of<L: Into<Literal>>(literals: impl IntoIterator<Item = L>) -> Self {
        Self(Kind::OneOf(Arc::new(LiteralSet::new(literals.into_iter().map(Into::into)))))
    }

    /// Returns an operator that accepts values equal to none of these.
    ///
    /// The verdict is the negation of `one_of`. It is unknown for a subject without the attribute.
    pub fn none_of<L: Into<Literal>>(literals: impl IntoIterator<Item = L>) -> Self {
        Self(Kind::NoneOf(Arc::new(LiteralSet::new(literals.into_iter().map(Into::into)))))
    }

    /// Returns an operator that accepts a text that contains one of these texts, or a list that contains one of these
    /// elements.
    ///
    /// An element of a list must be equal to an operand. A part of an element is no match.
    pub fn contains<L: Into<Literal>>(literals: impl IntoIterator<Item = L>) -> Self {
        Self(Kind::Contains(Arc::new(LiteralSet::new(literals.into_iter().map(Into::into)))))
    }

    /// Returns an operator that accepts texts that begin with one of these.
    ///
    /// Upper and lower case differ. Use `matches` with `(?i)` to ignore the case of ASCII letters.
    pub fn starts_with<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(Kind::StartsWith(sorted(texts)))
    }

    /// Returns an operator that accepts texts that end with one of these.
    pub fn ends_with<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(Kind::EndsWith(sorted(texts)))
    }

    /// Returns an operator that accepts texts in which the regular expression is found.
    ///
    /// The pattern may match any part of the text; use `^` and `$` to match all of it. Classes such as `\w` cover ASCII
    /// only.
    ///
    /// # Errors
    ///
    /// Returns an error if the pattern is not a regular expression, has more than 256 bytes, or is too complex.
    pub fn matches(pattern: &str) -> Result<Self, Error> {
        match Pattern::parse(pattern) {
            Ok(pattern) => Ok(Self(Kind::Matches(pattern))),
            Err(error) => Err(ErrorKind::Pattern(error).into()),
        }
    }

    /// Returns an operator that accepts numbers below this one.
    ///
    /// # Errors
    ///
    /// Returns an error if the literal is not a number.
    pub fn less_than(literal: &Literal) -> Result<Self, Error> {
        Self::compare(Ordering::Less, false, literal)
    }

    /// Returns an operator that accepts numbers below or equal to this one.
    ///
    /// # Errors
    ///
    /// Returns an error if the literal is not a number.
    pub fn at_most(literal: &Literal) -> Result<Self, Error> {
        Self::compare(Ordering::Less, true, literal)
    }

    /// Returns an operator that accepts numbers above this one.
    ///
    /// # Errors
    ///
    /// Returns an error if the literal is not a number.
    pub fn greater_than(literal: &Literal) -> Result<Self, Error> {
        Self::compare(Ordering::Greater, false, literal)
    }

    /// Returns an operator that accepts numbers above or equal to this one.
    ///
    /// # Errors
    ///
    /// Returns an error if the literal is not a number.
    pub fn at_least(literal: &Literal) -> Result<Self, Error> {
        Self::compare(Ordering::Greater, true, literal)
    }

    /// Returns the operator for one side of a number. The four public comparisons call it.
    fn compare(side: Ordering, included: bool, literal: &Literal) -> Result<Self, Error> {
        match literal.0 {
            Scalar::Number(number) => Ok(Self(Kind::Compares { side, included, number })),
            _ => Err(ErrorKind::OperandNotANumber.into()),
        }
    }

    /// Returns an operator that accepts date-times of RFC 3339 before this one.
    ///
    /// Both are points in time, so their offsets may differ.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not such a date-time.
    pub fn before(timestamp: &str) -> Result<Self, Error> {
        Ok(Self(Kind::Before(Self::timestamp(timestamp)?, timestamp.into())))
    }

    /// Returns an operator that accepts date-times of RFC 3339 after this one.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not such a date-time.
    pub fn after(timestamp: &str) -> Result<Self, Error> {
        Ok(Self(Kind::After(Self::timestamp(timestamp)?, timestamp.into())))
    }

    /// Returns an operator that accepts versions that meet these requirements, such as `>=2.3, <4`.
    ///
    /// The syntax is Cargo's, but a pre-release is compared like any other version: 3.0.0-beta meets `>=2.3`.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not a list of requirements.
    pub fn semver(requirement: &str) -> Result<Self, Error> {
        match Requirement::parse(requirement) {
            Ok(requirement) => Ok(Self(Kind::Semver(requirement))),
            Err(error) => Err(ErrorKind::Version(Arc::new(error)).into()),
        }
    }

    /// Returns an operator that accepts addresses in one of these networks, such as `10.0.0.0/8`.
    ///
    /// A text without a slash is a network with one address. IPv4-mapped IPv6 addresses count as IPv4 addresses.
    ///
    /// # Errors
    ///
    /// Returns an error if a text is not a network.
    pub fn cidr<'a>(networks: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let parse = |text: &str| Cidr::parse(text).ok_or_else(|| ErrorKind::OperandNotANetwork { text: text.into() });
        Ok(Self(Kind::Cidr(networks.into_iter().map(parse).collect::<Result<_, _>>()?)))
    }

    /// Returns an operator that accepts every subject with the attribute.
    ///
    /// The verdict is never unknown, and the type of the value does not matter.
    pub fn exists() -> Self {
        Self(Kind::Exists)
    }

    /// Returns an operator that accepts every subject without the attribute.
    pub fn is_missing() -> Self {
        Self(Kind::IsMissing)
    }

    fn timestamp(text: &str) -> Result<Timestamp, Error> {
        Timestamp::parse(text).ok_or(ErrorKind::OperandNotATimestamp.into())
    }

    /// Returns whether `other` accepts every value that this operator accepts, as far as that can be proven.
    ///
    /// `false` means that there is no proof. `Effect` then classifies the change as one that widens.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (one, other) if one == other => true,
            // Every operator other than `IsMissing` needs a value.
            (Kind::IsMissing, _) | (_, Kind::IsMissing) => false,
            (_, Kind::Exists) => true,
            (Kind::OneOf(literals), Kind::OneOf(others)) | (Kind::Contains(literals), Kind::Contains(others)) => {
                literals.is_subset(others)
            }
            (Kind::NoneOf(literals), Kind::NoneOf(others)) => {
                literals.has_same_kinds(others) && others.is_subset(literals)
            }
            (Kind::StartsWith(texts), Kind::StartsWith(others)) | (Kind::EndsWith(texts), Kind::EndsWith(others)) => {
                texts.iter().all(|text| others.contains(text))
            }
            (
                Kind::Compares { side, included, number },
                Kind::Compares { side: other_side, included: other_included, number: other },
            ) => {
                let ordering = number.compare(*other);
                let is_no_looser = !included || *other_included;
                side == other_side && (ordering == *side || (ordering.is_eq() && is_no_looser))
            }
            (Kind::Before(timestamp, _), Kind::Before(other, _)) => timestamp <= other,
            (Kind::After(timestamp, _), Kind::After(other, _)) => timestamp >= other,
            (Kind::Cidr(networks), Kind::Cidr(others)) => networks.iter().all(|network| others.contains(network)),
            _ => false,
        }
    }

    /// Applies the operator to the subject's value, or to `None` if the subject lacks the attribute.
    #[inline(always)]
    #[allow(clippy::inline_always)] // the value stays in registers
    pub(crate) fn evaluate(&self, value: Option<Value<'_>>) -> Verdict {
        match (value, &self.0) {
            // The most frequent case: a text, and one of the operators for texts.
            (Some(Value::Text(text)), Kind::OneOf(literals)) => literals.has_text(text),
            (Some(Value::Text(text)), Kind::StartsWith(starts)) => {
                starts.iter().any(|start| text.starts_with(&**start)).into()
            }
            (Some(Value::Text(text)), Kind::EndsWith(ends)) => ends.iter().any(|end| ends_with(text, end)).into(),
            (value, Kind::Exists) => value.is_some().into(),
            (value, Kind::IsMissing) => value.is_none().into(),
            (None, _) => Verdict::Unknown,
            (Some(value), _) => self.evaluate_any(value),
        }
    }

    /// Evaluates the less frequent operators. Separate, so that the frequent cases are small enough to be inlined.
    #[inline(never)]
    fn evaluate_any(&self, value: Value<'_>) -> Verdict {
        match (value, &self.0) {
            (value, Kind::NoneOf(literals)) => !each(value, |value| literals.has(value)),
            (value @ Value::List(_), Kind::Contains(literals)) => each(value, |value| literals.has(value)),
            (value, _) => each(value, |value| self.evaluate_scalar(value)),
        }
    }

    /// Applies the operator to one value that is not a list.
    #[inline]
    fn evaluate_scalar(&self, value: Value<'_>) -> Verdict {
        let verdict = match (&self.0, value) {
            (Kind::OneOf(literals), value) => return literals.has(value),
            (Kind::Contains(literals), Value::Text(text)) if !literals.texts.is_empty() => {
                Some(literals.texts.iter().any(|part| contains(text.as_bytes(), part)))
            }
            (Kind::StartsWith(starts), Value::Text(text)) => {
                Some(starts.iter().any(|start| text.starts_with(&**start)))
            }
            (Kind::EndsWith(ends), Value::Text(text)) => Some(ends.iter().any(|end| ends_with(text, end))),
            (Kind::Matches(pattern), Value::Text(text)) => Some(pattern.is_match(text)),
            (Kind::Compares { side, included, number }, Value::Integer(_) | Value::Unsigned(_) | Value::Float(_)) => {
                number_of(value).map(|value| {
                    let ordering = value.compare(*number);
                    ordering == *side || (*included && ordering.is_eq())
                })
            }
            (Kind::Before(timestamp, _), Value::Text(text)) => Timestamp::parse(text).map(|value| value < *timestamp),
            (Kind::After(timestamp, _), Value::Text(text)) => Timestamp::parse(text).map(|value| value > *timestamp),
            (Kind::Semver(requirement), Value::Text(text)) => {
                Version::parse(text).map(|version| requirement.is_met_by(&version))
            }
            (Kind::Cidr(networks), Value::Text(text)) => {
                cidr::address(text).map(|address| networks.iter().any(|network| network.contains(address)))
            }
            _ => None,
        };
        verdict.map_or(Verdict::Unknown, Verdict::from)
    }
}

/// Evaluates a scalar, or each element of a list. No operator accepts a list within a list.
#[inline]
fn each(value: Value<'_>, mut evaluate: impl FnMut(Value<'_>) -> Verdict) -> Verdict {
    match value {
        Value::List(list) => {
            let elements = (0..list.count()).map(|index| match list.element(index) {
                Some(Value::List(_)) | None => Verdict::Unknown,
                Some(element) => evaluate(element),
            });
            Verdict::any(elements, false)
        }
        scalar => evaluate(scalar),
    }
}

/// Returns the value as a number, or `None` for NaN and for other types.
fn number_of(value: Value<'_>) -> Option<Number> {
    match value {
        Value::Integer(integer) => Some(Number::Integer(integer)),
        Value::Unsigned(integer) => Some(Number::from_u128(integer)),
        Value::Float(float) => Number::from_f64(float),
        _ => None,
    }
}

/// Sorts the texts and removes duplicates, so that their order in the document makes no difference between operators.
fn sorted<'a>(texts: impl IntoIterator<Item = &'a str>) -> Box<[Box<str>]> {
    let mut texts: Vec<Box<str>> = texts.into_iter().map(Into::into).collect();
    texts.sort_unstable();
    texts.dedup();
    texts.into()
}

fn quoted(texts: &[Box<str>]) -> String {
    abridged(texts.iter().map(|text| format!("{text:?}")))
}

/// Returns the same as `str::ends_with`, usually by comparing two numbers.
#[inline]
fn ends_with(text: &str, end: &str) -> bool {
    let last = |text: &str| text.as_bytes().last_chunk().copied().map(u64::from_ne_bytes);
    match (last(text), last(end)) {
        (Some(last), Some(expected)) if last != expected => false,
        _ => text.ends_with(end),
    }
}

/// Returns whether the part occurs in the text. An empty part occurs in every text.
fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::OneOf(literals) => write!(f, "is one of {literals}"),
            Kind::NoneOf(literals) => write!(f, "is none of {literals}"),
            Kind::Contains(literals) => write!(f, "contains one of {literals}"),
            Kind::StartsWith(texts) => write!(f, "starts with one of [{}]", quoted(texts)),
            Kind::EndsWith(texts) => write!(f, "ends with one of [{}]", quoted(texts)),
            Kind::Matches(pattern) => write!(f, "matches {pattern}"),
            Kind::Compares { side, included, number } => {
                let sign = match (side, included) {
                    (Ordering::Less, false) => "<",
                    (Ordering::Less, true) => "<=",
                    (Ordering::Greater, false) => ">",
                    (Ordering::Greater, true) => ">=",
                    (Ordering::Equal, _) => "=",
                };
                write!(f, "{sign} {number}")
            }
            Kind::Before(_, text) => write!(f, "is before {text}"),
            Kind::After(_, text) => write!(f, "is after {text}"),
            Kind::Semver(requirement) => write!(f, "is a version {requirement}"),
            Kind::Cidr(networks) => write!(f, "is in one of [{}]", abridged(networks.iter().map(ToString::to_string))),
            Kind::Exists => f.write_str("is there"),
            Kind::IsMissing => f.write_str("is not there"),
        }
    }
}

/// The maximum depth of nested conditions.
pub(super) const MAX_DEPTH: usize = 16;
