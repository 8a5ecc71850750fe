//! From byte offsets in a text to lines and columns.
//!
//! Parsers and nodes work with byte offsets, which are small and cheap. A user needs the line and the column that an
//! editor shows: both count from one, and a column counts characters. A carriage return at the end of a line is part of
//! that line, so it moves no position.

use flagkit_core::source::{Location, Problem};

/// An index of a text that translates byte offsets into lines and columns.
///
/// [`Format::read`](super::Format::read) builds one for each document. The parsers and the decoder borrow it to give
/// problems their locations, so nodes keep only offsets.
#[derive(Debug)]
pub struct Lines<'t> {
    text: &'t str,
    /// Offsets of the first byte of each line except the first.
    line_starts: Vec<usize>,
    /// For each block, the number of characters that begin before it; at the end, the number of characters in the text.
    /// With these counts, a lookup reads at most one block, however long the line is.
    char_counts: Vec<usize>,
}

/// The size of a block, in bytes: a count of eight bytes for each adds 3 % to the memory of a text.
const BLOCK: usize = 256;

impl<'t> Lines<'t> {
    /// Creates the index of a text.
    pub fn new(text: &'t str) -> Self {
        let mut char_counts = vec![0];
        for block in text.as_bytes().chunks(BLOCK) {
            char_counts.push(char_counts.last().unwrap_or(&0) + count_char_starts(block));
        }
        Self { text, line_starts: line_starts(text), char_counts }
    }

    /// Creates a problem that is located at the offset. `path` is empty for an error of syntax.
    pub(super) fn problem(
        &self,
        offset: usize,
        path: &str,
        got: impl Into<String>,
        expected: impl Into<String>,
    ) -> Problem {
        let Location { line, column } = self.location(offset);
        Problem::new(path, got, expected).at(line, column)
    }

    /// Returns the line and column of a byte offset, for a problem or an edit.
    ///
    /// An offset after the end of the text counts as the end.
    pub fn location(&self, offset: usize) -> Location {
        let (line, column) = self.locate(offset);
        Location { line, column }
    }

    /// Returns the line and column of an offset, from one.
    fn locate(&self, offset: usize) -> (usize, usize) {
        // An offset inside a character counts as the start of that character.
        let offset = (0..=offset.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        let line = self.line_starts.partition_point(|&start| start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index)).copied().unwrap_or(0);
        (line + 1, self.characters_before(offset) - self.characters_before(start) + 1)
    }

    /// Returns the number of characters in the text before an offset: the count of its block, and the rest by counting.
    fn characters_before(&self, offset: usize) -> usize {
        let block = offset / BLOCK;
        let rest = self.text.as_bytes().get(block * BLOCK..offset).map_or(0, count_char_starts);
        self.char_counts.get(block).map_or(rest, |count| count + rest)
    }
}

/// Returns the offsets of the first byte of each line except the first.
fn line_starts(text: &str) -> Vec<usize> {
    text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(index, _)| index + 1).collect()
}

/// Counts the characters that begin among these bytes of UTF-8: all bytes except continuation bytes.
fn count_char_starts(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let lines = Lines::new("ab\ncé!\n\nx");
        assert_eq!(lines.locate(0), (1, 1));
        assert_eq!(lines.locate(2), (1, 3));
        assert_eq!(lines.locate(3), (2, 1));
        assert_eq!(lines.locate(6), (2, 3));
        assert_eq!(lines.locate(8), (3, 1));
        assert_eq!(lines.locate(9), (4, 1));
        assert_eq!(lines.locate(10), (4, 2));
    }

    #[test]
    fn offsets_on_a_long_line_are_located_in_any_order() {
        let text = format!("x\n{}", "aé日𝄞".repeat(500));
        let lines = Lines::new(&text);
        let mut offsets: Vec<_> =
            text.char_indices().map(|(offset, _)| offset).chain([text.len()]).enumerate().collect();
        offsets.rotate_left(777);
        for (index, offset) in offsets.iter().rev().filter(|(index, _)| *index >= 2) {
            assert_eq!(lines.locate(*offset), (2, index - 1), "{offset}");
        }
        assert_eq!(lines.locate(7), (2, 3), "inside 日, which begins at 5");
    }

    #[test]
    fn an_offset_past_the_end_counts_as_the_end() {
        assert_eq!(Lines::new("").locate(7), (1, 1));
        assert_eq!(Lines::new("a\nb").locate(7), (2, 2));
    }
}
