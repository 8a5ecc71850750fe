//! Suggestions for misspelled words: "did you mean …?"
//!
//! The decoder uses them for unknown keys and for words such as the kind of a flag. The command uses them for keys of
//! flags.

use strsim::damerau_levenshtein;

/// Returns the known word that is nearest to `word`, if at most a third of its letters differ.
///
/// Words are compared by [`distance`], so `ownr` is near `owner`, and `colour` is near nothing.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes time in proportion to the product of the lengths, and a longer word is not a typing error.
    const MAX_LEN: usize = 64;
    if word.len() > MAX_LEN {
        return None;
    }
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= 2 * MAX_LEN)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns how many letters must be added, removed, replaced or swapped to turn one name into the other.
///
/// Upper and lower case are the same, and so are `-`, `.` and `_`, as in the names of environment variables.
pub fn distance(a: &str, b: &str) -> usize {
    let fold = |word: &str| word.to_ascii_lowercase().replace(['-', '.'], "_");
    damerau_levenshtein(&fold(a), &fold(b))
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
        assert_eq!(nearest("new_chekout", ["new-checkout"]), Some("new-checkout"));
    }
}
