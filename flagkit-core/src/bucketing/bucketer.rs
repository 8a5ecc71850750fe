//! The bucketer: which value of a subject is hashed and how, and the rollouts that use the result.
//!
//! Compiling a flag turns its salt, its `bucket_by` attribute and its percentage into a `Rollout`. The most frequent
//! kind hashes the id with the default formulas. It has a type of its own, `SimpleRollout`, which a call site can
//! evaluate without the snapshot.

use std::sync::Arc;

use crate::bucketing::bucket::{Point, Seed, Threshold};
use crate::bucketing::percent::Percent;
use crate::subject::Subject;
use crate::subject::id::Id;
use crate::subject::value::Value;

/// The value that is hashed, the hash, and the number of points. Compiled rules and variants hold one each.
///
/// Equal bucketers give every subject the same point. The proof in `effect` relies on that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucketer {
    hash: Hash,
    /// The attribute that is hashed; `None` for the id.
    attribute: Option<Arc<str>>,
    /// The number of points, the denominator of every percentage.
    points: Threshold,
}

/// The hash that computes a subject's point.
///
/// It is a property of each bucketer, so that definitions of other systems can keep their hash (SHA-1, Murmur3, FNV-1a,
/// MD5), and with it every subject's bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// XXH3-64 with a 32-bit seed, as [`crate::bucket`] specifies.
    Xxh3(Seed),
}

impl Bucketer {
    /// Returns a bucketer that hashes the id, or the attribute if there is one.
    pub(crate) fn new(seed: Seed, attribute: Option<Arc<str>>, points: Threshold) -> Self {
        Self { hash: Hash::Xxh3(seed), attribute, points }
    }

    /// Returns the subject's point, or `None` if the subject lacks the value that is hashed.
    ///
    /// An integer attribute is hashed by its decimal text, like an integer id. Floats have no single decimal text, so
    /// they are not hashed; bools and lists are not identifiers.
    #[inline]
    pub(crate) fn point<S: Subject + ?Sized>(&self, subject: &S) -> Option<Point> {
        // An id is as large as its longest number, so it is read in place and not passed on.
        match &self.attribute {
            None => subject.id().as_ref().and_then(|id| self.point_of_bytes(id.as_bytes())),
            Some(attribute) => match subject.attribute(attribute)? {
                Value::Text(text) => self.point_of_bytes(text.as_bytes()),
                Value::Integer(number) => self.point_of_bytes(Id::from(number).as_bytes()),
                Value::Unsigned(number) => self.point_of_bytes(Id::from(number).as_bytes()),
                Value::Bool(_) | Value::Float(_) | Value::List(_) => None,
            },
        }
    }

    /// Returns the point of a value. An empty value has none.
    #[inline]
    fn point_of_bytes(&self, unit: &[u8]) -> Option<Point> {
        let Hash::Xxh3(seed) = self.hash;
        (!unit.is_empty()).then(|| Point::of_bytes(unit, seed).scaled_to(self.points))
    }
}

/// A rollout by id, with the formulas of [`crate::bucket`]. It fits into the word of a call site.
///
/// The evaluator and the call sites both use it, so both give the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SimpleRollout {
    /// Computed from the salt when the flag was compiled.
    pub(crate) seed: Seed,
    /// On the full scale of 2^31 points.
    pub(crate) threshold: Threshold,
}

impl SimpleRollout {
    /// Returns the subject's point, or `None` if the subject has no id.
    #[inline]
    pub(crate) fn point<S: Subject + ?Sized>(self, subject: &S) -> Option<Point> {
        // An id is as large as its longest number, so it is read in place and not passed on.
        subject.id().as_ref().filter(|id| !id.is_empty()).map(|id| Point::of_bytes(id.as_bytes(), self.seed))
    }
}

/// A bucketer with the threshold of the included subjects.
///
/// The threshold counts points of the bucketer: 25 percent of 100 points are 25.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rollout {
    bucketer: Bucketer,
    threshold: Threshold,
}

/// Returns the general form, which includes the same subjects.
impl From<SimpleRollout> for Rollout {
    fn from(SimpleRollout { seed, threshold }: SimpleRollout) -> Self {
        Self { bucketer: Bucketer::new(seed, None, Threshold::ALL), threshold }
    }
}

impl Rollout {
    /// Returns a rollout to this percentage of the bucketer's points, rounded down.
    pub(crate) fn new(bucketer: Bucketer, percent: Percent) -> Self {
        let threshold = Threshold::from_percent(percent, bucketer.points);
        Self { bucketer, threshold }
    }

    /// Returns the same as a simple rollout, if it hashes the id with the default formulas.
    ///
    /// A full rollout is always simple: it includes every subject, whatever is hashed.
    pub(crate) fn to_simple(&self) -> Option<SimpleRollout> {
        let Hash::Xxh3(seed) = self.bucketer.hash;
        if self.is_full() {
            return Some(SimpleRollout { seed, threshold: Threshold::ALL });
        }
        let is_simple = self.bucketer.attribute.is_none() && self.bucketer.points == Threshold::ALL;
        is_simple.then_some(SimpleRollout { seed, threshold: self.threshold })
    }

    #[inline]
    pub(crate) fn bucketer(&self) -> &Bucketer {
        &self.bucketer
    }

    #[inline]
    pub(crate) fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// Returns whether the other rollout includes every subject that this one includes, as far as that can be proven.
    ///
    /// Thresholds are comparable only for equal bucketers, because another seed selects other subjects.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        other.is_full() || (self.bucketer == other.bucketer && self.threshold <= other.threshold)
    }

    /// Returns whether every subject is included, also one without a value to hash.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.threshold == self.bucketer.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_have_any_number_of_points() {
        let seed = Seed::from_salt("s");
        let bucketer = |len| Bucketer::new(seed, None, Threshold::from_bits(len).expect("a length"));
        let percent = |text: &str| text.parse::<Percent>().expect(text);
        for len in [1, 100, 10_000, 1 << 31] {
            let points = (0..1_000_u64).map(|id| bucketer(len).point(&id).expect("an id").to_bits());
            assert!(points.clone().all(|point| point < len), "{len}");
            assert!(Rollout::new(bucketer(len), Percent::HUNDRED).is_full());
            assert_eq!(Rollout::new(bucketer(len), Percent::ZERO).threshold(), Threshold::NONE);
        }
        // 25 percent of a hundred points are 25 points, and the same quarter as of 2^31 points.
        assert_eq!(Rollout::new(bucketer(100), percent("25")).threshold().to_bits(), 25);
        assert_eq!(Rollout::new(bucketer(100), percent("25.9")).threshold().to_bits(), 25);
        let is_in = |len, id: u64| {
            let rollout = Rollout::new(bucketer(len), percent("25"));
            rollout.bucketer().point(&id).is_some_and(|point| point.is_below(rollout.threshold()))
        };
        assert!((0..1_000).all(|id| is_in(100, id) == is_in(1 << 31, id)));
    }
}
