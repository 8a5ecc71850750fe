//! The slips of JSON.
//!
//! `serde_json` stops at the first error, so a document has one. What precedes it decides what the author forgot: a comma
//! before a closing bracket is one too many, and a name after a complete value lacks one.

use super::super::Format;
use super::super::node::shorten;
use super::super::syntax_error::SyntaxError;
use super::brackets::Brackets;
use super::line::Line;
use super::{toml, word};

/// Explains the error of a line.
pub(super) fn slip(line: &Line<'_>, brackets: &mut Brackets<'_>, error: &SyntaxError) -> Option<SyntaxError> {
    if error.got.starts_with("trailing characters") {
        return None;
    }
    if let Some(slip) = unfinished_text(line, error) {
        return Some(slip);
    }
    let before = brackets.before(error.offset).trim_end();
    let Some(c) = line.from(line.error()).chars().next() else {
        brackets.advance(error.offset);
        return brackets.innermost().filter(|_| brackets.is_last(error.offset)).map(toml::unclosed);
    };
    punctuation(line, c, before).or_else(|| missing_comma(c, before, error)).or_else(|| bare_word(line))
}

/// Explains a character that has no meaning in JSON, or not there.
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

/// Explains two values without a comma between them.
fn missing_comma(c: char, before: &str, error: &SyntaxError) -> Option<SyntaxError> {
    let has_value = before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '"' | ']' | '}'));
    let begins_value = matches!(c, '"' | '[' | '{');
    let is_comma = error.expected.contains("`,`");
    (has_value && begins_value && is_comma).then(|| toml::missing_comma(before.len()))
}

/// Explains a word that is neither in quotes nor a value: a name or a value.
fn bare_word(line: &Line<'_>) -> Option<SyntaxError> {
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
    let advice = word::advice(Format::Json, word)?;
    let got = format!("`{}` without quotes", shorten(word));
    Some(line.slip(start, got, "a value such as true, 25 or \"text\"").with_help(advice))
}

/// Explains a text that does not end on its line, or has an escape that does not exist.
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
