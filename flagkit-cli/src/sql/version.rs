//! The version of a migration, which its name begins with.

use std::cmp::Ordering;

use serde::{Deserialize, Deserializer};

/// The digits of a version: `20240101120000`, `2024-01-01-120000` or `V12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version(String);

/// The fewest digits of a date.
const DATE: usize = 8;
/// The digits of a date with a time.
const TIMESTAMP: usize = 14;

impl Version {
    /// Reads the version that a name begins with.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let digits = name.trim_start_matches(['V', 'v', 'U']);
        let len = digits.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'-').count();
        let digits: String = digits.get(..len)?.chars().filter(char::is_ascii_digit).collect();
        (!digits.is_empty()).then_some(Self(digits))
    }

    /// A date, with zeros for a missing time. `None`: the version is a number.
    fn timestamp(&self) -> Option<String> {
        (self.0.len() >= DATE).then(|| format!("{:0<TIMESTAMP$}", self.0))
    }
}

impl Ord for Version {
    /// Compares dates by their time, and numbers by their value. Every date is after every number.
    fn cmp(&self, other: &Self) -> Ordering {
        let number = |version: &Self| version.0.trim_start_matches('0').to_owned();
        match (self.timestamp(), other.timestamp()) {
            (None, None) => {
                let (a, b) = (number(self), number(other));
                a.len().cmp(&b.len()).then(a.cmp(&b))
            }
            (a, b) => a.cmp(&b),
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "a version that names of SQL files begin with, such as \"20240101\"";
        Self::of(&text).ok_or_else(|| serde::de::Error::custom(format!("got {text:?}, expected {expected}")))
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_dates_or_numbers() {
        let version = |name: &str| Version::of(name).expect("a version");
        let order = ["V1__a", "0002_b", "V10__c", "20240101", "2024-01-01-120000_d", "20240102_e", "1710000000_f"];
        for pair in order[..6].windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        assert!(version("1710000000_f") < version("1720000000_g"));
        assert_eq!(version("20240101_x"), version("2024-01-01_y"));
        assert_eq!((Version::of("init"), Version::of("")), (None, None));
    }
}
