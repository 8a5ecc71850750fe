//! The slips of values, such as `x =`, `x = on`, `x = true,` and `x = [a b]`.
//!
//! # How it works
//!
//! After `=`, the whole value is read: a word, a text or brackets, and what follows it on the line. Inside brackets,
//! only the value at the error is read, because a line may have many values.
//!
//! | line | explanation |
//! |---|---|
//! | `x =` | no value |
//! | `x = = 1` | a second sign |
//! | `x = on` | a word without quotes, see `word` |
//! | `x = 12,5` | a decimal comma |
//! | `x = true,` and `x = true;` | a separator after the value |
//! | `x = true // why` | a comment of another language |
//! | `x = true y = false` | a second key on the line |
//! | `x = ["a" "b"]` | no comma between two values |
//! | `x = {"on": true}` | `:` within braces |
//!
//! # Limits
//!
//! A value that looks right is left to the parser, and its error stays unchanged. Brackets after `=` are left to the
//! scan of the brackets, because they may span many lines.

use super::super::super::Format;
use super::super::super::node::shorten;
use super::super::super::syntax_error::SyntaxError;
use super::super::brackets::Open;
use super::super::line::Line;
use super::super::word;
use super::key::is_pair;
use super::text::{after_text, text};
use super::{comment, comment_mark};

/// Explains the value after a name and `=`.
///
/// `name` is for the advice. A value in brackets is left to the brackets.
pub(super) fn value(line: &Line<'_>, name: &str, written: &str) -> Option<SyntaxError> {
    let at = line.position(written);
    if written.is_empty() || written.starts_with('#') {
        let help = format!("write a value after `{name} =`, or delete the line");
        return Some(
            line.slip(line.to(at).trim_end().len(), "no value", "a value such as true, 25 or \"text\"").with_help(help),
        );
    }
    // The signs without a space between their two characters are explained with the name.
    if let Some(sign) = written.chars().next().filter(|c| matches!(c, '=' | ':' | '>')) {
        let help = format!("write `{name} = …`, with one `=`");
        return Some(line.slip(at, format!("`{sign}` after `=`"), "a value").with_help(help));
    }
    match written.chars().next()? {
        '"' | '\'' => match text(line, written)? {
            Ok((rest, quote)) => after_text(line, rest, quote),
            Err(slip) => Some(slip),
        },
        '[' | '{' => None,
        _ => word(line, written).or_else(|| after_value(line, written.get(word_len(written)..)?)),
    }
}

/// Explains a word that is no value: one of [`word::advice`], or a number with a decimal comma.
///
/// The comma of `12,5` ends the word, so the digits after it are read too.
pub(super) fn word(line: &Line<'_>, written: &str) -> Option<SyntaxError> {
    let word = written.get(..word_len(written)).filter(|word| !word.is_empty())?;
    let rest = written.get(word.len()..).unwrap_or_default();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = rest.strip_prefix(',').map(|rest| rest.get(..word_len(rest)).unwrap_or_default());
    if let Some(fraction) = fraction.filter(|fraction| is_digits(word) && is_digits(fraction)) {
        let got = format!("`{word},{fraction}`");
        return Some(
            line.slip(line.position(word), got, "a number").with_help(format!("write {word}.{fraction}, with a point")),
        );
    }
    let advice = word::advice(Format::Toml, word)?;
    let got = format!("`{}` without quotes", shorten(word));
    Some(line.slip(line.position(word), got, "a value such as true, 25 or \"text\"").with_help(advice))
}

/// Returns the length of a word: up to a space, a separator, a quote or a bracket.
fn word_len(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || ",;#[]{}=\"'".contains(c)).unwrap_or(text.len())
}

/// Explains the value at the error, inside brackets.
///
/// `open` is the innermost bracket, and `before` is the document up to the error. The last character before the value
/// distinguishes a value from a second one without a comma.
///
/// The steps: a colon instead of `=` within braces, a text with an error, a word that is no value, and two values
/// without a comma. A line may have several errors, and each call explains the one that the parser reported.
pub(super) fn value_in_brackets(line: &Line<'_>, open: Open, before: &str) -> Option<SyntaxError> {
    let is_quoted = |at: usize| line.to(at).trim_end().ends_with(['"', '\'']);
    let colon = line.outside_quotes().find(|(at, c)| *c == ':' && (*at == line.error() || is_quoted(*at)));
    if let Some((at, _)) = colon.filter(|_| open.bracket == '{') {
        return Some(line.slip(at, "`:` after a name", "`=`").with_help("write `=` between a name and its value"));
    }
    if let Some(slip) = line.text_around_error().and_then(|written| text(line, written)?.err()) {
        return Some(slip);
    }
    // The parser may report a character within a word, so the word is read from its start.
    let is_word = |c: char| c.is_alphanumeric() || "_-.%+".contains(c);
    let start = line.to(line.error()).trim_end_matches(is_word).len();
    let rest = line.from(start).trim_start();
    let before = before.get(..before.len() - (line.error() - start)).unwrap_or_default().trim_end();
    if before.ends_with(['=', '[', ',']) && !is_pair(rest) {
        let after = rest.get(word_len(rest)..)?.trim_start();
        if after.starts_with(';') {
            let at = line.position(after);
            return Some(line.slip(at, "`;` after a value", "`,`").with_help("write `,` between two values"));
        }
        let missing = || is_pair(after).then(|| missing_comma(line.start() + line.position(rest) + word_len(rest)));
        return word(line, rest).or_else(missing);
    }
    let has_value = before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | '\'' | ']' | '}'));
    let begins_value = is_pair(rest) || rest.starts_with(['"', '\'', '[', '{']);
    (has_value && begins_value).then(|| missing_comma(before.len()))
}

/// Explains two values without a comma between them, at the end of the first one. JSON has the same slip.
pub(in super::super) fn missing_comma(offset: usize) -> SyntaxError {
    SyntaxError::new(offset, "no comma between two values", "`,`").with_help("write `,` after the value")
}

/// Explains what follows a complete value on its line.
///
/// A comma or a semicolon comes from other languages, a second key from a line break that is missing.
pub(super) fn after_value(line: &Line<'_>, rest: &str) -> Option<SyntaxError> {
    let rest = rest.trim();
    let at = line.position(rest);
    let first = rest.chars().next().filter(|c| *c != '#')?;
    if let Some(mark) = comment_mark(rest).filter(|mark| *mark != ";") {
        return Some(comment(line, at, mark));
    }
    let help = match first {
        '%' => "put a percentage in quotes, such as \"25%\"",
        ',' | ';' if rest.len() == 1 => "delete it; a value ends with its line",
        ']' | '}' | ')' => "delete it; nothing opened it",
        _ if rest.contains('=') => "write each key on a line of its own",
        _ => "a value ends with its line; put a text in quotes, and several values in brackets",
    };
    Some(line.slip(at, format!("`{}` after the value", shorten(rest)), "the end of the line").with_help(help))
}
