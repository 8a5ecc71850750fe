//! Comments that name the migration of a statement: `-- flagkit: contract NAME`.

use flagkit_sources::document::tree::distance;

/// A marker in a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) verb: Verb,
    /// The name of the migration, or the reason of an `allow`.
    pub(crate) argument: String,
    /// The offset in the file.
    pub(super) offset: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// The statement removes what only the old code needs.
    Contract,
    /// The statement adds what the new code needs.
    Expand,
    /// A person vouches that no running code needs what the statement removes.
    Allow,
}

/// A comment that looks like a marker and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MarkerError {
    pub(crate) message: String,
    pub(crate) help: String,
    /// The offset in the file.
    pub(super) offset: usize,
}

const PREFIX: &str = "flagkit";
const FORMS: &str = "write `flagkit: contract NAME`, `flagkit: expand NAME` or `flagkit: allow REASON`";
/// How many letters of a misspelled word may differ.
const MAX_DISTANCE: usize = 2;

impl Verb {
    const ALL: [Self; 3] = [Self::Contract, Self::Expand, Self::Allow];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Expand => "expand",
            Self::Allow => "allow",
        }
    }
}

/// Finds the markers in the content of a comment, which may have several lines.
pub(super) fn find(comment: &str, offset: usize) -> Vec<Result<Marker, MarkerError>> {
    let mut at = offset;
    let mut found = Vec::new();
    for line in comment.split_inclusive('\n') {
        let text = line.trim_start_matches(|c: char| c.is_whitespace() || "*-#!".contains(c));
        let start = at + line.len() - text.len();
        found.extend(parse(text.trim_end(), start));
        at += line.len();
    }
    found
}

/// Parses one line of a comment, or returns `None` for other comments.
fn parse(line: &str, offset: usize) -> Option<Result<Marker, MarkerError>> {
    let error = |message: String, help: &str| Some(Err(MarkerError { message, help: help.to_owned(), offset }));
    let (first, rest) = match line.split_once(|c: char| c == ':' || c.is_whitespace()) {
        Some((first, rest)) => (first, rest.trim_start_matches(|c: char| c == ':' || c.is_whitespace())),
        None => (line, ""),
    };
    let (verb, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (verb, argument) = (verb.trim_end_matches(':'), argument.trim());
    let near = Verb::ALL.into_iter().min_by_key(|known| distance(verb, known.as_str()));
    let near = near.filter(|known| distance(verb, known.as_str()) <= MAX_DISTANCE);
    let is_prefix = line.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with(':'));
    if !is_prefix {
        let is_similar = !first.is_empty() && distance(first, PREFIX) <= MAX_DISTANCE;
        return match near.filter(|_| is_similar) {
            Some(near) => {
                let help = format!("did you mean `{PREFIX}: {} …`?", near.as_str());
                error(format!("got {:?}, expected \"{PREFIX}:\"", first_words(line)), &help)
            }
            None => None,
        };
    }
    let Some(verb) = Verb::ALL.into_iter().find(|known| known.as_str() == verb) else {
        let help = near.map_or_else(|| FORMS.to_owned(), |near| format!("did you mean `{}`?", near.as_str()));
        return error(format!("got {verb:?}, expected contract, expand or allow"), &help);
    };
    if argument.is_empty() {
        let what = if verb == Verb::Allow { "a reason" } else { "the name of a migration" };
        return error(format!("got no more text after {}, expected {what}", verb.as_str()), FORMS);
    }
    if verb != Verb::Allow && argument.contains(char::is_whitespace) {
        return error(
            format!("got {argument:?}, expected one name"),
            "write one marker for each name, and other text on a line of its own",
        );
    }
    Some(Ok(Marker { verb, argument: argument.to_owned(), offset }))
}

/// Returns the part of a line that a message can show.
fn first_words(line: &str) -> String {
    line.split_whitespace().take(2).collect::<Vec<_>>().join(" ").chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(comment: &str) -> Option<Result<(Verb, String), String>> {
        let found = find(comment, 0).into_iter().next()?;
        Some(found.map(|marker| (marker.verb, marker.argument)).map_err(|error| error.message))
    }

    #[test]
    fn a_marker_is_one_line_of_a_comment() {
        let name = || "split-name".to_owned();
        assert_eq!(one(" flagkit: contract split-name"), Some(Ok((Verb::Contract, name()))));
        assert_eq!(one("flagkit:expand split-name\t"), Some(Ok((Verb::Expand, name()))));
        assert_eq!(one("\n * Text.\n * flagkit: contract split-name\n "), Some(Ok((Verb::Contract, name()))));
        assert_eq!(one(" flagkit: allow never released"), Some(Ok((Verb::Allow, "never released".to_owned()))));
        let offset = find("\n  flagkit: expand a\n", 10).into_iter().next().and_then(Result::ok).map(|it| it.offset);
        assert_eq!(offset, Some(13));
    }

    #[test]
    fn a_comment_that_is_nearly_a_marker_is_an_error() {
        for comment in [
            "flagkit: contrat a",
            "flagkit: drop a",
            "flagkit: contract",
            "flagkit: contract a b",
            "flagkit: allow",
            "flagkit:",
            "flagkti: contract a",
            "Flagkit: expand a",
            "flag-kit: expand a",
            "flagkit contract a",
        ] {
            assert!(matches!(one(comment), Some(Err(_))), "{comment}: {:?}", one(comment));
        }
        for comment in ["", "flagkit is a library", "the flag: contract", "contract a", "flagkit"] {
            assert_eq!(one(comment), None, "{comment}");
        }
    }
}
