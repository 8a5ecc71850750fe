//! The line of an error.
//!
//! # The problem
//!
//! A parser reports one offset, and a slip is often before or after it on the same line.
//!
//! # The idea
//!
//! A slip is recognised by what is on its line. [`Line`] gives access to the parts of a line by position, and to the
//! characters outside of quotes and comments, in which a sign or a bracket has a meaning.
//!
//! All positions are in bytes from the start of the line. An explanation has the offset in the document instead.
//!
//! # Invariants
//!
//! - A line has no line break, neither LF nor CRLF.
//! - A position outside of the line, or within a character, gives an empty part.
//! - The cost of a line is bounded by [`MAX_LINE`], however long the document is.

use std::borrow::Cow;

use super::super::syntax_error::SyntaxError;

/// The longest line that is read again, in bytes on either side of the error.
///
/// A document may be one long line with a thousand errors, and each of them would read it.
const MAX_LINE: usize = 1_000;

/// A line of a text that is not well-formed, and where in it the parser reported an error.
///
/// [`explain`](super::explain) creates one for each error, and each kind of slip reads it.
#[derive(Clone, Copy)]
pub(super) struct Line<'t> {
    /// The offset of the line in the document.
    start: usize,
    /// The line, borrowed from the document.
    text: &'t str,
    /// The position that the parser reported. It may be at the line break, after the text.
    at: usize,
}

impl<'t> Line<'t> {
    /// Returns the line that has the offset, without its line break. Returns `None` if it is very long.
    pub(super) fn at(text: &'t str, offset: usize) -> Option<Self> {
        let offset = offset.min(text.len());
        let from = offset.saturating_sub(MAX_LINE);
        let before = text.as_bytes().get(from..offset)?;
        let start = match before.iter().rposition(|byte| *byte == b'\n') {
            Some(position) => from + position + 1,
            None if from == 0 => 0,
            None => return None,
        };
        let after = text.as_bytes().get(offset..)?;
        let length = after.iter().take(MAX_LINE).position(|byte| *byte == b'\n');
        let end = offset + length.or((after.len() <= MAX_LINE).then_some(after.len()))?;
        let text = text.get(start..end)?;
        Some(Self { start, text: text.strip_suffix('\r').unwrap_or(text), at: offset - start })
    }

    /// Returns the offset of the line in the document, in bytes.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Returns the line without its line break.
    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// Returns the rest of the line from a position in it.
    pub(super) fn from(&self, at: usize) -> &'t str {
        self.text.get(at..).unwrap_or_default()
    }

    /// Returns the line up to a position in it.
    pub(super) fn to(&self, at: usize) -> &'t str {
        self.text.get(..at).unwrap_or_default()
    }

    /// Returns the position of the error in the line. At most the length of the line, where a missing value is.
    pub(super) fn error(&self) -> usize {
        self.at.min(self.text.len())
    }

    /// Returns the position of a part of the line, which must be a slice of it.
    ///
    /// Slices are passed on while they are read, so that each explanation can find its position again.
    pub(super) fn position(&self, part: &str) -> usize {
        part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr())
    }

    /// Creates the explanation of a slip at a position in the line, without advice yet.
    pub(super) fn slip(
        &self,
        at: usize,
        got: impl Into<String>,
        expected: impl Into<Cow<'static, str>>,
    ) -> SyntaxError {
        SyntaxError::new(self.start + at, got, expected)
    }

    /// Returns the rest of the line from the quote that opens the text around the error.
    ///
    /// Returns `None` if the error is outside of quotes. The end of the line counts as part of a text that is open
    /// there.
    pub(super) fn text_around_error(&self) -> Option<&'t str> {
        let outside: Vec<usize> = self.outside_quotes().map(|(at, _)| at).collect();
        let is_outside = |at: usize| outside.binary_search(&at).is_ok();
        let error = self.error().checked_sub(usize::from(self.error() == self.text.len()))?;
        if is_outside(error) {
            return None;
        }
        let start = self.to(error).char_indices().rev().find(|(at, _)| is_outside(*at));
        let start = start.map_or(0, |(at, c)| at + c.len_utf8());
        Some(self.from(start)).filter(|text| text.starts_with(['"', '\'']))
    }

    /// Returns the characters outside of quotes, up to a comment, each with its position.
    ///
    /// A backslash escapes a double quote, but not a single one. A text that does not end takes the rest of the line.
    pub(super) fn outside_quotes(&self) -> impl Iterator<Item = (usize, char)> + use<'t> {
        let (mut quote, mut is_escaped) = (None, false);
        let plain = self.text.char_indices().map(move |(at, c)| {
            let is_plain = match quote {
                None if matches!(c, '"' | '\'') => {
                    quote = Some(c);
                    false
                }
                None => true,
                Some('"') if is_escaped || c == '\\' => {
                    is_escaped = !is_escaped;
                    false
                }
                Some(open) => {
                    quote = quote.filter(|_| c != open);
                    false
                }
            };
            (at, c, is_plain)
        });
        plain
            .take_while(|(_, c, is_plain)| !(*is_plain && *c == '#'))
            .filter(|(.., is_plain)| *is_plain)
            .map(|(at, c, _)| (at, c))
    }
}
