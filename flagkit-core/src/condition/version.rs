//! Versions, and requirements that they meet.
//!
//! # The problem
//!
//! Ordered as texts, version 2.10 would be below 2.9. Apps report versions in their own ways, such as `2.3` without a
//! third part. Cargo's rule rejects nearly all pre-releases, but beta testers must match `>=2.3` too.
//!
//! # The idea
//!
//! A requirement is a set of bounds on the order of all versions. A pre-release is a version like any other, at its own
//! position in that order. Half-open ranges end below the lowest pre-release of the next version, so `^1.2` excludes
//! 2.0.0-beta.
//!
//! # How it works
//!
//! The crate `semver` parses a requirement when the operator is made, and `bounds` turns each comparator into at most
//! two bounds. An evaluation parses the subject's version and compares it with each bound. It uses the parser of this
//! file, because that one borrows the text, allocates nothing, and accepts missing parts.

use std::cmp::Ordering;
use std::fmt;

use semver::{Comparator, Op, VersionReq};

/// A version of Semantic Versioning 2.0.0, borrowed from its text. Missing parts are 0, and build metadata is dropped.
///
/// An evaluation makes one from the attribute's text and drops it after the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version<'a> {
    numbers: [u64; 3],
    pre: &'a str,
}

impl<'a> Version<'a> {
    /// Parses `2`, `2.3`, `2.3.4`, `2.3.4-rc.1` or `2.3.4+build`. Returns `None` for a `v` in front, a fourth part, a
    /// leading zero, or a part above `u64::MAX`.
    ///
    /// The build metadata is split off first, because it may contain hyphens. Its syntax is checked, and its content
    /// has no effect on precedence (section 10).
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (text, build) = match text.split_once('+') {
            Some((text, build)) => (text, Some(build)),
            None => (text, None),
        };
        if build.is_some_and(|build| !build.split('.').all(is_identifier)) {
            return None;
        }
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, pre),
            None => (text, ""),
        };
        let is_good =
            |identifier: &str| is_identifier(identifier) && !(is_numeric(identifier) && has_leading_zero(identifier));
        if core.len() != text.len() && !pre.split('.').all(is_good) {
            return None;
        }
        let mut numbers = [0; 3];
        let mut slots = numbers.iter_mut();
        for part in core.split('.') {
            if !is_numeric(part) || has_leading_zero(part) {
                return None;
            }
            *slots.next()? = part.parse().ok()?;
        }
        Some(Self { numbers, pre })
    }

    /// Compares by precedence, section 11 of Semantic Versioning 2.0.0.
    ///
    /// A release is above all of its pre-releases.
    fn compare(&self, numbers: [u64; 3], pre: &str) -> Ordering {
        self.numbers.cmp(&numbers).then_with(|| match (self.pre.is_empty(), pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => compare_pre(self.pre, pre),
        })
    }
}

/// Compares two pre-releases identifier by identifier (section 11.4). A numeric identifier is below any other, and a
/// pre-release is below its own extensions.
fn compare_pre(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let ordering = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (is_numeric(a), is_numeric(b)) {
                // Without leading zeros, the longer number is the greater one.
                (true, true) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => a.cmp(b),
            },
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// Returns whether the text is an identifier of a pre-release or of build metadata (sections 9 and 10).
fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_numeric(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether the digits begin with a superfluous zero: `01` does, and `0` does not.
fn has_leading_zero(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0')
}

/// Requirements of a version as bounds, all of which must be met. The operator `semver` holds one.
///
/// Without bounds (`*`), every version meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requirement {
    /// The text from the document, which explanations show.
    text: Box<str>,
    bounds: Box<[Bound]>,
}

/// The versions on one side of a version, with or without the version itself.
///
/// `side` is `Greater` for a lower bound and `Less` for an upper bound.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bound {
    side: Ordering,
    included: bool,
    numbers: [u64; 3],
    pre: Box<str>,
}

