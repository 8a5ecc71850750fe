//! A percentage of all subjects.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// A percentage from 0 to 100 with at most six decimal places, stored exactly.
///
/// Percentages are decimals, not floating-point numbers: `4.35` in a file is exactly 4.35.
///
/// # Examples
///
/// ```
/// use flagkit_core::Percent;
///
/// let percent: Percent = "12.5".parse()?;
/// assert_eq!(percent.millionths(), 12_500_000);
/// assert_eq!(percent.to_string(), "12.5%");
/// assert!("100.1".parse::<Percent>().is_err());
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

const DECIMALS: usize = 6;
/// One percent, in millionths.
const UNIT: u32 = 1_000_000;

impl Percent {
    /// No subject.
    pub const ZERO: Self = Self(0);
    /// Every subject.
    pub const HUNDRED: Self = Self(100 * UNIT);

    /// Returns a whole percentage.
    ///
    /// # Errors
    ///
    /// Returns an error above 100.
    pub fn new(whole: u8) -> Result<Self, Error> {
        Self::from_millionths(u32::from(whole) * UNIT)
    }

    /// Returns a percentage given in millionths of a percent: `12_500_000` is 12.5 percent.
    ///
    /// # Errors
    ///
    /// Returns an error above 100 percent.
    pub fn from_millionths(millionths: u32) -> Result<Self, Error> {
        let percent = Self(millionths);
        if percent > Self::HUNDRED { Err(ErrorKind::PercentOutOfRange.into()) } else { Ok(percent) }
    }

    /// Returns the percentage in millionths of a percent: `0 ..= 100_000_000`.
    pub fn millionths(self) -> u32 {
        self.0
    }
}

/// Parses `25` or `12.5`, with or without a `%` at the end.
impl FromStr for Percent {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = text.strip_suffix('%').unwrap_or(text);
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(ErrorKind::PercentNotANumber.into()),
            None => (number, ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if number.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            return Err(ErrorKind::PercentOutOfRange.into());
        }
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(ErrorKind::PercentNotANumber.into());
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > DECIMALS {
            return Err(ErrorKind::PercentTooFine.into());
        }
        // Only digits are left, so the only possible failure is a number too large for the type.
        let whole: u32 = whole.parse().map_err(|_| ErrorKind::PercentOutOfRange)?;
        let fraction: u32 = format!("{fraction:0<DECIMALS$}").parse().map_err(|_| ErrorKind::PercentTooFine)?;
        whole
            .checked_mul(UNIT)
            .and_then(|millionths| millionths.checked_add(fraction))
            .ok_or(ErrorKind::PercentOutOfRange.into())
            .and_then(Self::from_millionths)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / UNIT, self.0 % UNIT);
        if fraction == 0 {
            write!(f, "{whole}%")
        } else {
            let fraction = format!("{fraction:0DECIMALS$}");
            write!(f, "{whole}.{}%", fraction.trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, millionths) in [
            ("0", 0),
            ("100", 100_000_000),
            ("100.000000", 100_000_000),
            ("4.35", 4_350_000),
            ("0.000001", 1),
            ("25%", 25_000_000),
            ("007.50%", 7_500_000),
        ] {
            assert_eq!(text.parse::<Percent>().map(Percent::millionths).ok(), Some(millionths), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let offence = |text: &str| text.parse::<Percent>().expect_err(text).to_string();
        for text in ["", "%", "nan", "inf", "-inf", "1e2", "0x10", " 5", "5 %", "5.", ".5", "+5", "٢٥", "1_0", "-"] {
            assert_eq!(offence(text), ErrorKind::PercentNotANumber.to_string(), "{text}");
        }
        for text in ["100.000001", "101", "99999999999999999999", "-1", "-0", "-0.0"] {
            assert_eq!(offence(text), ErrorKind::PercentOutOfRange.to_string(), "{text}");
        }
        assert_eq!(offence("1.0000001"), ErrorKind::PercentTooFine.to_string());
    }

    #[test]
    fn shown_as_it_is_written() {
        for text in ["0%", "25%", "12.5%", "0.000001%", "99.999999%", "100%"] {
            assert_eq!(text.parse::<Percent>().expect(text).to_string(), text);
        }
    }
}
