//! A calendar day, for metadata.
//!
//! The dates of a flag are metadata: tools report an expired flag, and reads ignore the date. Conditions with a point
//! in time use timestamps instead.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// A calendar day, written `2027-02-01` (the full-date of RFC 3339, section 5.6).
///
/// Dates are metadata. No evaluation compares a date with today: time never turns a flag on or off.
///
/// # Examples
///
/// ```
/// use flagkit_core::Date;
///
/// let expires: Date = "2027-02-01".parse()?;
/// assert!(expires > Date::new(2026, 12, 31)?);
/// assert!("2027-02-30".parse::<Date>().is_err());
/// # Ok::<(), flagkit_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Returns a day of the Gregorian calendar, in the years 0 to 9999.
    ///
    /// Leap days follow the Gregorian rule, also in years before its introduction.
    ///
    /// # Errors
    ///
    /// Returns an error if the day does not exist.
    pub fn new(year: u16, month: u8, day: u8) -> Result<Self, Error> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return Err(ErrorKind::Date.into()),
        };
        if year <= 9999 && (1..=days).contains(&day) {
            Ok(Self { year, month, day })
        } else {
            Err(ErrorKind::Date.into())
        }
    }

    /// Returns the year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// Returns the month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// Returns the day of the month, 1 to 31.
    pub fn day(self) -> u8 {
        self.day
    }
}

impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        fn number<T: FromStr>(text: &str, len: usize) -> Result<T, Error> {
            if text.len() != len || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(ErrorKind::Date.into());
            }
            text.parse().map_err(|_| ErrorKind::Date.into())
        }
        let mut parts = text.split('-');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(year), Some(month), Some(day), None) => {
                Self::new(number(year, 4)?, number(month, 2)?, number(day, 2)?)
            }
            _ => Err(ErrorKind::Date.into()),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_days_are_dates() {
        for text in ["2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(text.parse::<Date>().expect(text).to_string(), text);
        }
        for text in [
            "2023-02-29",
            "1900-02-29",
            "2024-00-01",
            "2024-13-01",
            "2024-04-31",
            "2024-1-1",
            "24-01-01",
            "",
            "+024-01-01",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
