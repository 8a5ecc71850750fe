//! The slips of JSON.
//!
//! # The problem
//!
//! `serde_json` names the character that it cannot read, and its description depends on what it read before. The author
//! sees neither of the two as the mistake: after a missing comma, the error is at a name that is right.
//!
//! # How it works
//!
//! `serde_json` stops at the first error, so a document has one. What precedes it decides what the author forgot: a
//! comma before a closing bracket is one too many, and a name after a complete value lacks one.
//!
//! | text | explanation |
//! |---|---|
//! | `{"a": 1,}` | a comma before a closing bracket |
//! | `{"a": 1 "b": 2}` | no comma between two values |
//! | `{"a" 1}`, `{"a" = 1}` | no `:` after a name |
//! | `{'a': 1}`, `{a: 1}` | a name without double quotes |
//! | `{"a": on}`, `{"a": 25%}` | a value without quotes |
//! | `{"a": "b}` | a text without its closing quote |
//! | `{"a": "\d"}` | an escape that does not exist |
//! | `{"a": 1 // why` | a comment |
//! | `{"a": [1}` | a bracket of the wrong kind |
//! | `{"a": 1` | a bracket without its closing one, at the bracket |
//! | `{"a": 1}}` | a bracket after the end of the document |
//!
//! # The order
//!
//! Text after the document comes first, then texts in quotes: within a text, a character has no other meaning. A word
//! that was cut is next, because its error is on a later line. The others are in the order from the most specific to
//! the most general: a sign, a bracket, a separator, a word.

use super::super::Format;
use super::super::node::shorten;
use super::super::syntax_error::SyntaxError;
use super::brackets::{Brackets, closing};
use super::line::Line;
use super::{toml, word};

/// Explains the error of a line.
///
/// The character at the error and the text before it decide. The end of the document is the error of every bracket that
/// nothing closes, so the bracket is explained instead.
pub(super) fn slip(line: &Line<'_>, brackets: &mut Brackets<'_>, error: &SyntaxError) -> Option<SyntaxError> {
    if error.got.starts_with("trailing characters") {
        return after_document(line, brackets.before(error.offset));
    }
    if let Some(slip) = unfinished_text(line, error) {
        return Some(slip);
    }
    let before = brackets.before(error.offset).trim_end();
    let Some(c) = line.from(line.error()).chars().next() else {
        brackets.advance(error.offset);
        return brackets.innermost().filter(|_| brackets.is_last(error.offset)).map(toml::unclosed);
    };
    brackets.advance(error.offset);
    if let Some(slip) = cut_word(line, before, error) {
        return Some(slip);
    }
    punctuation(line, c, before)
        .or_else(|| wrong_bracket(line, c, brackets))
        .or_else(|| missing_separator(line, c, before, error))
        .or_else(|| bare_word(line))
}

/// Explains a word that begins like `true`, `false` or `null` and ends before the line of the error.
///
/// The parser reads such a word letter by letter, and fails at the first wrong one. If that is the line break, the line
/// of the error no longer has the word, so `before` is searched for it.
fn cut_word(line: &Line<'_>, before: &str, error: &SyntaxError) -> Option<SyntaxError> {
    // Only white space precedes the error on its line, so the word ended on an earlier line.
    let is_apart = line.to(line.error()).trim().is_empty();
    if !is_apart || error.expected != "true, false or null" {
        return None;
    }
    let start = before.trim_end_matches(|c: char| c.is_alphanumeric()).len();
    let word = before.get(start..)?;
    let advice = word::advice(Format::Json, word)?;
    let got = format!("`{}` without quotes", shorten(word));
    Some(SyntaxError::new(start, got, "a value such as true, 25 or \"text\"").with_help(advice))
}

/// Explains text after the outermost value of the document: a bracket too many, or missing braces around everything.
///
/// The parser accepts the first value as the whole document. For `"a": 1` that is the text `"a"`, and the colon comes
/// after the end.
fn after_document(line: &Line<'_>, before: &str) -> Option<SyntaxError> {
    let first = line.from(line.error()).chars().next()?;
    let (got, help) = match first {
        '}' | ']' => (format!("`{first}` after the end of the document"), "delete it; nothing opened it"),
        ':' if before.trim_start().starts_with('"') => (
            "a document without braces around it".to_owned(),
            "write `{` at the start of the document, and `}` at its end",
        ),
        _ => return None,
    };
    Some(line.slip(line.error(), got, "one object").with_help(help))
}

/// Explains a bracket that closes another kind of bracket, as `]` does in `{"a": [1}]`.
///
/// `brackets` has read up to the error. The bracket that is open there is the one to close first.
fn wrong_bracket(line: &Line<'_>, c: char, brackets: &Brackets<'_>) -> Option<SyntaxError> {
    let open = brackets.innermost().filter(|open| matches!(c, ']' | '}') && closing(open.bracket) != c)?;
    let expected = format!("`{}`", closing(open.bracket));
    let help = format!("close the `{}` before it first", open.bracket);
    Some(line.slip(line.error(), format!("`{c}`"), expected).with_help(help))
}

