//! Bucketing: from a salt and an id to a place on the line.
//!
//! # The problem
//!
//! A flag that is on for 25 percent must be on for the *same* 25 percent: in every process, on every machine, in every
//! language, tomorrow, and still when the percentage is raised to 30. Two flags at 25 percent must not pick the same
//! people, or the same unlucky quarter tests everything.
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
//! Each subject has a fixed [`Point`] on a line for each flag; the percentage is a [`Threshold`] on that line. Raising
//! it only ever lets people in. The salt (the flag's key unless it names another) turns into the hash's [`Seed`], so
//! that flags are independent. All arithmetic is on integers: no language rounds it differently.
//!
//! XXH3 is the 64-bit hash of the xxHash family, specified in "XXH3 specification" of the xxHash project, version
//! 0.8 and later; its output is frozen. A shift by 33 keeps the top 31 bits, the best mixed ones.
//!
//! # Frozen
//!
//! These formulas never change: a change would move every user of every flag. `spec/bucketing.json` holds golden
//! vectors made by an independent implementation.

use std::fmt;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::bucketing::percent::Percent;
use crate::error::{Error, ErrorKind};
use crate::subject::id::Id;

/// The seed of a flag's hash, made from its salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(u32);

impl Seed {
    /// Makes the seed of a salt: the low 32 bits of its XXH3-64.
    pub fn from_salt(salt: &str) -> Self {
        let [a, b, c, d, ..] = xxh3_64(salt.as_bytes()).to_le_bytes();
        Self(u32::from_le_bytes([a, b, c, d]))
    }

    /// Returns the seed as a number.
    #[inline]
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// Takes a number as a seed.
    #[inline]
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// A subject's place on the line of one flag: `0 ..= 2^31 - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point(u32);

impl Point {
    /// Finds the place of an id on the line of the flag with this seed.
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

    /// The place on a line of `len` points: `floor(point × len / 2^31)`, which is below `len`.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // less than `len`
    pub(crate) fn scaled_to(self, len: Threshold) -> Self {
        Self(((u64::from(self.0) * u64::from(len.0)) >> 31) as u32)
    }

    /// Returns the place as a number.
    #[inline]
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// Tells whether the place lies below the threshold: whether the subject is let in.
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

/// How far along the line subjects are let in: `0` (nobody) to `2^31` (everybody).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u32);

impl Threshold {
    /// Nobody.
    pub const NOBODY: Self = Self(0);
    /// Everybody: past the last point.
    pub const EVERYBODY: Self = Self(1 << 31);

    /// Takes a number as a threshold, if it is one.
    #[inline]
    pub fn from_bits(bits: u32) -> Option<Self> {
        (bits <= Self::EVERYBODY.0).then_some(Self(bits))
    }

    /// Returns the threshold as a number.
    #[inline]
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// The share of a line of `len` points: `floor(percent × len / 100)`, exact: the product stays below 2^58.
    #[allow(clippy::cast_possible_truncation)] // at most `len`
    pub(crate) fn from_percent(percent: Percent, len: Self) -> Self {
        Self((u64::from(percent.millionths()) * u64::from(len.0) / u64::from(Percent::HUNDRED.millionths())) as u32)
    }
}

impl From<Percent> for Threshold {
    /// `floor(percent × 2^31 / 100)`.
    fn from(percent: Percent) -> Self {
        Self::from_percent(percent, Self::EVERYBODY)
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a line of points is like, where it is not as this module specifies: for definitions that come from other
/// systems, whose users keep their places. What documents say is always as specified.
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
    /// As this module specifies: seeded by the salt, 2^31 points.
    pub fn new() -> Self {
        Self { seed: None, points: Threshold::EVERYBODY }
    }

    /// Sets the seed of the hash that decides whether a subject is let in. Default: that of the salt. The second hash, by
    /// which variants are dealt, is seeded by the salt all the same.
    pub fn with_seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets how many points there are, the denominator of every share. A subject's point is
    /// `floor(point × points / 2^31)` of the one that this module specifies, a threshold `floor(percent × points / 100)`.
    ///
    /// # Errors
    ///
    /// Returns an error unless there are 1 to 2^31.
    pub fn with_points(mut self, points: u32) -> Result<Self, Error> {
        match Threshold::from_bits(points) {
            Some(points) if points > Threshold::NOBODY => {
                self.points = points;
                Ok(self)
            }
            _ => Err(ErrorKind::BucketCount { got: points, max: Threshold::EVERYBODY.0 }.into()),
        }
    }

    /// The seed of the first hash, with this salt.
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
        assert_eq!(Threshold::from_bits(1 << 31), Some(Threshold::EVERYBODY));
        assert_eq!(Threshold::from_bits((1 << 31) + 1), None);
    }
}
