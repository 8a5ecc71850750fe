//! Timestamps: a date, a time and an offset.
//!
//! The operators `before` and `after` compare the subject's timestamp with one from the document. An offset is
//! required, because a local time is a different point in time in each time zone.
//!
//! No timestamp is compared with the clock. The same subject gets the same answer tomorrow.

use crate::subject::date::Date;

/// A point in time, as seconds and nanoseconds since 1970-01-01T00:00:00Z.
///
/// The derived order compares the fields from the top, so `seconds` comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timestamp {
    /// Negative before 1970.
    seconds: i64,
    /// The part after the whole second, `0 ..= 999_999_999`. It counts forward, before 1970 too.
    nanoseconds: u32,
}

impl Timestamp {
    /// Parses a date-time of RFC 3339, section 5.6: `2027-02-01T12:00:00.5+01:00`. `T` and `Z` may be in lower case.
    ///
    /// Digits after the ninth of a fraction are ignored. A leap second, which computer clocks do not have, is parsed as
    /// the second before it.
    ///
    /// The text is read from left to right: date, time, fraction, offset. Only the fraction and the offset vary in
    /// length. A positive offset is ahead of UTC, so it is subtracted.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let date: Date = date.parse().ok()?;
        let rest = rest.strip_prefix(['T', 't'])?;
        let (time, rest) = rest.split_at_checked(8)?;
        let (hour, minute, second) = match time.as_bytes() {
            [h1, h2, b':', m1, m2, b':', s1, s2] => (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?),
            _ => return None,
        };
        let (nanoseconds, rest) = match rest.strip_prefix('.') {
            Some(rest) => fraction(rest)?,
            None => (0, rest),
        };
        let offset = match rest.as_bytes() {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let (hours, minutes) = (two(*h1, *h2)?, two(*m1, *m2)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let offset = hours * 3600 + minutes * 60;
                if *sign == b'-' { -offset } else { offset }
            }
            _ => return None,
        };
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let seconds = days(date) * 86_400 + hour * 3600 + minute * 60 + second.min(59) - offset;
        Some(Self { seconds, nanoseconds })
    }
}

/// Parses two digits.
///
/// The caller checks the range of the number.
fn two(tens: u8, ones: u8) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// Splits the digits of a fraction of a second from the rest.
///
/// Returns nanoseconds: the digits are padded with zeros to nine. There must be at least one digit.
fn fraction(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    if digits.is_empty() {
        return None;
    }
    let padded = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some((padded.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')), rest))
}

/// Returns the days since 1970-01-01 in the Gregorian calendar: years with their leap days, then months, then days. The
/// year begins in March, so that the leap day comes last.
///
/// The formula is `days_from_civil` of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms". From March on,
/// the lengths of the months repeat every five months (31, 30, 31, 30, 31), and 153 is their sum.
fn days(date: Date) -> i64 {
    let month = i64::from(date.month());
    let year = i64::from(date.year()) - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(date.day()) - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // There are 719468 days between 0000-03-01 and 1970-01-01.
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> i64 {
        Timestamp::parse(text).expect(text).seconds
    }

    #[test]
    fn known_moments() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), 0);
        assert_eq!(seconds("1969-12-31T23:59:59Z"), -1);
        assert_eq!(seconds("2000-02-29T00:00:00Z"), 951_782_400);
        assert_eq!(seconds("2026-11-20t12:00:00z"), 1_795_176_000);
        assert_eq!(seconds("0000-01-01T00:00:00Z"), -62_167_219_200);
        assert_eq!(seconds("9999-12-31T23:59:59Z"), 253_402_300_799);
        assert_eq!(seconds("2016-12-31T23:59:60Z"), seconds("2016-12-31T23:59:59Z"));
        assert_eq!(seconds("2027-02-01T12:00:00+01:00"), seconds("2027-02-01T11:00:00Z"));
        assert_eq!(seconds("2027-02-01T00:00:00-00:30"), seconds("2027-02-01T00:30:00Z"));
        assert_eq!(Timestamp::parse("2027-02-01T00:00:00.5Z").map(|moment| moment.nanoseconds), Some(500_000_000));
        assert!(Timestamp::parse("2027-02-01T00:00:00.1Z") < Timestamp::parse("2027-02-01T00:00:00.10000001Z"));
    }

    #[test]
    fn everything_else_is_no_moment() {
        for text in [
            "",
            "2027-02-01",
            "2027-02-01T12:00:00",
            "2027-02-01T12:00Z",
            "2027-02-30T12:00:00Z",
            "2027-02-01T24:00:00Z",
            "2027-02-01T12:60:00Z",
            "2027-02-01T12:00:61Z",
            "2027-02-01T12:00:00.Z",
            "2027-02-01T12:00:00+0100",
            "2027-02-01T12:00:00+24:00",
            "2027-02-01T12:00:00Z ",
            "2027-02-01 12:00:00Z",
            "2027-02-01T1é:00:00Z",
            "1795089600",
        ] {
            assert!(Timestamp::parse(text).is_none(), "{text}");
        }
    }
}