/// Explains a character that has no meaning in JSON, or not there.
///
/// `c` is the character at the error, and `before` is the document up to it, without white space at its end.
fn punctuation(line: &Line<'_>, c: char, before: &str) -> Option<SyntaxError> {
    let at = line.error();
    let (got, expected, help) = match c {
        ']' | '}' if before.ends_with(',') => {
            let got = format!("a comma before `{c}`");
            return Some(
                SyntaxError::new(before.len() - 1, got, "no comma after the last value").with_help("delete the comma"),
            );
        }
        '\'' => ("a single quote", "`\"`", "write texts and names in double quotes"),
        '/' | '#' => ("a comment", "JSON, which has no comments", "delete it, or write the document in TOML"),
        '=' => ("`=`", "`:`", "write `:` between a name and its value"),
        ';' => ("`;`", "`,`", "write `,` between two values"),
        ',' if before.ends_with([',', '[', '{']) => {
            ("a comma without a value before it", "a value", "delete the comma")
        }
        ',' | '}' if before.ends_with(':') => ("no value", "a value after `:`", "write a value, or delete the name"),
        _ => return None,
    };
    Some(line.slip(at, got, expected).with_help(help))
}

/// Explains two values without a comma between them, and a name without a colon after it.
///
/// The parser knows which of the two is missing. The error is at the end of the first value, where the sign belongs.
fn missing_separator(line: &Line<'_>, c: char, before: &str, error: &SyntaxError) -> Option<SyntaxError> {
    let has_value = before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '"' | ']' | '}'));
    let begins_value = c.is_ascii_alphanumeric() || matches!(c, '"' | '[' | '{' | '-');
    if !has_value || !begins_value {
        return None;
    }
    if error.expected == "`:`" {
        let help = "write `:` between a name and its value";
        return Some(SyntaxError::new(before.len(), "no `:` after a name", "`:`").with_help(help));
    }
    let is_apart = line.to(line.error()).ends_with(char::is_whitespace) || line.to(line.error()).is_empty();
    (is_apart && error.expected.contains("`,`")).then(|| toml::missing_comma(before.len()))
}

/// Explains a word that is neither in quotes nor a value.
///
/// A word before a colon is a name, as JavaScript allows it. The parser may report a letter in the middle of a word, so
/// the word is read from its start.
fn bare_word(line: &Line<'_>) -> Option<SyntaxError> {
    // The same signs as in numbers, percentages and dates, so that `25%` and `2027-02-01` are one word each.
    let is_word = |c: char| c.is_alphanumeric() || "_-.+%".contains(c);
    let start = line.to(line.error()).trim_end_matches(is_word).len();
    let rest = line.from(start);
    let word = rest.get(..rest.find(|c| !is_word(c)).unwrap_or(rest.len())).filter(|word| !word.is_empty())?;
    let after = rest.get(word.len()..).unwrap_or_default().trim_start();
    if after.starts_with([':', '=']) && !line.to(start).trim_end().ends_with(':') {
        let got = format!("the name `{}` without quotes", shorten(word));
        let help = "write names in double quotes";
        return Some(line.slip(start, got, "a name in quotes").with_help(help));
    }
    // The parser takes `12,5` for two values, and fails at the second. The digits before the comma belong to it.
    let whole =
        line.to(start).strip_suffix(',').map(|to| to.get(to.trim_end_matches(|c: char| c.is_ascii_digit()).len()..));
    if let Some(whole) =
        whole.flatten().filter(|whole| !whole.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()))
    {
        let at = start - whole.len() - 1;
        let help = format!("write {whole}.{word}, with a point");
        return Some(line.slip(at, format!("`{whole},{word}`"), "a number").with_help(help));
    }
    let advice = word::advice(Format::Json, word)?;
    let got = format!("`{}` without quotes", shorten(word));
    Some(line.slip(start, got, "a value such as true, 25 or \"text\"").with_help(advice))
}

/// Explains a text that does not end on its line, or has an escape that does not exist.
///
/// The parser reports the line break or the end of the document; the slip is at the opening quote. A tab is an error of
/// its own, because JSON does not allow it within a text.
fn unfinished_text(line: &Line<'_>, error: &SyntaxError) -> Option<SyntaxError> {
    if error.got.starts_with("invalid escape") {
        let at = line.to(line.error()).rfind('\\')?;
        let escaped = line.from(at).chars().nth(1)?;
        let got = format!("the escape `\\{escaped}`");
        let help = "write `\\\\` for a backslash";
        return Some(line.slip(at, got, "an escape such as `\\n` or `\\\\`").with_help(help));
    }
    let is_text = error.got.starts_with("control character") || error.got == "EOF while parsing a string";
    if !is_text {
        return None;
    }
    if line.from(line.error()).starts_with('\t') {
        return Some(line.slip(line.error(), "a tab in a text", "a text without one").with_help("write `\\t`"));
    }
    // Finds the quote that is open at the error. A backslash escapes only within a text.
    let mut open = None;
    let mut is_escaped = false;
    for (at, c) in line.to(line.error()).char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = open.is_some(),
            '"' => open = if open.is_some() { None } else { Some(at) },
            _ => {}
        }
    }
    let at = open.filter(|_| line.error() >= line.text().len())?;
    let help = "close the text with `\"`; a line break within a text is `\\n`";
    Some(line.slip(at, "a text without its closing `\"`", "`\"` at the end of the text").with_help(help))
}
