//! Numbers, compared by value.
//!
//! A subject may have a 64-bit or a 128-bit integer where a document has a decimal with a fraction, or the reverse. A
//! conversion to `f64` would make neighbours equal, so integers stay exact and are compared with fractions exactly.
//!
//! An exact comparison also keeps the order total: a sorted list of operands can be searched by bisection. NaN has no
//! position in an order, so no number is NaN.

use std::cmp::Ordering;
use std::fmt;

/// A number other than NaN: an exact integer, or a binary fraction. Operands and attribute values become one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// Every integer in this range is stored in this form.
    Integer(i128),
    /// An integer above `i128::MAX`. Attributes of the type `u128` and operands can be so large.
    Large(u128),
    /// Never NaN. An attribute may be infinite; an operand is finite.
    Float(f64),
}

impl Number {
    /// Parses a decimal, with or without an exponent. Returns `None` for other texts, for numbers that are not finite,
    /// and for integers outside of -2^127 to 2^128 - 1.
    ///
    /// An integer is parsed as one, so it keeps all of its digits. Words such as `inf`, hexadecimal digits and
    /// underscores are rejected, although Rust or TOML accepts some of them.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Ok(integer) = text.parse() {
            return Some(Self::Integer(integer));
        }
        if let Ok(large) = text.parse() {
            return Some(Self::Large(large));
        }
        // An integer that is too large must not become the nearest fraction.
        if text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+')) {
            return None;
        }
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
        text.parse().ok().filter(|float: &f64| plain && float.is_finite()).map(Self::Float)
    }

    /// Returns the number, in the one form that every integer has.
    #[inline]
    pub(super) fn from_u128(integer: u128) -> Self {
        i128::try_from(integer).map_or(Self::Large(integer), Self::Integer)
    }

    /// Returns the number, or `None` for NaN.
    ///
    /// Infinities are numbers here: one is above every integer, and one is below.
    pub(super) fn from_f64(float: f64) -> Option<Self> {
        (!float.is_nan()).then_some(Self::Float(float))
    }

    /// Compares by exact value.
    ///
    /// The order is total, because no variant is NaN. No integer is converted to a float, because floats above 2^53
    /// skip integers.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            // Neither is NaN, so the comparison has a result.
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Self::Integer(a), Self::Float(b)) => compare_mixed(a, b),
            (Self::Float(a), Self::Integer(b)) => compare_mixed(b, a).reverse(),
            (Self::Integer(_), Self::Large(_)) => Ordering::Less,
            (Self::Large(_), Self::Integer(_)) => Ordering::Greater,
            (Self::Large(a), Self::Large(b)) => a.cmp(&b),
            (Self::Large(a), Self::Float(b)) => compare_large(a, b),
            (Self::Float(a), Self::Large(b)) => compare_large(b, a).reverse(),
        }
    }
}

/// 2^127, one above the greatest `i128`. A float holds it exactly.
const LIMIT: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

/// Compares an integer with a float.
///
/// Within the limits, the whole part of the float converts to `i128` exactly. If the whole parts are equal, the
/// fraction decides.
#[allow(clippy::cast_possible_truncation)] // within the limits, and truncating is meant
fn compare_mixed(integer: i128, float: f64) -> Ordering {
    if float >= LIMIT {
        return Ordering::Less;
    }
    if float < -LIMIT {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    integer.cmp(&(whole as i128)).then_with(|| whole.partial_cmp(&float).unwrap_or(Ordering::Equal))
}

/// Compares an integer from 2^127. A float of that size has no fraction, so it converts exactly if it is in range.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within the limits
fn compare_large(integer: u128, float: f64) -> Ordering {
    if float >= 2.0 * LIMIT {
        return Ordering::Less;
    }
    if float < LIMIT {
        return Ordering::Greater;
    }
    integer.cmp(&(float as u128))
}

/// Equality by value: the integer 1 is equal to the float 1.0.
impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other) == Ordering::Equal
    }
}

impl Eq for Number {}

/// Displays the value in decimal digits, and not the spelling of the document.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Large(integer) => write!(f, "{integer}"),
            Self::Float(float) => write!(f, "{float}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Ordering {
        Number::parse(a).expect(a).compare(Number::parse(b).expect(b))
    }

    #[test]
    fn values_count_and_not_their_spelling() {
        assert_eq!(compare("1", "1.0"), Ordering::Equal);
        assert_eq!(compare("1e3", "1000"), Ordering::Equal);
        assert_eq!(compare("0.1", "0.10"), Ordering::Equal);
        assert_eq!(compare("-0.0", "0"), Ordering::Equal);
        assert_eq!(compare("1", "1.5"), Ordering::Less);
        assert_eq!(compare("-1", "-1.5"), Ordering::Greater);
        assert_eq!(compare("9007199254740993", "9007199254740992.0"), Ordering::Greater);
        assert_eq!(compare("170141183460469231731687303715884105727", "1e300"), Ordering::Less);
        assert_eq!(compare("-170141183460469231731687303715884105728", "-1e300"), Ordering::Greater);
        assert_eq!(
            compare("-170141183460469231731687303715884105728", "-170141183460469231731687303715884105728.0"),
            Ordering::Equal
        );
        let greatest = "340282366920938463463374607431768211455";
        assert_eq!(
            compare("170141183460469231731687303715884105728", "170141183460469231731687303715884105728.0"),
            Ordering::Equal
        );
        assert_eq!(
            compare("170141183460469231731687303715884105729", "170141183460469231731687303715884105728.0"),
            Ordering::Greater
        );
        assert_eq!(compare(greatest, "340282366920938463463374607431768211456.0"), Ordering::Less);
        assert_eq!(compare(greatest, "170141183460469231731687303715884105727"), Ordering::Greater);
        assert_eq!(compare("-1", greatest), Ordering::Less);
        assert_eq!(compare(greatest, "1.5"), Ordering::Greater);
        assert_eq!(Number::Large(u128::MAX).compare(Number::Float(f64::NEG_INFINITY)), Ordering::Greater);
        assert_eq!(Number::from_u128(5), Number::Integer(5));
        assert_eq!(Number::Integer(5).compare(Number::Float(f64::INFINITY)), Ordering::Less);
    }

    #[test]
    fn what_is_no_number_is_none() {
        let (above, below) = ("340282366920938463463374607431768211456", "-170141183460469231731687303715884105729");
        for text in ["", "nan", "inf", "-inf", "1e999", "0x10", "1_000", "one", above, below] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }
}
