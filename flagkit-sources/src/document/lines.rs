//! From a place in a text to its line and column.

use std::cell::Cell;

use flagkit_core::{Location, Problem};

/// Finds line and column of a byte offset.
pub(super) struct Lines<'t> {
    text: &'t str,
    /// Offsets of the first byte of each line but the first.
    starts: Vec<usize>,
    /// The start of a line, a place on it and that place's column: a long line is counted once.
    last: Cell<(usize, usize, usize)>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let starts = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(index, _)| index + 1).collect();
        Self { text, starts, last: Cell::new((0, 0, 1)) }
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
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.starts.get(index)).copied().unwrap_or(0);
        let offset = offset.min(self.text.len());
        let (from, column) = match self.last.get() {
            (line, from, column) if line == start && from <= offset => (from, column),
            _ => (start, 1),
        };
        let column = column + self.text.get(from..offset).unwrap_or_default().chars().count();
        self.last.set((start, offset, column));
        (line + 1, column)
    }
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
    fn an_offset_past_the_end_is_the_end() {
        assert_eq!(Lines::new("").locate(7), (1, 1));
        assert_eq!(Lines::new("a\nb").locate(7), (2, 2));
    }
}
