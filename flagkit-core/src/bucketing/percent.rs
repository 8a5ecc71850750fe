//! A share of all subjects.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// A percentage from 0 to 100 with at most six decimals, held exactly.
///
/// Percentages are decimals, not floating-point numbers: `4.35` is 4.35, and what a file says is what is compared.
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
/// # Ok::<(), flagkit_core::PercentError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

const DECIMALS: usize = 6;
/// One percent, in millionths.
const UNIT: u32 = 1_000_000;

impl Percent {
    /// Nobody.
    pub const ZERO: Self = Self(0);
    /// Everybody.
    pub const HUNDRED: Self = Self(100 * UNIT);

    /// Takes a whole percentage.
    ///
    /// # Errors
    ///
    /// Returns an error above 100.
    pub fn new(whole: u8) -> Result<Self, PercentError> {
        Self::from_millionths(u32::from(whole) * UNIT)
    }

    /// Takes a number of millionths of a percent: `12_500_000` is 12.5 percent.
    ///
    /// # Errors
    ///
    /// Returns an error above 100 percent.
    pub fn from_millionths(millionths: u32) -> Result<Self, PercentError> {
        let percent = Self(millionths);
        if percent > Self::HUNDRED { Err(PercentError(Offence::OutOfRange)) } else { Ok(percent) }
    }

    /// Returns the percentage in millionths of a percent: `0 ..= 100_000_000`.
    pub fn millionths(self) -> u32 {
        self.0
    }
}

/// Reads `25`, `12.5` or either with a `%` behind.
impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let number = text.strip_suffix('%').unwrap_or(text);
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(PercentError(Offence::NotANumber)),
            None => (number, ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if number.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            return Err(PercentError(Offence::OutOfRange));
        }
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(PercentError(Offence::NotANumber));
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > DECIMALS {
            return Err(PercentError(Offence::TooFine));
        }
        // All digits by now, so the only failure left is a number too large for the type.
        let whole: u32 = whole.parse().map_err(|_| PercentError(Offence::OutOfRange))?;
        let fraction: u32 = format!("{fraction:0<DECIMALS$}").parse().map_err(|_| PercentError(Offence::TooFine))?;
        whole
            .checked_mul(UNIT)
            .and_then(|millionths| millionths.checked_add(fraction))
            .ok_or(PercentError(Offence::OutOfRange))
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

/// The reason why a text or number is not a [`Percent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PercentError(Offence);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Offence {
    NotANumber,
    OutOfRange,
    TooFine,
}

impl fmt::Display for PercentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Offence::NotANumber => "not a plain decimal number such as 25 or 12.5",
            Offence::OutOfRange => "outside 0 to 100",
            Offence::TooFine => "more than 6 decimals",
        })
    }
}

impl Error for PercentError {}

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
            assert_eq!(text.parse::<Percent>().map(Percent::millionths), Ok(millionths), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let offence = |text: &str| text.parse::<Percent>().expect_err(text).0;
        for text in ["", "%", "nan", "inf", "-inf", "1e2", "0x10", " 5", "5 %", "5.", ".5", "+5", "٢٥", "1_0", "-"] {
            assert_eq!(offence(text), Offence::NotANumber, "{text}");
        }
        for text in ["100.000001", "101", "99999999999999999999", "-1", "-0", "-0.0"] {
            assert_eq!(offence(text), Offence::OutOfRange, "{text}");
        }
        assert_eq!(offence("1.0000001"), Offence::TooFine);
    }

    #[test]
    fn shown_as_it_is_written() {
        for text in ["0%", "25%", "12.5%", "0.000001%", "99.999999%", "100%"] {
            assert_eq!(text.parse::<Percent>().expect(text).to_string(), text);
        }
    }
}
