//! Suggestions for misspelled words: "did you mean …?"
//!
//! The decoder uses them for unknown keys and for words such as the kind of a flag.

use strsim::damerau_levenshtein;

/// Returns the known word that is nearest to `word`, if at most a third of its letters differ.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes time in proportion to the product of the lengths, and a longer word is not a typing error.
    if word.len() > 64 {
        return None;
    }
    let folded = word.to_ascii_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|candidate| (damerau_levenshtein(&folded, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_found_and_other_words_are_not() {
        let known = ["description", "owner", "kind", "on", "rollout"];
        assert_eq!(nearest("ownr", known), Some("owner"));
        assert_eq!(nearest("Rolout", known), Some("rollout"));
        assert_eq!(nearest("no", known), Some("on"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
    }
}
