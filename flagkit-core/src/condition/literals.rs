//! Operands: texts, bools and numbers, and sets of them.
//!
//! # The problem
//!
//! A rule may list thousands of ids or countries, and each read of its flag searches the list. A value of the wrong
//! type must not count as a value that the list lacks: a `none_of` would then include it.
//!
//! # The idea
//!
//! Operands are stored by kind. The kinds decide between *unknown* and a definite verdict. The operands of one kind
//! decide between *yes* and *no*.
//!
//! # How it works
//!
//! A set is built once, together with its operator, and never changes. Texts become a `StringSet`, numbers a sorted
//! slice, and bools two fields. A lookup borrows the value and allocates nothing.
//!
//! A `StringSet` has two forms, because a few texts are compared faster than one text is hashed. Rules and segments
//! store their ids in one too.

use std::collections::HashSet;
use std::fmt;

use foldhash::fast::RandomState;

use super::number::Number;
use crate::condition::verdict::Verdict;
use crate::subject::value::Value;

/// One operand of an operator: a text, a bool or a number.
///
/// Texts are equal byte by byte, and numbers are equal by value, however they are spelled.
///
/// # Examples
///
/// ```
/// use flagkit_core::source::Literal;
///
/// assert_eq!(Literal::number("1e3"), Some(Literal::from(1_000_i64)));
/// assert_eq!(Literal::number("ten"), None);
/// assert_ne!(Literal::from("1"), Literal::from(1_i64));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal(pub(super) Scalar);

/// The kinds of operands. Lists are missing, because an operator is applied to each element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool(bool),
    Number(Number),
    Text(Box<str>),
}

impl Literal {
    /// Parses a decimal number: `25`, `0.1`, `1e3`. Returns `None` if the text is not a finite number.
    ///
    /// Integers from -2^127 to 2^128 - 1 stay exact, and integers outside of that range yield `None`. A number with a
    /// fraction or an exponent becomes the nearest `f64`.
    pub fn number(text: &str) -> Option<Self> {
        Number::parse(text).map(|number| Self(Scalar::Number(number)))
    }
}

impl From<bool> for Literal {
    fn from(value: bool) -> Self {
        Self(Scalar::Bool(value))
    }
}

impl From<i64> for Literal {
    fn from(value: i64) -> Self {
        Self(Scalar::Number(Number::Integer(value.into())))
    }
}

impl From<&str> for Literal {
    fn from(value: &str) -> Self {
        Self(Scalar::Text(value.into()))
    }
}

/// Displays the literal as explanations show it: a text in quotes, with control characters escaped.
impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Scalar::Bool(value) => write!(f, "{value}"),
            Scalar::Number(number) => write!(f, "{number}"),
            Scalar::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// The two bools, and which of them are operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bools {
    has_false: bool,
    has_true: bool,
}

/// A set of operands, stored by kind. Operators with several operands share one by `Arc`.
///
/// The operators `one_of`, `none_of` and `contains` hold one each. Nothing changes a set after
/// [`new`](LiteralSet::new).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LiteralSet {
    /// Visible to the operator `contains`, which searches a text for each of these.
    pub(super) texts: StringSet,
    /// Sorted.
    ///
    /// Duplicates stay, because a binary search finds either of them.
    numbers: Box<[Number]>,
    bools: Bools,
}

impl LiteralSet {
    /// Separates the literals by kind. Their order in the document has no effect on lookups.
    pub(super) fn new(literals: impl IntoIterator<Item = Literal>) -> Self {
        let (mut texts, mut numbers, mut bools) = (Vec::new(), Vec::new(), Bools::default());
        for literal in literals {
            match literal.0 {
                Scalar::Bool(false) => bools.has_false = true,
                Scalar::Bool(true) => bools.has_true = true,
                Scalar::Number(number) => numbers.push(number),
                Scalar::Text(text) => texts.push(text),
            }
        }
        numbers.sort_by(|a: &Number, b: &Number| a.compare(*b));
        Self { texts: StringSet::new(texts), numbers: numbers.into(), bools }
    }

    /// Returns whether the other set contains every operand of this one.
    pub(super) fn is_subset(&self, other: &Self) -> bool {
        let has_number = |number: &Number| other.numbers.binary_search_by(|known| known.compare(*number)).is_ok();
        let Bools { has_false, has_true } = self.bools;
        self.texts.is_subset(&other.texts)
            && self.numbers.iter().all(has_number)
            && (!has_false || other.bools.has_false)
            && (!has_true || other.bools.has_true)
    }

    /// Returns whether both sets have operands of the same kinds. A value of another kind yields no verdict.
    ///
    /// The proof for `none_of` needs it: a number is unknown to a list without numbers, and accepted by a list of other
    /// numbers.
    pub(super) fn has_same_kinds(&self, other: &Self) -> bool {
        let kinds = |literals: &Self| {
            [!literals.texts.is_empty(), !literals.numbers.is_empty(), literals.bools != Bools::default()]
        };
        kinds(self) == kinds(other)
    }

