//! The slips of a line with a key, such as `x: true`, `x == 1` and `new checkout = true`.
//!
//! # How it works
//!
//! A line is a name, a sign and a value. The name ends where [`key_len`] says. The sign should be `=`; other languages
//! have `:`, `=>`, `:=` and more. The value is explained by `value`.
//!
//! | line | explanation |
//! |---|---|
//! | `x: true`, `x => true`, `x == true` | another sign than `=` |
//! | `x true` | no sign between a name and its value |
//! | `x` | a name without a value |
//! | `= true` | a value without a name |
//! | `new checkout = true` | a space in a name without quotes |
//! | `new/checkout = true`, `café = true` | a character that needs quotes |
//! | `- x` | an item of YAML |
//! | `}` | a bracket that nothing opened |
//!
//! # The order
//!
//! The name is explained before the sign, and the sign before the value, because each error may be due to the part
//! before it. So `café: on` is first a name that needs quotes.

use super::super::super::node::shorten;
use super::super::super::syntax_error::SyntaxError;
use super::super::line::Line;
use super::header::name_characters;
use super::value::value;

/// Explains a key with its value.
///
/// `body` is the line without its indentation. The key is read first, then the sign after it, then the value. What
/// follows the name decides which slip it is.
pub(super) fn key(line: &Line<'_>, body: &str) -> Option<SyntaxError> {
    let name = body.get(..key_len(body))?;
    let rest = body.get(name.len()..)?.trim_start();
    let (at, rest_at) = (line.position(body), line.position(rest));
    if name.is_empty() {
        return nameless(line, body);
    }
    if let Some(slip) = name_characters(line, name) {
        return Some(slip);
    }
    let shown = shorten(name);
    // Signs of two characters come before `=` and `:`, because four of them begin with one of these.
    if let Some(sign) = ["=>", "==", "=:", ":=", "+=", "->", "?="].into_iter().find(|sign| rest.starts_with(sign)) {
        let help = format!("write `{shown} = …`");
        return Some(line.slip(rest_at, format!("`{sign}` after a name"), "`=`").with_help(help));
    }
    if let Some(written) = rest.strip_prefix('=') {
        return value(line, &shown, written.trim_start());
    }
    if let Some(written) = rest.strip_prefix(':') {
        let help = match written.trim() {
            "" => format!("write a header `[{shown}]` for a table, and `{shown} = …` for a value"),
            written => format!("write `{shown} = {}`", shorten(written)),
        };
        return Some(line.slip(rest_at, "`:` after a name", "`=`").with_help(help));
    }
    if rest.is_empty() || rest.starts_with('#') {
        let help = format!("write `{shown} = true`, for example");
        return Some(line.slip(at, format!("the name `{shown}` without a value"), "`=` and a value").with_help(help));
    }
    let symbol = rest.chars().next().filter(|c| c.is_ascii_punctuation() && !matches!(c, '"' | '\''));
    // An `=` further on shows that everything before it was meant as the name.
    let equals = line.outside_quotes().any(|(position, c)| position >= rest_at && c == '=');
    Some(match (equals, symbol) {
        (true, Some(symbol)) => {
            let got = format!("`{symbol}` in a name without quotes");
            line.slip(rest_at, got, "letters and digits of ASCII, `_` and `-`").with_help("put the name in quotes")
        }
        (true, None) => line
            .slip(at + name.len(), "a space in a name without quotes", "`=` after the name")
            .with_help("write `-` instead, or put the name in quotes"),
        (false, _) => line
            .slip(rest_at, format!("`{}` after the name `{shown}`", shorten(rest)), "`=`")
            .with_help(format!("write `{shown} = {}`", shorten(rest))),
    })
}

/// Explains a line that begins with neither a name nor a header: an item of YAML, or a bracket or comma that is left
/// over.
fn nameless(line: &Line<'_>, body: &str) -> Option<SyntaxError> {
    let at = line.position(body);
    let first = body.chars().next()?;
    let (got, expected, help) = match first {
        '-' => ("an item of YAML", "a key and a value", "write a list in brackets: `key = [\"a\", \"b\"]`"),
        '=' => ("`=` without a name", "a name before `=`", "write `key = value`"),
        ']' | '}' => ("a closing bracket that nothing opened", "a key or a header", "delete it"),
        ',' => ("a comma at the start of a line", "a key or a header", "delete it"),
        _ => return None,
    };
    Some(line.slip(at, got, expected).with_help(help))
}

/// Returns the length of a key: names with or without quotes, and dots.
///
/// Letters of other scripts count as part of the name, so that the explanation can name them.
fn key_len(text: &str) -> usize {
    let mut quote = None;
    let end = text.char_indices().find(|(_, c)| match quote {
        Some(open) => {
            quote = quote.filter(|_| *c != open);
            false
        }
        None if matches!(c, '"' | '\'') => {
            quote = Some(*c);
            false
        }
        None => !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')),
    });
    let len = end.map_or(text.len(), |(at, _)| at);
    // A hyphen by itself begins an item of YAML.
    if text.get(..len).is_some_and(|key| key.chars().all(|c| c == '-')) { 0 } else { len }
}

/// Returns whether a line begins with a name and `=`, as the line of a key does.
///
/// Other slips use it to find a line break, a comma or a closing bracket that is missing before the key.
pub(super) fn is_pair(body: &str) -> bool {
    let len = key_len(body);
    len > 0 && body.get(len..).is_some_and(|rest| rest.trim_start().starts_with('='))
}
