//! The newest approval of each flag, so that an older one cannot be used again.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::definition::hex;
use super::{Refusal, State};

/// The newest approval of each flag, and the widest state that it still allows.
///
/// A flag that is reverted stays covered by its approval. But the approval is used up. Otherwise, an attacker who can
/// write the file could restore what was there before the revert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(BTreeMap<String, Mark>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    serial: u64,
    allowed: State,
}

const HEAD: &str = "flagkit-approval-marks-v1\ndigest ";

impl Marks {
    /// Returns why an approval with this serial may not have the flag in this state.
    pub(super) fn check(&self, key: &str, serial: u64, state: State) -> Result<(), Refusal> {
        match self.0.get(key) {
            Some(mark) if serial < mark.serial => Err(Refusal::Replayed { serial, newest: mark.serial }),
            Some(mark) if serial == mark.serial && !mark.allowed.covers(state) => {
                Err(Refusal::Reverted { allowed: mark.allowed.to_string() })
            }
            _ => Ok(()),
        }
    }

    /// Records an approval, and the widest state that it allows from now on. Returns whether anything changed.
    pub(super) fn accept(&mut self, key: &str, serial: u64, allowed: State) -> bool {
        match self.0.get(key) {
            Some(mark) if serial < mark.serial => false,
            Some(mark) if serial == mark.serial => self.lower(key, allowed),
            _ => self.0.insert(key.to_owned(), Mark { serial, allowed }).is_none_or(|_| true),
        }
    }

    /// Records that documents have the flag in this state, so that its approval allows no wider one any more.
    pub(super) fn lower(&mut self, key: &str, state: State) -> bool {
        match self.0.get_mut(key) {
            Some(mark) if mark.allowed != state && mark.allowed.covers(state) => {
                mark.allowed = state;
                true
            }
            _ => false,
        }
    }

    /// Adds the marks of another process. For each flag the stricter mark stays.
    pub(super) fn merge(&mut self, other: &Self) {
        for (key, mark) in &other.0 {
            self.accept(key, mark.serial, mark.allowed);
        }
    }

    /// Returns the contents of a file: a head with a digest, and a line for each flag.
    pub(super) fn to_text(&self) -> String {
        let body = self.0.iter().fold(String::new(), |mut body, (key, mark)| {
            let _ = writeln!(body, "{key} {} {}", mark.serial, mark.allowed);
            body
        });
        format!("{HEAD}{}\n{body}", hex(&Sha256::digest(&body).into()))
    }

    /// Parses the contents of a file. `None` if it is damaged.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (digest, body) = text.strip_prefix(HEAD)?.split_once('\n')?;
        if digest != hex(&Sha256::digest(body).into()) {
            return None;
        }
        let mut marks = BTreeMap::new();
        for line in body.lines() {
            let mut fields = line.split(' ');
            let (key, serial, allowed) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            if fields.next().is_some() || marks.insert(key.to_owned(), Mark { serial, allowed }).is_some() {
                return None;
            }
        }
        Some(Self(marks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> State {
        text.parse().expect(text)
    }

    #[test]
    fn an_older_serial_is_a_replay() {
        let mut marks = Marks::default();
        assert_eq!(marks.check("a", 0, state("on")), Ok(()));
        assert!(marks.accept("a", 7, state("on")));
        assert_eq!(marks.check("a", 6, state("0%")), Err(Refusal::Replayed { serial: 6, newest: 7 }));
        assert_eq!(marks.check("a", 7, state("on")), Ok(()));
        assert_eq!(marks.check("b", 1, state("on")), Ok(()));
        assert!(!marks.accept("a", 6, state("off")));
        assert_eq!(marks.check("a", 7, state("on")), Ok(()));
    }

    #[test]
    fn a_revert_uses_an_approval_up() {
        let mut marks = Marks::default();
        assert!(!marks.lower("a", state("off")), "there is no approval");
        assert!(marks.accept("a", 7, state("50%")));
        assert!(marks.lower("a", state("10%")) && !marks.lower("a", state("20%")));
        assert_eq!(marks.check("a", 7, state("10%")), Ok(()));
        assert_eq!(marks.check("a", 7, state("10.5%")), Err(Refusal::Reverted { allowed: "10%".into() }));
        assert!(!marks.accept("a", 7, state("50%")), "the same approval widens nothing");
        assert_eq!(marks.check("a", 8, state("50%")), Ok(()));
        assert!(marks.accept("a", 8, state("50%")));
        assert_eq!(marks.check("a", 8, state("50%")), Ok(()));
    }

    #[test]
    fn the_text_holds_all_marks() {
        let mut marks = Marks::default();
        assert_eq!(Marks::parse(&marks.to_text()), Some(marks.clone()));
        marks.accept("a", u64::MAX, state("live@0.5%"));
        marks.accept("b.c", 0, state("off"));
        let text = marks.to_text();
        assert_eq!(Marks::parse(&text), Some(marks));
        for index in 0..text.len() {
            assert_eq!(Marks::parse(&text[..index]), None, "cut at {index}");
            let mut bytes = text.clone().into_bytes();
            bytes[index] ^= 1;
            assert_eq!(Marks::parse(&String::from_utf8_lossy(&bytes)), None, "changed at {index}");
        }
    }

    #[test]
    fn two_processes_keep_the_stricter_mark() {
        let (mut own, mut other) = (Marks::default(), Marks::default());
        own.accept("a", 1, state("on"));
        other.accept("a", 1, state("10%"));
        own.accept("b", 2, state("10%"));
        other.accept("b", 3, state("on"));
        let mut merged = own.clone();
        merged.merge(&other);
        other.merge(&own);
        assert_eq!(merged, other);
        assert!(merged.check("a", 1, state("11%")).is_err() && merged.check("b", 2, state("off")).is_err());
    }
}