    /// Returns whether the set contains the value. Unknown if the set is not empty and has no operand of the value's
    /// kind.
    ///
    /// A list and NaN are unknown to every set. An empty set yields no for every other value.
    #[inline]
    pub(super) fn has(&self, value: Value<'_>) -> Verdict {
        let number = match value {
            Value::List(_) => return Verdict::Unknown,
            Value::Float(float) if float.is_nan() => return Verdict::Unknown,
            Value::Text(text) => return self.has_text(text),
            _ if self.is_empty() => return Verdict::No,
            Value::Bool(_) if self.bools == Bools::default() => return Verdict::Unknown,
            Value::Bool(true) => return self.bools.has_true.into(),
            Value::Bool(false) => return self.bools.has_false.into(),
            Value::Integer(integer) => Number::Integer(integer),
            Value::Unsigned(integer) => Number::from_u128(integer),
            Value::Float(float) => match Number::from_f64(float) {
                Some(number) => number,
                None => return Verdict::Unknown,
            },
        };
        if self.numbers.is_empty() {
            return Verdict::Unknown;
        }
        self.numbers.binary_search_by(|known| known.compare(number)).is_ok().into()
    }

    /// Returns the same as [`has`](LiteralSet::has), for a text.
    ///
    /// Separate, so that the most frequent operator can call it without matching on the type of the value again.
    #[inline]
    pub(super) fn has_text(&self, text: &str) -> Verdict {
        if self.texts.contains(text.as_bytes()) {
            Verdict::Yes
        } else if self.texts.is_empty() && !self.is_empty() {
            Verdict::Unknown
        } else {
            Verdict::No
        }
    }

    fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.numbers.is_empty() && self.bools == Bools::default()
    }
}

/// Displays texts, then numbers, then bools, each sorted, so that the order in the document makes no difference.
impl fmt::Display for LiteralSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bools = [(self.bools.has_false, "false"), (self.bools.has_true, "true")];
        let bools = bools.into_iter().filter(|(has, _)| *has).map(|(_, shown)| shown.to_owned());
        let shown = self.texts.shown().chain(self.numbers.iter().map(ToString::to_string)).chain(bools);
        write!(f, "[{}]", abridged(shown))
    }
}

/// Displays the first few operands and the number of the others.
///
/// An explanation lists operands for people. A list of thousands would hide the other steps.
pub(super) fn abridged(mut all: impl Iterator<Item = String>) -> String {
    const MAX_SHOWN: usize = 5;
    let mut shown: Vec<String> = all.by_ref().take(MAX_SHOWN).collect();
    match all.count() {
        0 => {}
        more => shown.push(format!("and {more} more")),
    }
    shown.join(", ")
}

/// A set of texts. A few texts are filtered by a mask and scanned, which is faster than hashing; more are hashed.
///
/// Texts are stored as bytes, because `Id::as_bytes` yields an id in that form, also for an integer. They are compared
/// without case folding and without Unicode normalization.
///
/// A lookup in a scanned set proceeds in this order, and most lookups end at the first step:
///
/// 1. The bit of the text's fingerprint is missing in the mask: the set lacks the text.
/// 2. No fingerprint in the set is equal: the set lacks the text.
/// 3. The text has at most eight bytes: equal fingerprints prove that it is in the set.
/// 4. Else all bytes are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StringSet {
    /// At most `MAX_SCANNED` texts in ascending order, each with its fingerprint.
    Scanned { mask: BloomMask, texts: Box<[(Fingerprint, Box<[u8]>)]> },
    /// A larger set. The time of a lookup does not grow with the number of texts.
    Hashed(HashSet<Box<[u8]>, RandomState>),
}

/// The maximum number of texts in a scanned set.
const MAX_SCANNED: usize = 16;

/// The length of a text and its last eight bytes. Two numbers distinguish short texts, and most long ones.
///
/// A scan compares fingerprints before texts: two integers in the set itself, instead of bytes that a pointer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// Compared first, because lengths are often equal.
    bytes: u64,
    len: usize,
}