impl Requirement {
    /// Parses comparators that are separated by commas, in Cargo's syntax.
    pub(super) fn parse(text: &str) -> Result<Self, semver::Error> {
        let requirement = VersionReq::parse(text)?;
        let bounds = requirement.comparators.iter().flat_map(bounds).flatten().collect();
        Ok(Self { text: text.into(), bounds })
    }

    /// Returns whether the version is within all bounds.
    pub(super) fn is_met_by(&self, version: &Version<'_>) -> bool {
        self.bounds.iter().all(|bound| {
            let ordering = version.compare(bound.numbers, &bound.pre);
            ordering == bound.side || (bound.included && ordering.is_eq())
        })
    }
}

/// Returns the lower and the upper bound of a requirement.
///
/// | comparator | lower bound | upper bound |
/// |---|---|---|
/// | `=1.2.3` | at least 1.2.3 | at most 1.2.3 |
/// | `=1.2`, `1.2.*` | at least 1.2.0 | below 1.3.0-0 |
/// | `>1.2.3` | above 1.2.3 | |
/// | `>1.2` | at least 1.3.0-0 | |
/// | `<1.2` | | below 1.2.0 |
/// | `<=1.2` | | below 1.3.0-0 |
/// | `~1.2.3` | at least 1.2.3 | below 1.3.0-0 |
/// | `^1.2.3` | at least 1.2.3 | below 2.0.0-0 |
/// | `^0.2.3` | at least 0.2.3 | below 0.3.0-0 |
fn bounds(comparator: &Comparator) -> [Option<Bound>; 2] {
    let Comparator { major, minor, patch, .. } = *comparator;
    let pre = comparator.pre.as_str();
    let numbers = [major, minor.unwrap_or(0), patch.unwrap_or(0)];
    let bound = |side, included| Some(Bound { side, included, numbers, pre: pre.into() });
    let from = bound(Ordering::Greater, true);
    let given = 1 + usize::from(minor.is_some()) + usize::from(patch.is_some());
    match (comparator.op, given) {
        (Op::Exact | Op::Wildcard, 3) => [from, bound(Ordering::Less, true)],
        (Op::Exact | Op::Wildcard, given) => [from, before_next(numbers, given)],
        (Op::Greater, 3) => [bound(Ordering::Greater, false), None],
        (Op::Greater, given) => [Some(from_next(numbers, given)), None],
        (Op::GreaterEq, _) => [from, None],
        (Op::Less, _) => [bound(Ordering::Less, false), None],
        (Op::LessEq, 3) => [bound(Ordering::Less, true), None],
        (Op::LessEq, given) => [before_next(numbers, given), None],
        (Op::Tilde, given) => [from, before_next(numbers, given.min(2))],
        // Caret, and any operator that a later parser may add: the narrow interpretation.
        (_, given) => {
            let zeros = numbers.iter().take_while(|number| **number == 0).count();
            [from, before_next(numbers, (zeros + 1).min(given))]
        }
    }
}

/// Returns the exclusive upper bound of all versions that share the first `shared` parts: the next version's lowest
/// pre-release (`-0`). `None` if there is no next version.
fn before_next(numbers: [u64; 3], shared: usize) -> Option<Bound> {
    let numbers = next(numbers, shared)?;
    Some(Bound { side: Ordering::Less, included: false, numbers, pre: "0".into() })
}

/// Returns the inclusive lower bound: the version with all of its pre-releases.
///
/// If there is no next version, the bound is above the greatest version, so that no version meets it.
fn from_next(numbers: [u64; 3], shared: usize) -> Bound {
    match next(numbers, shared) {
        Some(numbers) => Bound { side: Ordering::Greater, included: true, numbers, pre: "0".into() },
        None => Bound { side: Ordering::Greater, included: false, numbers: [u64::MAX; 3], pre: "".into() },
    }
}

