//! The times of statements and of the validity of keys, in seconds since 1970.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::rfc3339;

/// A time in UTC, with whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timestamp(u64);

impl Timestamp {
    /// Returns the time this much later.
    pub(super) fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Returns the seconds since 1970.
    pub(super) fn seconds(self) -> u64 {
        self.0
    }

    /// Parses a time of RFC 3339 in UTC with whole seconds: `2026-11-29T10:03:11Z`.
    pub(super) fn from_rfc3339(text: &str) -> Option<Self> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?;
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let mut parts = date.splitn(3, '-').chain(time.splitn(3, ':'));
        let lengths = [4, 2, 2, 2, 2, 2];
        let mut values = [0; 6];
        for (value, len) in values.iter_mut().zip(lengths) {
            *value = digits(parts.next().filter(|part| part.len() == len)?)?;
        }
        Self::new(values).filter(|_| parts.next().is_none())
    }

    /// Parses a time of OpenSSH's `allowed_signers`: `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with an optional
    /// `Z`.
    ///
    /// OpenSSH reads a time without `Z` in the local time zone. Programs run in many time zones, and the list is
    /// compiled into them, so the time is in UTC here.
    pub(super) fn from_openssh(text: &str) -> Option<Self> {
        let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
        if ![8, 12, 14].contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let part = |from, to| digits.get(from..to).map_or(Some(0), |part| part.parse().ok());
        Self::new([part(0, 4)?, part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?])
    }

    /// Returns the time with this year, month, day, hour, minute and second, if there is one since 1970.
    fn new([year, month, day, hour, minute, second]: [u64; 6]) -> Option<Self> {
        let is_valid = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        if !is_valid || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        // A day that the month does not have is one of the next month.
        let written = format!("{year:04}-{month:02}-{day:02}T");
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        rfc3339::utc(time).starts_with(&written).then_some(Self(seconds))
    }
}

/// A time before 1970 becomes 1970.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_secs(timestamp.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc3339::utc((*self).into()))
    }
}

/// Returns the number of days since 1970-01-01, in the Gregorian calendar.
///
/// The year begins in March, so that the leap day comes last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year;
    // There are 719468 days between 0000-03-01 and 1970-01-01.
    day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_statements_are_exact() {
        for text in ["1970-01-01T00:00:00Z", "2000-02-29T23:59:59Z", "2026-11-29T10:03:11Z", "9999-12-31T23:59:59Z"] {
            assert_eq!(Timestamp::from_rfc3339(text).expect(text).to_string(), text);
        }
        for text in [
            "",
            "2026-11-29",
            "2026-11-29T10:03:11",
            "2026-11-29t10:03:11Z",
            "2026-11-29 10:03:11Z",
            "2026-11-29T10:03:11+00:00",
            "2026-11-29T10:03:11.5Z",
            "2026-11-29T10:03Z",
            "2026-02-29T10:03:11Z",
            "2026-13-01T10:03:11Z",
            "2026-11-29T24:00:00Z",
            "2026-11-29T10:03:60Z",
            "1969-12-31T23:59:59Z",
            "+026-11-29T10:03:11Z",
            "2026-11-29T10:03:11ZZ",
        ] {
            assert_eq!(Timestamp::from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn times_of_approvers_have_three_lengths() {
        for (text, expected) in [
            ("20261129", "2026-11-29T00:00:00Z"),
            ("20261129Z", "2026-11-29T00:00:00Z"),
            ("202611291003z", "2026-11-29T10:03:00Z"),
            ("20261129100311", "2026-11-29T10:03:11Z"),
        ] {
            assert_eq!(Timestamp::from_openssh(text).expect(text).to_string(), expected);
        }
        for text in ["", "Z", "2026112", "2026112910", "20261131", "20261129100361", "2026-11-29", "２０２６１１２９"]
        {
            assert_eq!(Timestamp::from_openssh(text), None, "{text}");
        }
    }
}
