//! The brackets that are open at a position of a text that is not well-formed.
//!
//! # The problem
//!
//! A line means different things inside and outside of brackets: `"a" "b"` lacks a comma in an array, and lacks `=` in
//! a table. A parser stops to track brackets where the grammar is violated.
//!
//! # The idea
//!
//! A lenient scan tracks them for the whole text. It stops at each line with an error, in order, so that all errors of
//! a document together cost one pass.
//!
//! # Limits
//!
//! The scan is a heuristic: it reads text that has no grammar. A wrong result can only change the wording of an error,
//! because the document is refused in any case.

use super::Format;

/// A bracket or brace that is not closed yet, and its offset in the document.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) bracket: char,
    pub(super) offset: usize,
}

/// A scan of the text that keeps the open brackets.
///
/// It reads the text once, from one error to the next. It is lenient: a text in quotes ends with its line unless it has
/// three quotes, and a closing bracket of another kind closes nothing.
pub(super) struct Brackets<'t> {
    /// Decides what comments, headers and quotes are: JSON has only double quotes.
    format: Format,
    text: &'t str,
    /// How far the scan has read, in bytes.
    offset: usize,
    /// The brackets that are open there, outermost first.
    open: Vec<Open>,
    /// The offset of three quotes that nothing closes.
    open_text: Option<usize>,
    /// The offsets of the brackets that are still open at the end, once they have been looked up.
    never_closed: Option<Vec<usize>>,
    /// Whether the remaining errors are due to a bracket that nothing closes.
    is_abandoned: bool,
}

impl<'t> Brackets<'t> {
    /// Creates a scan at the start of the text.
    pub(super) fn new(format: Format, text: &'t str) -> Self {
        Self { format, text, offset: 0, open: Vec::new(), open_text: None, never_closed: None, is_abandoned: false }
    }

    /// Reads on to an offset. An offset inside a text in quotes is passed.
    ///
    /// The scan never goes back: an offset before the current one changes nothing.
    pub(super) fn advance(&mut self, to: usize) {
        while self.offset < to {
            let Some(rest) = self.text.get(self.offset..) else { return };
            let Some(c) = rest.chars().next() else { return };
            let is_line_start = self.offset == 0 || self.text.as_bytes().get(self.offset - 1) == Some(&b'\n');
            let is_toml = self.format == Format::Toml;
            self.offset += match c {
                '#' if is_toml => line_len(rest),
                // A header has no other brackets, and ends with its line even if its own is missing.
                '[' if is_toml && is_line_start && self.open.is_empty() => line_len(rest),
                '"' | '\'' if is_toml || c == '"' => quoted_len(rest, c, is_toml).unwrap_or_else(|| {
                    self.open_text = Some(self.offset);
                    rest.len()
                }),
                '[' | '{' => {
                    self.open.push(Open { bracket: c, offset: self.offset });
                    1
                }
                ']' | '}' => {
                    if self.open.last().is_some_and(|open| closing(open.bracket) == c) {
                        self.open.pop();
                    }
                    1
                }
                other => other.len_utf8(),
            };
        }
    }

    /// Returns the innermost bracket that is open where the scan is.
    pub(super) fn innermost(&self) -> Option<Open> {
        self.open.last().copied()
    }

    /// Returns the offset of three quotes that nothing closes, if the scan has reached them.
    pub(super) fn open_text(&self) -> Option<usize> {
        self.open_text
    }

    /// Returns whether the bracket is still open at the end of the text.
    ///
    /// The end is looked up once, by another scan of the whole text.
    pub(super) fn is_never_closed(&mut self, open: Open) -> bool {
        let (format, text) = (self.format, self.text);
        let at_the_end = self.never_closed.get_or_insert_with(|| {
            let mut whole = Brackets::new(format, text);
            whole.advance(text.len());
            whole.open.iter().map(|open| open.offset).collect()
        });
        at_the_end.contains(&open.offset)
    }

    /// Returns whether nothing but white space follows an offset.
    pub(super) fn is_last(&self, offset: usize) -> bool {
        self.text.get(offset..).is_none_or(|rest| rest.trim_start().is_empty())
    }

    /// Returns the text after an offset.
    pub(super) fn after(&self, offset: usize) -> &'t str {
        self.text.get(offset..).unwrap_or_default()
    }

    /// Returns the text before an offset.
    pub(super) fn before(&self, offset: usize) -> &'t str {
        self.text.get(..offset).unwrap_or_default()
    }

    /// Records that the parser has read everything from here on as part of a bracket that nothing closes. Later errors
    /// are due to that.
    pub(super) fn abandon(&mut self) {
        self.is_abandoned = true;
    }

    /// Returns whether the remaining errors should be dropped.
    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned
    }
}

/// Returns the bracket that closes another.
pub(super) fn closing(bracket: char) -> char {
    if bracket == '[' { ']' } else { '}' }
}

/// Returns the length up to the end of the line.
fn line_len(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// Returns the length of a text in quotes, with its quotes. Without a closing quote, it ends with its line.
///
/// Returns `None` for a text of several lines that does not end.
///
/// `has_multi_line` is whether the format has texts in three quotes, which only TOML has.
fn quoted_len(text: &str, quote: char, has_multi_line: bool) -> Option<usize> {
    let triple = quote.to_string().repeat(3);
    if let Some(rest) = text.strip_prefix(&*triple).filter(|_| has_multi_line) {
        return rest.find(&*triple).map(|end| end + 2 * triple.len());
    }
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return Some(at),
            _ if is_escaped => is_escaped = false,
            '\\' if quote == '"' => is_escaped = true,
            _ if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    Some(text.len())
}
