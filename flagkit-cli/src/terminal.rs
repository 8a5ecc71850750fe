//! What people see: tables, colours, questions.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use flagkit_core::tooling::Effect;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();

/// The text in a style; a pipe and `NO_COLOR` take it away again.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// An effect, as a word in its colour.
pub(crate) fn effect(effect: Effect) -> String {
    let style = match effect {
        Effect::Neutral => DIM,
        Effect::Narrows => GOOD,
        Effect::Widens => WARN,
    };
    styled(style, effect.as_str())
}

/// Columns side by side; the last may be as long as it likes.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        // An empty name has no style: what is blank at the end of a line is cut off.
        let styled = |name: &&str| if name.is_empty() { String::new() } else { styled(DIM, name) };
        Self(vec![header.iter().map(styled).collect()])
    }

    /// Of columns, without those that say nothing; a cell that does is a dash.
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

    pub(crate) fn shown(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.0.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in &self.0 {
            let mut line = String::new();
            for (cell, most) in row.iter().zip(&widths) {
                line += cell;
                line += &" ".repeat(most - width(cell) + 2);
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// How wide a text is, without its colours.
fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text).map(|part| part.chars().count()).sum()
}

/// Whether somebody can be asked.
pub(crate) fn is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Says something on the way, where standard output is for the result.
pub(crate) fn say(text: &str) {
    let _ = write!(anstream::stderr(), "{text}");
    let _ = io::stderr().flush();
}

/// Forgets what was typed and not read yet.
pub(crate) fn forget_what_was_typed() {
    #[cfg(unix)]
    let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
}

/// A text of somebody else's on one line, with nothing in it that a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().fold(String::with_capacity(text.len()), |mut plain, c| {
        if c.is_control() || turns(c) {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
        plain
    })
}

/// Asks, and waits for a line. `None` when there is nobody any more.
pub(crate) fn ask(question: &str) -> Option<String> {
    say(question);
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim().to_owned()),
    }
}
