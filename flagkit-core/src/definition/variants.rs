//! Variants: several ways of being on.

use std::fmt;
use std::sync::Arc;

use super::payload::Payload;
use crate::bucket::{Point, Seed, Threshold};

/// A variant: its name and its value. Cloning is cheap (a reference count).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    name: Box<str>,
    payload: Option<Payload>,
}

impl Variant {
    /// Makes a variant without a value.
    pub fn new(name: &str) -> Self {
        Self(Arc::new(Inner { name: name.into(), payload: None }))
    }

    /// Makes a variant with a value.
    pub fn with_payload(name: &str, payload: Payload) -> Self {
        Self(Arc::new(Inner { name: name.into(), payload: Some(payload) }))
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the value, if the variant has one.
    pub fn payload(&self) -> Option<&Payload> {
        self.0.payload.as_ref()
    }

    /// Reads the value as a type of your own.
    ///
    /// # Errors
    ///
    /// Returns an error when the variant has no value, or one of another shape.
    #[cfg(feature = "serde")]
    pub fn value<'de, T: serde_core::Deserialize<'de>>(&'de self) -> Result<T, super::PayloadError> {
        match self.payload() {
            Some(payload) => T::deserialize(payload),
            None => Err(super::PayloadError::absent(self.name())),
        }
    }
}

/// The variants of a flag and their weights.
///
/// # Examples
///
/// ```
/// use flagkit_core::{Flag, Variant, Variants};
///
/// let theme = Variants::new([(Variant::new("blue"), 25_000_000), (Variant::new("red"), 75_000_000)])?;
/// let flag = Flag::on().with_variants(theme);
/// # Ok::<(), flagkit_core::VariantsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variants(Arc<[Share]>);

#[derive(Debug, PartialEq, Eq)]
struct Share {
    variant: Variant,
    /// The cumulated shares, this one's included.
    upto: Threshold,
}

impl Variants {
    /// The greatest weight, in millionths.
    pub const MAX_WEIGHT: u64 = 1_000_000_000_000;

    /// Puts variants together, each with its weight in millionths: a share of the sum of all weights.
    ///
    /// # Errors
    ///
    /// Returns an error when two have one name, a weight is too large, or the sum of the weights is 0.
    pub fn new(weights: impl IntoIterator<Item = (Variant, u64)>) -> Result<Self, VariantsError> {
        let mut weights: Vec<_> = weights.into_iter().collect();
        // An order that does not depend on how they were written: it decides who gets which.
        weights.sort_by(|(a, _), (b, _)| a.name().cmp(b.name()));
        if weights.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a.name() == b.name())) {
            return Err(VariantsError("two variants of one name"));
        }
        if weights.iter().any(|(_, weight)| *weight > Self::MAX_WEIGHT) {
            return Err(VariantsError("a weight above 1000000"));
        }
        let total: u128 = weights.iter().map(|(_, weight)| u128::from(*weight)).sum();
        let mut sum = 0_u128;
        let shares = weights.into_iter().map(|(variant, weight)| {
            sum += u128::from(weight);
            let line = u128::from(Threshold::EVERYBODY.to_bits());
            let upto = (sum * line).checked_div(total).and_then(|upto| u32::try_from(upto).ok());
            let upto = upto.and_then(Threshold::from_bits).ok_or(VariantsError("weights that sum to 0"))?;
            Ok(Share { variant, upto })
        });
        let shares: Arc<[Share]> = shares.collect::<Result<_, _>>()?;
        if shares.is_empty() { Err(VariantsError("no variants")) } else { Ok(Self(shares)) }
    }

    /// Returns the variants, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Variant> {
        self.0.iter().map(|share| &share.variant)
    }

    /// Returns the variant of that name, if there is one.
    pub fn get(&self, name: &str) -> Option<&Variant> {
        self.iter().find(|variant| variant.name() == name)
    }

    /// Deals a variant to the point on the second line.
    #[inline]
    pub(crate) fn deal(&self, point: Point) -> Option<&Variant> {
        self.0.iter().find(|share| point.is_below(share.upto)).map(|share| &share.variant)
    }

    /// The seed of the second line.
    pub(crate) fn seed(salt: &str) -> Seed {
        Seed::from_salt(&format!("{salt}:variant"))
    }
}

/// The reason why [`Variants`] cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantsError(&'static str);

impl fmt::Display for VariantsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for VariantsError {}
