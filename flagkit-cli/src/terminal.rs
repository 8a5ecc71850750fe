//! Output for people, and input from them: tables, colours, and prompts.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use flagkit_core::tooling::Effect;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();

/// Returns the text in a style. The output stream removes styles for pipes and `NO_COLOR`.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns the word for an effect in its colour.
pub(crate) fn effect(effect: Effect) -> String {
    let style = match effect {
        Effect::Neutral => DIM,
        Effect::Narrows => GOOD,
        Effect::Widens => WARN,
    };
    styled(style, effect.as_str())
}

/// A table with aligned columns. The last column has no maximum width.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        // An empty header has no style, so that trimming the line removes it.
        let styled = |name: &&str| if name.is_empty() { String::new() } else { styled(DIM, name) };
        Self(vec![header.iter().map(styled).collect()])
    }

    /// Builds a table from columns. Empty columns are left out, and empty cells are dashes.
    pub(crate) fn of<const N: usize>(header: [&str; N], columns: [Vec<Option<String>>; N]) -> Self {
        let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
        let mut table = vec![Vec::new(); rows + 1];
        let filled = header.into_iter().zip(columns).filter(|(_, column)| column.iter().any(Option::is_some));
        for (name, column) in filled {
            table[0].push(styled(DIM, name));
            for (row, cell) in table.iter_mut().skip(1).zip(column) {
                row.push(cell.unwrap_or_else(|| styled(DIM, "-")));
            }
        }
        Self(table)
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [String; N]) {
        self.0.push(row.into());
    }

    pub(crate) fn render(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.0.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in &self.0 {
            let mut line = String::new();
            for (cell, width_of_column) in row.iter().zip(&widths) {
                line += cell;
                line += &" ".repeat(width_of_column - width(cell) + 2);
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// The number of characters, without styles.
fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text).map(|part| part.chars().count()).sum()
}

/// Whether a person can respond to a prompt.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Prints progress to standard error. Standard output is for the result.
pub(crate) fn print(text: &str) {
    let _ = write!(anstream::stderr(), "{text}");
    let _ = io::stderr().flush();
}

/// Discards input that is not read yet.
pub(crate) fn discard_input() {
    #[cfg(unix)]
    let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
}

/// Returns text from a file on one line, with control characters and direction marks escaped.
///
/// A terminal would execute them otherwise.
pub(crate) fn escape_control_chars(text: &str) -> String {
    let is_direction_mark =
        |c: char| matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().fold(String::with_capacity(text.len()), |mut plain, c| {
        if c.is_control() || is_direction_mark(c) {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
        plain
    })
}

/// Prints a question and waits for a line. Returns `None` at the end of the input.
pub(crate) fn prompt(question: &str) -> Option<String> {
    print(question);
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim().to_owned()),
    }
}
