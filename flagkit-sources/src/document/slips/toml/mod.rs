//! The slips of TOML.
//!
//! # How it works
//!
//! A line outside of brackets is a header, a key with its value, or a comment. It is read from its start, because the
//! parser often reports what follows a mistake:
//!
//! ```text
//! x = true,          the parser: an unexpected `,`; the slip: a value ends with its line
//! x = [1, 2          the parser: on the next line, an unexpected `=`; the slip: `[` without its closing `]`
//! y = 3
//! ```
//!
//! Inside brackets only the value at the error is read.
//!
//! # The files, in reading order
//!
//! `header`, `key` and `value` are the parts of a line. `text` is a value in quotes.

mod header;
mod key;
mod text;
mod value;

use super::super::syntax_error::SyntaxError;
use super::brackets::{Brackets, Open, closing};
use super::line::Line;

use self::header::{header, is_header};
use self::key::{is_pair, key};
use self::text::unclosed_text;
use self::value::{after_value, value_in_brackets};

pub(super) use self::value::missing_comma;

/// Explains the error of a line.
///
/// In this order: a text in three quotes that nothing closes, a statement outside of brackets, a bracket that nothing
/// closes, something after a value in brackets, and the value at the error.
pub(super) fn slip(line: &Line<'_>, brackets: &mut Brackets<'_>, error: &SyntaxError) -> Option<SyntaxError> {
    let body = line.text().trim_start();
    if let Some(offset) = brackets.open_text() {
        return Some(unclosed_text(brackets, offset));
    }
    let open = brackets.innermost();
    if open.is_none() {
        if let Some(slip) = statement(line, body) {
            return Some(slip);
        }
    }
    brackets.advance(line.start() + line.text().len());
    if let Some(offset) = brackets.open_text() {
        return Some(unclosed_text(brackets, offset));
    }
    let open = open.or_else(|| brackets.innermost());
    if let Some(open) = open {
        let is_next = is_pair(body) || (body.starts_with('[') && is_header(body));
        if (is_next || brackets.is_last(error.offset)) && brackets.is_never_closed(open) {
            brackets.abandon();
            return Some(unclosed(open));
        }
    }
    let before = line.to(line.error()).trim_end();
    if brackets.innermost().is_none() && before.ends_with([']', '}']) {
        return after_value(line, line.from(line.error()));
    }
    let open = open.or_else(|| body.contains(['[', '{']).then_some(Open { bracket: '{', offset: line.start() }))?;
    value_in_brackets(line, open, brackets.before(line.start() + line.error()))
}

/// Explains a line outside of brackets: a comment, a header, or a key with its value.
///
/// The whole line is read, not only the error, because the parser often reports what follows the mistake.
fn statement(line: &Line<'_>, body: &str) -> Option<SyntaxError> {
    match comment_mark(body) {
        Some(mark) => Some(comment(line, line.position(body), mark)),
        None if body.starts_with('[') && is_header(body) => header(line, body),
        None => key(line, body),
    }
}

/// Explains a bracket that nothing closes.
///
/// The error is at the bracket. The parser reports the next statement instead, or the end of the document.
pub(super) fn unclosed(open: Open) -> SyntaxError {
    let Open { bracket, offset } = open;
    let got = format!("`{bracket}` without its closing `{}`", closing(bracket));
    SyntaxError::new(offset, got, "brackets that are closed").with_help(format!("close it with `{}`", closing(bracket)))
}

/// Returns the mark with which other languages begin a comment: C, SQL and INI.
fn comment_mark(text: &str) -> Option<&'static str> {
    ["//", "/*", "--", ";"].into_iter().find(|mark| text.starts_with(mark))
}

/// Explains a comment of another language, at its mark.
fn comment(line: &Line<'_>, at: usize, mark: &str) -> SyntaxError {
    line.slip(at, format!("`{mark}`"), "`#` before a comment").with_help("a comment begins with `#`")
}
