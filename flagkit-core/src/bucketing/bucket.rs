//! The frozen formulas: from a salt and an id to a point, and from a percentage to a threshold.
//!
//! # The problem
//!
//! A flag that is on for 25 percent must be on for the *same* 25 percent: in every process, on every machine, in every
//! language, tomorrow, and after the percentage is raised to 30. Two flags at 25 percent must not include the same
//! subjects, or the same quarter of users would test everything.
//!
//! # The idea
//!
//! ```text
//! seed  = low 32 bits of XXH3-64(salt in UTF-8)
//! point = XXH3-64(id in UTF-8, seed) >> 33                0 ..= 2^31 - 1
//! on    ⇔ point < threshold                               0 ..= 2^31
//! threshold = floor(percent × 2^31 / 100)
//! ```
//!
//! Each subject has a fixed [`Point`] per flag, and the percentage is a [`Threshold`]. Raising the threshold only adds
//! subjects. The salt is the flag's key unless the flag names another. It is hashed to the [`Seed`], so that flags are
//! independent of each other. All arithmetic uses integers, so no language rounds differently.
//!
//! XXH3 is the 64-bit hash of the xxHash family, specified in "XXH3 specification" of the xxHash project, version
//! 0.8 and later; its output is frozen. A shift by 33 keeps the top 31 bits, which are mixed best.
//!
//! # Frozen
//!
//! These formulas never change, because a change would move every subject of every flag. `spec/bucketing.json` holds
//! golden vectors from an independent implementation.

use std::fmt;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::bucketing::percent::Percent;
use crate::error::{Error, ErrorKind};
use crate::subject::id::Id;

/// The seed of a flag's hash, computed from its salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(u32);

impl Seed {
    /// Returns the seed of a salt: the low 32 bits of its XXH3-64.
    pub fn from_salt(salt: &str) -> Self {
        let [a, b, c, d, ..] = xxh3_64(salt.as_bytes()).to_le_bytes();
        Self(u32::from_le_bytes([a, b, c, d]))
    }

    /// Returns the seed as a number.
    #[inline]
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// Returns the seed with this number.
    #[inline]
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// The position of a subject for one flag: `0 ..= 2^31 - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point(u32);

impl Point {
    /// Returns the point of an id for the flag with this seed.
    ///
    /// # Examples
    ///
    /// ```
    /// use flagkit_core::bucket::{Point, Seed};
    ///
    /// let seed = Seed::from_salt("search-v2");
    /// assert_eq!(Point::of("42", seed), Point::of(42, seed));
    /// ```
    #[inline]
    pub fn of<'a>(id: impl Into<Id<'a>>, seed: Seed) -> Self {
        Self::of_bytes(id.into().as_bytes(), seed)
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // 31 bits are left
    pub(crate) fn of_bytes(id: &[u8], seed: Seed) -> Self {
        Self((xxh3_64_with_seed(id, u64::from(seed.0)) >> 33) as u32)
    }

    /// Scales the point to a range of `len` points: `floor(point × len / 2^31)`, which is below `len`.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // less than `len`
    pub(crate) fn scaled_to(self, len: Threshold) -> Self {
        Self(((u64::from(self.0) * u64::from(len.0)) >> 31) as u32)
    }

    /// Returns the point as a number.
    #[inline]
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// Returns whether the point is below the threshold, which means that the subject is included.
    #[inline]
    pub fn is_below(self, threshold: Threshold) -> bool {
        self.0 < threshold.0
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The upper bound of the included points: from `0` (no subject) to `2^31` (every subject).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u32);

impl Threshold {
    /// Includes no subject.
    pub const NONE: Self = Self(0);
    /// Includes every subject: one above the last point.
    pub const ALL: Self = Self(1 << 31);

    /// Returns the threshold with this number, or `None` above 2^31.
    #[inline]
    pub fn from_bits(bits: u32) -> Option<Self> {
        (bits <= Self::ALL.0).then_some(Self(bits))
    }

    /// Returns the threshold as a number.
    #[inline]
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// Returns the threshold in a range of `len` points: `floor(percent × len / 100)`. The product stays below 2^58.
    #[allow(clippy::cast_possible_truncation)] // at most `len`
    pub(crate) fn from_percent(percent: Percent, len: Self) -> Self {
        Self((u64::from(percent.millionths()) * u64::from(len.0) / u64::from(Percent::HUNDRED.millionths())) as u32)
    }
}

impl From<Percent> for Threshold {
    /// Returns `floor(percent × 2^31 / 100)`.
    fn from(percent: Percent) -> Self {
        Self::from_percent(percent, Self::ALL)
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Bucketing that differs from the formulas of this module.
///
/// Front ends for definitions of other systems use it, so that every subject keeps its bucket. Documents of flagkit
/// cannot express it.
///
/// # Examples
///
/// ```
/// use flagkit_core::bucket::{Bucketing, Seed};
/// use flagkit_core::{Flag, Percent};
///
/// let hundred = Bucketing::new().with_points(100)?.with_seed(Seed::from_bits(7));
/// let flag = Flag::on().with_rollout(Percent::new(25)?).with_bucketing(hundred);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucketing {
    seed: Option<Seed>,
    points: Threshold,
}

impl Bucketing {
    /// Returns the bucketing that this module specifies: seeded by the salt, with 2^31 points.
    pub fn new() -> Self {
        Self { seed: None, points: Threshold::ALL }
    }

    /// Sets the seed of the hash that decides whether a subject is included. Default: the seed of the salt.
    ///
    /// The second hash, which assigns variants, is always seeded by the salt.
    pub fn with_seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the number of points, the denominator of every percentage.
    ///
    /// A subject's point becomes `floor(point × points / 2^31)`, and a threshold becomes `floor(percent × points /
    /// 100)`.
    ///
    /// # Errors
    ///
    /// Returns an error unless the number is 1 to 2^31.
    pub fn with_points(mut self, points: u32) -> Result<Self, Error> {
        match Threshold::from_bits(points) {
            Some(points) if points > Threshold::NONE => {
                self.points = points;
                Ok(self)
            }
            _ => Err(ErrorKind::BucketCount { got: points, max: Threshold::ALL.0 }.into()),
        }
    }

    /// Returns the seed of the first hash, for this salt.
    pub(crate) fn seed(self, salt: &str) -> Seed {
        self.seed.unwrap_or_else(|| Seed::from_salt(salt))
    }

    pub(crate) fn points(self) -> Threshold {
        self.points
    }
}

impl Default for Bucketing {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_at_the_edges() {
        let threshold = |text: &str| Threshold::from(text.parse::<Percent>().expect(text)).to_bits();
        assert_eq!(threshold("0"), 0);
        assert_eq!(threshold("0.000001"), 21);
        assert_eq!(threshold("50"), 1 << 30);
        assert_eq!(threshold("99.999999"), 2_147_483_626);
        assert_eq!(threshold("100"), 1 << 31);
    }

    #[test]
    fn no_number_past_the_line_is_a_threshold() {
        assert_eq!(Threshold::from_bits(1 << 31), Some(Threshold::ALL));
        assert_eq!(Threshold::from_bits((1 << 31) + 1), None);
    }
}
