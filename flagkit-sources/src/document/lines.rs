//! From a place in a text to its line and column.

use flagkit_core::source::{Location, Problem};

/// Finds line and column of a byte offset.
pub(super) struct Lines<'t> {
    text: &'t str,
    /// Offsets of the first byte of each line but the first.
    starts: Vec<usize>,
    /// How many characters begin before each block of the text, and in all of it: a long line is not counted again for each
    /// place on it.
    begun: Vec<usize>,
}

/// How many bytes a block has.
const BLOCK: usize = 256;

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let starts = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(index, _)| index + 1).collect();
        let mut begun = vec![0];
        for block in text.as_bytes().chunks(BLOCK) {
            begun.push(begun.last().unwrap_or(&0) + beginnings(block));
        }
        Self { text, starts, begun }
    }

    /// Makes a problem of what stands at the offset.
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

    pub(super) fn location(&self, offset: usize) -> Location {
        let (line, column) = self.locate(offset);
        Location { line, column }
    }

    fn locate(&self, offset: usize) -> (usize, usize) {
        // Where the character begins that stands there.
        let offset = (0..=offset.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.starts.get(index)).copied().unwrap_or(0);
        (line + 1, self.characters_before(offset) - self.characters_before(start) + 1)
    }

    fn characters_before(&self, offset: usize) -> usize {
        let block = offset / BLOCK;
        let rest = self.text.as_bytes().get(block * BLOCK..offset).map_or(0, beginnings);
        self.begun.get(block).map_or(rest, |begun| begun + rest)
    }
}

/// How many characters begin among these bytes of a text: all bytes but those that go on with one.
fn beginnings(bytes: &[u8]) -> usize {
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
    fn places_on_a_long_line_come_in_any_order() {
        let text = format!("x\n{}", "aé日𝄞".repeat(500));
        let lines = Lines::new(&text);
        let mut places: Vec<_> =
            text.char_indices().map(|(offset, _)| offset).chain([text.len()]).enumerate().collect();
        places.rotate_left(777);
        for (index, offset) in places.iter().rev().filter(|(index, _)| *index >= 2) {
            assert_eq!(lines.locate(*offset), (2, index - 1), "{offset}");
        }
        assert_eq!(lines.locate(7), (2, 3), "within 日, which begins at 5");
    }

    #[test]
    fn an_offset_past_the_end_is_the_end() {
        assert_eq!(Lines::new("").locate(7), (1, 1));
        assert_eq!(Lines::new("a\nb").locate(7), (2, 2));
    }
}
