//! The identifier of a subject, as the text that is hashed.
//!
//! # Why a text
//!
//! A service in another language may hold the same id as a number or as a text. Both must get the same bucket, so the
//! decimal text of a number is hashed, and not its bytes in memory. The id `42` and the id `"42"` are the same subject.

use std::fmt;

/// The length of the longest decimal integer: `i128::MIN` has 39 digits and a sign. `u128::MAX` has 39 digits too.
const MAX_DIGITS: usize = 40;

/// A subject's identifier: borrowed text, or the decimal text of an integer.
///
/// Bucketing hashes text, so that every language computes the same bucket. An integer id is written in decimal into a
/// buffer inside the value, without an allocation.
///
/// Ids are equal if their texts are equal: `Id::from(42)` equals `Id::from("42")`.
///
/// # Examples
///
/// ```
/// use flagkit_core::Id;
///
/// assert_eq!(Id::from("user-1").as_bytes(), b"user-1");
/// assert_eq!(Id::from(-42_i64).as_bytes(), b"-42");
/// ```
#[derive(Clone, Copy)]
pub struct Id<'a>(Repr<'a>);

/// The two forms of an id. Only the integer form stores its text, because a borrowed text exists already.
///
/// Digits are computed from the last to the first, so they end at the end of the buffer and begin at `start`.
#[derive(Clone, Copy)]
enum Repr<'a> {
    Text(&'a str),
    Decimal { buffer: [u8; MAX_DIGITS], start: u8 },
}

impl Id<'_> {
    /// Returns the text of the id in UTF-8, which is what bucketing hashes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Text(text) => text.as_bytes(),
            Repr::Decimal { buffer, start } => buffer.get(usize::from(*start)..).unwrap_or_default(),
        }
    }

    /// Returns whether the id is empty. An empty id counts as no id.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Text(text) => f.write_str(text),
            Repr::Decimal { .. } => f.write_str(&String::from_utf8_lossy(self.as_bytes())),
        }
    }
}

/// Shows the id itself, unlike `Context`, which hides it as personal data.
impl fmt::Debug for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

impl PartialEq for Id<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Id<'_> {}

/// Borrows the text unchanged: spaces and upper case count.
impl<'a> From<&'a str> for Id<'a> {
    #[inline]
    fn from(text: &'a str) -> Self {
        Self(Repr::Text(text))
    }
}

/// Writes the digits of `magnitude` at the end of the buffer. `$unsigned` has the width of the integer, because a
/// 128-bit division costs several times a 64-bit one.
macro_rules! decimal {
    ($name:ident, $unsigned:ty) => {
        #[inline]
        #[allow(clippy::cast_possible_truncation)] // a digit is below ten, an index below forty
        fn $name(mut magnitude: $unsigned, negative: bool) -> Id<'static> {
            let mut buffer = [b'0'; MAX_DIGITS];
            let mut start = MAX_DIGITS as u8;
            for slot in buffer.iter_mut().rev() {
                *slot = b'0' + (magnitude % 10) as u8;
                magnitude /= 10;
                start -= 1;
                if magnitude == 0 {
                    break;
                }
            }
            if negative {
                start = start.saturating_sub(1);
                if let Some(slot) = buffer.get_mut(usize::from(start)) {
                    *slot = b'-';
                }
            }
            Id(Repr::Decimal { buffer, start })
        }
    };
}

decimal!(decimal_64, u64);
decimal!(decimal_128, u128);

/// Implements the conversion from pairs of an unsigned and a signed integer. `unsigned_abs` also covers the least
/// integer, which has no positive counterpart.
macro_rules! from_integer {
    ($digits:ident: $($unsigned:ty, $signed:ty);+) => {$(
        impl From<$unsigned> for Id<'_> {
            #[inline]
            #[allow(clippy::cast_lossless, trivial_numeric_casts)]
            fn from(number: $unsigned) -> Self {
                $digits(number as _, false)
            }
        }

        impl From<$signed> for Id<'_> {
            #[inline]
            #[allow(clippy::cast_lossless, trivial_numeric_casts)]
            fn from(number: $signed) -> Self {
                $digits(number.unsigned_abs() as _, number < 0)
            }
        }
    )+};
}

from_integer!(decimal_64: u8, i8; u16, i16; u32, i32; u64, i64; usize, isize);
from_integer!(decimal_128: u128, i128);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_read_as_their_decimal_text() {
        for number in [i128::MIN, i128::MAX, 0, -1, 1, 9, 10, 99, 100, -100] {
            assert_eq!(Id::from(number).to_string(), number.to_string());
        }
        for number in [i64::MIN, i64::MAX, 0, -1, 10] {
            assert_eq!(Id::from(number).to_string(), number.to_string());
        }
        assert_eq!(Id::from(u128::MAX).to_string(), u128::MAX.to_string());
        assert_eq!(Id::from(u64::MAX).to_string(), u64::MAX.to_string());
        assert_eq!(Id::from(-128_i8).to_string(), "-128");
    }

    #[test]
    fn only_the_empty_text_is_empty() {
        assert!(Id::from("").is_empty());
        assert!(!Id::from(" ").is_empty());
        assert!(!Id::from(0_u8).is_empty());
    }
}
