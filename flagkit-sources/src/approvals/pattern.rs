//! The patterns of OpenSSH: lists of texts with `*`, `?` and `!`.

/// Returns whether the text matches one pattern of the list, and no pattern that begins with `!`.
pub(super) fn matches_list(text: &str, list: &str) -> bool {
    let mut is_match = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(negated) if matches(text.as_bytes(), negated.as_bytes()) => return false,
            Some(_) => {}
            None => is_match |= matches(text.as_bytes(), pattern.as_bytes()),
        }
    }
    is_match
}

/// Returns whether the text matches the pattern: `*` stands for any bytes, and `?` for one byte.
///
/// After a mismatch, only the last `*` takes one byte more. So the time is at most the product of the lengths.
fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut of_pattern) = (0, 0);
    let mut retry = None;
    while let Some(byte) = text.get(at) {
        match pattern.get(of_pattern) {
            Some(b'*') => {
                retry = Some((at, of_pattern));
                of_pattern += 1;
            }
            Some(expected) if *expected == b'?' || expected == byte => {
                at += 1;
                of_pattern += 1;
            }
            _ => {
                let Some((from, star)) = retry else { return false };
                retry = Some((from + 1, star));
                (at, of_pattern) = (from + 1, star + 1);
            }
        }
    }
    pattern.get(of_pattern..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_matches_as_in_openssh() {
        for (list, is_match) in [
            ("flagkit-approval", true),
            ("git,flagkit-approval", true),
            ("git", false),
            ("", false),
            ("*", true),
            ("flagkit-*", true),
            ("*-approval", true),
            ("flagkit?approval", true),
            ("flagkit??approval", false),
            ("*a*p*l", true),
            ("**", true),
            ("!git,*", true),
            ("*,!flagkit-approval", false),
            ("!flagkit-*,*", false),
            ("!git", false),
            (" flagkit-approval", false),
            ("Flagkit-approval", false),
        ] {
            assert_eq!(matches_list("flagkit-approval", list), is_match, "{list}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let (text, pattern) = ("a".repeat(2000), format!("{}b", "a*".repeat(500)));
        assert!(!matches_list(&text, &pattern));
    }
}