impl Fingerprint {
    /// Computes the fingerprint. A text shorter than eight bytes has all of its bytes in the number.
    #[inline]
    fn of(text: &[u8]) -> Self {
        // Two halves that may overlap avoid a loop. With the length, they determine a text of up to eight bytes.
        let bytes = match (text.last_chunk(), text.first_chunk(), text.last_chunk()) {
            (Some(last), ..) => u64::from_le_bytes(*last),
            (None, Some(first), Some(last)) => {
                u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
            }
            _ => match *text {
                [a] => u64::from(a),
                [a, b] => u64::from(u16::from_le_bytes([a, b])),
                [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
                _ => 0,
            },
        };
        Self { bytes, len: text.len() }
    }

    /// Returns whether the fingerprint determines the text, so that no other text has it.
    #[inline]
    fn is_unique(self) -> bool {
        self.len <= 8
    }
}

/// One bit for each sixty-fourth of all fingerprints. Most often a single bit shows that a text is not in a small set.
///
/// This is a Bloom filter of 64 bits with one hash function (Burton H. Bloom, "Space/time trade-offs in hash coding
/// with allowable errors", 1970). It may report a text that the set lacks, and it never misses one that the set has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BloomMask(u64);

impl BloomMask {
    /// Multiplicative hashing by the golden ratio: Knuth, "The Art of Computer Programming", volume 3, section 6.4.
    ///
    /// The factor is 2^64 divided by the golden ratio. The top six bits of the product depend on all bits of the
    /// fingerprint, and they are the index of the bit.
    #[inline]
    fn bit(fingerprint: Fingerprint) -> u64 {
        1 << ((fingerprint.bytes ^ fingerprint.len as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58)
    }

    /// Returns `false` only if no text of the set has this fingerprint.
    #[inline]
    fn may_contain(self, fingerprint: Fingerprint) -> bool {
        self.0 & Self::bit(fingerprint) != 0
    }
}

/// Sets the bit of each fingerprint.
impl FromIterator<Fingerprint> for BloomMask {
    fn from_iter<I: IntoIterator<Item = Fingerprint>>(fingerprints: I) -> Self {
        Self(fingerprints.into_iter().map(Self::bit).fold(0, |bits, bit| bits | bit))
    }
}

impl StringSet {
    /// Sorts the texts and removes duplicates, so that two lists of the same texts make equal sets.
    pub(crate) fn new(texts: impl IntoIterator<Item = Box<str>>) -> Self {
        let mut texts: Vec<Box<[u8]>> = texts.into_iter().map(str::into_boxed_bytes).collect();
        texts.sort_unstable();
        texts.dedup();
        if texts.len() <= MAX_SCANNED {
            let mask = texts.iter().map(|text| Fingerprint::of(text)).collect();
            Self::Scanned { mask, texts: texts.into_iter().map(|text| (Fingerprint::of(&text), text)).collect() }
        } else {
            Self::Hashed(texts.into_iter().collect())
        }
    }

    /// Returns whether a text of the set has exactly these bytes. The read path calls it.
    #[inline]
    pub(crate) fn contains(&self, text: &[u8]) -> bool {
        match self {
            Self::Scanned { mask, texts } => {
                let fingerprint = Fingerprint::of(text);
                let is = |(known, whole): &(Fingerprint, Box<[u8]>)| {
                    *known == fingerprint && (fingerprint.is_unique() || **whole == *text)
                };
                mask.may_contain(fingerprint) && texts.iter().any(is)
            }
            Self::Hashed(texts) => texts.contains(text),
        }
    }

    pub(crate) fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|text| other.contains(text))
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of distinct texts, which explanations show for a list of ids.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Scanned { texts, .. } => texts.len(),
            Self::Hashed(texts) => texts.len(),
        }
    }

    /// Returns the texts. Those of a hashed set have no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        // Both forms need one type of iterator, and a chain of two options has one without an allocation.
        let (few, many) = match self {
            Self::Scanned { texts, .. } => (Some(texts.iter().map(|(_, text)| text)), None),
            Self::Hashed(texts) => (None, Some(texts.iter())),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten()).map(AsRef::as_ref)
    }

    /// Returns the texts as a document spells them, sorted.
    pub(crate) fn shown(&self) -> impl Iterator<Item = String> {
        let mut texts: Vec<&[u8]> = self.iter().collect();
        texts.sort_unstable();
        texts.into_iter().map(|text| format!("{:?}", String::from_utf8_lossy(text)))
    }
}

/// Returns the empty set. Its mask has no bit, so each lookup ends at the first step.
impl Default for StringSet {
    fn default() -> Self {
        Self::new([])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_texts_has_those_and_no_others() {
        // Texts around the length of a fingerprint, with equal ends, and with repeated letters.
        let known: Vec<String> =
            (0..12).map(|len| "a".repeat(len)).chain(["abcdefgh".into(), "xbcdefgh".into()]).collect();
        let others: Vec<String> = (12..14)
            .map(|len| "a".repeat(len))
            .chain(
                ["b", "ab", "aba", "aabaa", "aaabaaa", "aaaabaaa", "zabcdefgh", "bcdefgh", "xaaaaaaaaa"]
                    .map(Into::into),
            )
            .collect();
        for more in [0, MAX_SCANNED] {
            let more = (0..more).map(|number| format!("number {number}"));
            let texts = StringSet::new(known.iter().cloned().chain(more).map(String::into_boxed_str));
            assert!(known.iter().all(|text| texts.contains(text.as_bytes())), "{texts:?}");
            assert!(!others.iter().any(|text| texts.contains(text.as_bytes())), "{texts:?}");
        }
    }
}
