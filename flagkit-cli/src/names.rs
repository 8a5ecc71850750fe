//! Names that are easily confused.

use std::collections::HashMap;

use flagkit_core::FlagKey;
use flagkit_core::source::EnvKey;
use flagkit_sources::document::tree::distance;

/// The length from which names count as similar if one letter is added, removed or replaced.
const MIN_LEN: usize = 5;

/// Returns whether people would confuse two names, or both have the same environment variable.
pub(crate) fn is_similar(a: &str, b: &str) -> bool {
    let (Some(a), Some(b)) = (folded(a), folded(b)) else { return a == b };
    a == b || (!differ_by_number(&a, &b) && a.len().min(b.len()) >= MIN_LEN && distance(&a, &b) <= 1)
}

fn folded(name: &str) -> Option<String> {
    FlagKey::new(name).ok().map(|key| EnvKey::from_key(&key).as_str().to_owned())
}

/// Returns whether two names differ only by numbers at the ends of words, or by words of one letter.
///
/// Such a difference is intended.
fn differ_by_number(a: &str, b: &str) -> bool {
    let letters = |word: &str| word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let mut pairs = a.split('_').zip(b.split('_'));
    a.matches('_').count() == b.matches('_').count()
        && pairs.all(|(a, b)| letters(a) == letters(b) || (a.len() <= 1 && b.len() <= 1))
}

/// An index for finding similar names.
///
/// Its keys are the names, and the names without one of their letters. Similar names have a key in common. This is the
/// symmetric delete index of Garbe's `SymSpell` (2012).
#[derive(Debug, Default)]
pub(crate) struct SimilarNames(HashMap<String, Vec<String>>);

impl SimilarNames {
    /// Adds a name. Returns an earlier name that is similar to it.
    pub(crate) fn add(&mut self, name: &str) -> Option<String> {
        let whole = folded(name)?;
        let shorter = (0..whole.len()).map(|at| whole[..at].to_owned() + &whole[at + 1..]);
        let mut parts: Vec<String> = shorter.filter(|_| whole.len() >= MIN_LEN).collect();
        parts.push(whole);
        parts.dedup();
        let mut known = parts.iter().filter_map(|part| self.0.get(part)).flatten();
        // One similar name is enough; there may be thousands.
        let near = known.find(|known| is_similar(known, name)).cloned();
        for part in parts {
            self.0.entry(part).or_default().push(name.to_owned());
        }
        near
    }
}

#[cfg(test)]
mod tests {
    use super::{SimilarNames, is_similar};

    #[test]
    fn names_that_are_taken_for_each_other() {
        for (a, b) in
            [("new-checkout", "new_checkout"), ("search", "serach"), ("beta.ui", "beta-ui"), ("theme1", "thene1")]
        {
            assert!(is_similar(a, b), "{a} {b}");
            let mut names = SimilarNames::default();
            assert_eq!((names.add(a), names.add(b)), (None, Some(a.to_owned())));
        }
        for (a, b) in
            [("search-v2", "search-v3"), ("ring-a", "ring-b"), ("a", "b"), ("x1-test", "x2-test"), ("new", "news")]
        {
            assert!(!is_similar(a, b), "{a} {b}");
            let mut names = SimilarNames::default();
            assert_eq!((names.add(a), names.add(b)), (None, None));
        }
    }
}
