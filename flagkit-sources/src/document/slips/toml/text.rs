//! The slips of texts in quotes, such as `"C:\dir"`, `'it's'` and a quote that is missing.
//!
//! A text in one quote ends with its line, so a missing quote is found on that line. A text in three quotes may end
//! anywhere, so [`Brackets`] finds the one that does not end.
//!
//! | text | explanation |
//! |---|---|
//! | `"abc` | a text without its closing quote |
//! | `"C:\dir\"` | the last quote is escaped, and so part of the text |
//! | `"C:\dir"` | an escape that does not exist; single quotes have no escapes |
//! | `'it's'`, `"a "b" c"` | a quote within a text |
//! | three quotes | a text of several lines without its end |
//!
//! # How it works
//!
//! [`text`] reads from the opening quote. Only double quotes have escapes, as in TOML, so a Windows path is a slip in
//! double quotes and a valid text in single ones. Outside of brackets, [`after_text`] then explains the rest of the
//! line.

use super::super::super::node::shorten;
use super::super::super::syntax_error::SyntaxError;
use super::super::brackets::Brackets;
use super::super::line::Line;
use super::value::after_value;

/// Reads a text in quotes, and returns what follows it.
///
/// The error explains a quote that is missing, or an escape that does not exist. `None` stands for three quotes, which
/// begin a text of several lines. With the rest of the line, the result has the quote, for the explanation of what
/// follows.
pub(super) fn text<'t>(line: &Line<'_>, written: &'t str) -> Option<Result<(&'t str, char), SyntaxError>> {
    let at = line.position(written);
    let quote = written.chars().next()?;
    if written.starts_with(&quote.to_string().repeat(3)) {
        return None;
    }
    let mut characters = written.char_indices().skip(1);
    while let Some((position, c)) = characters.next() {
        match c {
            '\\' if quote == '"' => {
                let (_, escaped) = characters.next()?;
                if !"btnfre\"\\uUx".contains(escaped) {
                    let help = "write `\\\\` for a backslash, or put the text in single quotes";
                    let got = format!("the escape `\\{escaped}`");
                    let slip = line.slip(at + position, got, "an escape such as `\\n` or `\\\\`");
                    return Some(Err(slip.with_help(help)));
                }
            }
            c if c == quote => return Some(Ok((written.get(position + 1..)?, quote))),
            c if c.is_control() && c != '\t' => {
                let help = format!("write it as `\\u{:04X}`, or delete it", u32::from(c));
                let slip = line.slip(at + position, "a control character in a text", "a text without one");
                return Some(Err(slip.with_help(help)));
            }
            _ => {}
        }
    }
    let got = format!("a text without its closing `{quote}`");
    // The first two arms are for texts that look closed.
    let help = match written {
        _ if written.ends_with("\\\"") => {
            "`\\\"` is a quote within the text; write `\\\\` for a backslash at its end".to_owned()
        }
        _ if written.ends_with(['\u{201C}', '\u{201D}', '\u{2019}']) => {
            "close the text with a straight quote".to_owned()
        }
        _ => format!("close the text with `{quote}`"),
    };
    Some(Err(line.slip(at, got, format!("`{quote}` at the end of the text")).with_help(help)))
}

/// Explains what follows a text in quotes.
///
/// A letter right after the closing quote means that this quote was meant as part of the text.
pub(super) fn after_text(line: &Line<'_>, rest: &str, quote: char) -> Option<SyntaxError> {
    if rest.starts_with(|c: char| c.is_alphanumeric()) {
        let help = match quote {
            '"' => "write `\\\"` for a quote within the text",
            _ => "put a text with `'` in double quotes",
        };
        let got = format!("`{}` after the closing `{quote}`", shorten(rest));
        return Some(line.slip(line.position(rest), got, "the end of the text").with_help(help));
    }
    after_value(line, rest)
}

/// Explains three quotes that nothing closes. The parser reports the end of the document instead.
///
/// `offset` is from [`Brackets::open_text`]. Both kinds of quotes are possible, so the message repeats those of the
/// document.
pub(super) fn unclosed_text(brackets: &Brackets<'_>, offset: usize) -> SyntaxError {
    let quotes = brackets.after(offset).get(..3).unwrap_or_default();
    let expected = format!("`{quotes}` at the end of the text");
    SyntaxError::new(offset, format!("a text without its closing `{quotes}`"), expected)
        .with_help(format!("close the text with `{quotes}`"))
}