/// Returns the first numbers after all versions that share the first parts. A part at its maximum carries to the left.
fn next([major, minor, patch]: [u64; 3], shared: usize) -> Option<[u64; 3]> {
    let patch = patch.checked_add(1).filter(|_| shared > 2).map(|patch| [major, minor, patch]);
    let minor = || minor.checked_add(1).filter(|_| shared > 1).map(|minor| [major, minor, 0]);
    patch.or_else(minor).or_else(|| Some([major.checked_add(1)?, 0, 0]))
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(requirement: &str, version: &str) -> bool {
        Requirement::parse(requirement).expect(requirement).is_met_by(&Version::parse(version).expect(version))
    }

    #[test]
    fn precedence_is_that_of_the_standard() {
        let ascending = [
            "1.0.0-0",
            "1.0.0-9",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.1",
            "2",
        ];
        for pair in ascending.windows(2) {
            assert!(meets(&format!("<{}", full(pair[1])), pair[0]), "{pair:?}");
            assert!(!meets(&format!("<{}", full(pair[0])), pair[1]), "{pair:?}");
        }
    }

    fn full(version: &str) -> String {
        match version.matches('.').count() {
            _ if version.contains('-') => version.to_owned(),
            0 => format!("{version}.0.0"),
            1 => format!("{version}.0"),
            _ => version.to_owned(),
        }
    }

    #[test]
    fn requirements_are_bounds() {
        for (requirement, yes, no) in [
            (">=2.3", &["2.3", "2.3.0", "2.10.1", "3.0.0-beta"][..], &["2.2.9", "2.3.0-beta", "2.3-beta"][..]),
            (">1.2", &["1.3.0", "1.3.0-0", "2.0.0-beta"], &["1.2.9", "1.2.0-beta"]),
            ("<1.2", &["1.1.9", "1.2.0-beta"], &["1.2.0"]),
            ("<=1.2", &["1.2.9"], &["1.3.0-alpha", "1.3.0"]),
            ("=1.2", &["1.2.0", "1.2.9"], &["1.2.0-beta", "1.3.0-0"]),
            ("=1.2.3-rc.1", &["1.2.3-rc.1", "1.2.3-rc.1+build"], &["1.2.3", "1.2.3-rc.2"]),
            ("^1.2", &["1.2.0", "1.9.0"], &["1.1.9", "2.0.0-beta", "2.0.0"]),
            ("1.2", &["1.9.0"], &["2.0.0"]),
            ("^0.2.3", &["0.2.9"], &["0.3.0", "0.2.2"]),
            ("^0.0.3", &["0.0.3"], &["0.0.4"]),
            ("~1.2.3", &["1.2.9"], &["1.3.0", "1.2.2"]),
            ("~1", &["1.9.9"], &["2.0.0-0"]),
            (">=1.0, <2.0, <1.5", &["1.4.9"], &["1.5.0"]),
            ("*", &["0.0.1", "9.9.9", "1.0.0-beta"], &[]),
            ("1.2.*", &["1.2.7"], &["1.3.0", "1.1.9"]),
            ("1.2.x", &["1.2.7"], &["1.3.0"]),
            (">18446744073709551615", &[], &["18446744073709551615.18446744073709551615.18446744073709551615"]),
            ("=18446744073709551615", &["18446744073709551615.1.2"], &["18446744073709551614.9.9"]),
            (">0.18446744073709551615", &["1.0.0-0"], &["0.18446744073709551615.0", "0.18446744073709551615.7"]),
            ("~0.18446744073709551615", &["0.18446744073709551615.7"], &["1.0.0-0"]),
            ("^0.0.18446744073709551615", &["0.0.18446744073709551615"], &["0.1.0-0"]),
        ] {
            assert!(yes.iter().all(|version| meets(requirement, version)), "{requirement}");
            assert!(!no.iter().any(|version| meets(requirement, version)), "{requirement}");
        }
    }

    #[test]
    fn everything_else_is_no_version() {
        for text in [
            "",
            "v1.2.3",
            "1.2.3.4",
            "01.2.3",
            "1..3",
            "1.2.",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3-a..b",
            "1.2.3+",
            "1.2.3-é",
            "99999999999999999999.0.0",
            "-1.0.0",
        ] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }
}
