//! The variants of a flag, and the share of subjects that each of them gets.
//!
//! # How it works
//!
//! The points of the bucketing are divided among the variants, in the order of their names and by weight. A second
//! hash, with a salt of its own, gives each subject a point. The variant that owns the point is the variant of the
//! subject.
//!
//! The second hash is independent of the first, which decides the rollout. So at each percentage, the included subjects
//! have the variants in the same shares. Raising the rollout changes the variant of no subject.

use std::sync::Arc;

use super::variant::Variant;
use crate::bucketing::bucket::{Point, Seed, Threshold};
use crate::error::{Error, ErrorKind};

/// The variants of a flag and their weights.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flag, Variant, Variants};
///
/// let theme = Variants::new([(Variant::new("blue"), 25_000_000), (Variant::new("red"), 75_000_000)])?;
/// let flag = Flag::on().with_variants(theme);
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variants(Arc<[Weighted]>);

/// One variant, and where its share of the points ends. It begins where the share of the variant before it ends.
#[derive(Debug, PartialEq, Eq)]
struct Weighted {
    variant: Variant,
    /// The cumulative weight, including the weight of this variant.
    sum: u128,
    /// The cumulative weight as a threshold: the end of this variant's buckets.
    upto: Threshold,
}

impl Variants {
    /// The maximum weight, in millionths.
    pub const MAX_WEIGHT: u64 = 1_000_000_000_000;

    /// Creates a set of variants, each with its weight in millionths. A weight is a share of the sum of all weights.
    ///
    /// # Errors
    ///
    /// Returns an error if two variants have the same name, a weight is too large, or the sum of the weights is 0.
    pub fn new(weights: impl IntoIterator<Item = (Variant, u64)>) -> Result<Self, Error> {
        let mut weights: Vec<_> = weights.into_iter().collect();
        // The order decides which subject gets which variant, so it must not depend on the order in the document.
        weights.sort_by(|(a, _), (b, _)| a.name().cmp(b.name()));
        if weights.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a.name() == b.name())) {
            return Err(ErrorKind::VariantTwice.into());
        }
        if weights.iter().any(|(_, weight)| *weight > Self::MAX_WEIGHT) {
            return Err(ErrorKind::VariantWeight { max: Self::MAX_WEIGHT / 1_000_000 }.into());
        }
        let mut sum = 0_u128;
        let weights: Vec<(Variant, u128)> = weights
            .into_iter()
            .map(|(variant, weight)| {
                sum += u128::from(weight);
                (variant, sum)
            })
            .collect();
        match sum {
            _ if weights.is_empty() => Err(ErrorKind::VariantsEmpty.into()),
            0 => Err(ErrorKind::VariantsWeightless.into()),
            _ => Ok(Self::distribute(weights, Threshold::ALL)),
        }
    }

    /// Divides the points of a bucketing by cumulative weights. The last of these weights must not be 0.
    ///
    /// Dividing sums instead of single weights makes the shares adjoin: no point is lost to rounding.
    fn distribute(sums: impl IntoIterator<Item = (Variant, u128)>, line: Threshold) -> Self {
        let sums: Vec<(Variant, u128)> = sums.into_iter().collect();
        let total = sums.last().map_or(1, |(_, total)| *total);
        let upto = |sum: u128| {
            let upto = (sum * u128::from(line.to_bits())).checked_div(total)?;
            Threshold::from_bits(u32::try_from(upto).ok()?)
        };
        // No threshold exceeds the total number of points.
        let share = |(variant, sum)| Weighted { variant, sum, upto: upto(sum).unwrap_or(line) };
        Self(sums.into_iter().map(share).collect())
    }

    /// Returns the same shares for a bucketing with this number of points.
    pub(crate) fn scaled_to(&self, line: Threshold) -> Self {
        if line == Threshold::ALL {
            return self.clone();
        }
        Self::distribute(self.0.iter().map(|share| (share.variant.clone(), share.sum)), line)
    }

    /// Returns the variants, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Variant> {
        self.0.iter().map(|share| &share.variant)
    }

    /// Returns the variant with this name, if there is one.
    pub fn get(&self, name: &str) -> Option<&Variant> {
        let index = self.0.binary_search_by(|share| share.variant.name().cmp(name)).ok()?;
        self.0.get(index).map(|share| &share.variant)
    }

    /// Returns the variant that has all the weight, if one has. Then compiling omits the second hash.
    pub(crate) fn sole(&self) -> Option<&Variant> {
        let total = self.0.last()?.sum;
        let first = self.0.iter().find(|share| share.sum > 0)?;
        (first.sum == total).then_some(&first.variant)
    }

    /// Returns the variant for this point of the second hash.
    #[inline]
    pub(crate) fn pick(&self, point: Point) -> Option<&Variant> {
        const FEW: usize = 16;
        // The thresholds are in ascending order. For a few variants, a linear search is faster than a binary search.
        let index = if self.0.len() <= FEW {
            self.0.iter().position(|share| point.is_below(share.upto))?
        } else {
            self.0.partition_point(|share| !point.is_below(share.upto))
        };
        self.0.get(index).map(|share| &share.variant)
    }

    /// Returns the seed of the second hash, which assigns variants.
    pub(crate) fn seed(salt: &str) -> Seed {
        Seed::from_salt(&format!("{salt}:variant"))
    }
}
