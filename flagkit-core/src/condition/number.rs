//! Numbers, compared by value.

use std::cmp::Ordering;
use std::fmt;

/// A number other than NaN: an exact integer, or a binary fraction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    /// Parses a decimal, with or without an exponent. Returns `None` for other texts, for numbers that are not finite,
    /// and for integers outside of -2^127 to 2^127 - 1.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Ok(integer) = text.parse() {
            return Some(Self::Integer(integer));
        }
        // An integer that is too large must not become the nearest fraction.
        if text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+')) {
            return None;
        }
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
        text.parse().ok().filter(|float: &f64| plain && float.is_finite()).map(Self::Float)
    }

    pub(super) fn from_f64(float: f64) -> Option<Self> {
        (!float.is_nan()).then_some(Self::Float(float))
    }

    /// Compares by exact value.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            // Neither is NaN, so the comparison has a result.
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Self::Integer(a), Self::Float(b)) => compare_mixed(a, b),
            (Self::Float(a), Self::Integer(b)) => compare_mixed(b, a).reverse(),
        }
    }
}

/// 2^127, one above the greatest `i128`. A float holds it exactly.
const LIMIT: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

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

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => write!(f, "{integer}"),
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
        assert_eq!(Number::Integer(5).compare(Number::Float(f64::INFINITY)), Ordering::Less);
    }

    #[test]
    fn what_is_no_number_is_none() {
        let (above, below) = ("170141183460469231731687303715884105728", "-170141183460469231731687303715884105729");
        for text in ["", "nan", "inf", "-inf", "1e999", "0x10", "1_000", "one", above, below] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }
}
