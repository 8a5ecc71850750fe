//! "Did you mean …?"

use strsim::damerau_levenshtein;

/// Returns the known word nearest to `word`, if it is near enough to be meant: a third of its letters may differ.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words than this are no slips of the pen, and the distance costs the product of the lengths.
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
    fn slips_are_found_and_strangers_are_not() {
        let known = ["description", "owner", "kind", "on", "rollout"];
        assert_eq!(nearest("ownr", known), Some("owner"));
        assert_eq!(nearest("Rolout", known), Some("rollout"));
        assert_eq!(nearest("no", known), Some("on"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
    }
}
