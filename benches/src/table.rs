//! Tables of results, as Markdown and JSON.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// A number or a text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// Rounded to the significant digits.
    Number(f64),
    /// Shown verbatim.
    Text(String),
    /// Shown as a dash.
    Nothing,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Nothing, Self::Number)
    }
}

impl Cell {
    fn shown(&self) -> String {
        match self {
            Self::Number(number) if number.abs() >= 100.0 || number.fract() == 0.0 => format!("{number:.0}"),
            Self::Number(number) if number.abs() >= 10.0 => format!("{number:.1}"),
            Self::Number(number) => format!("{number:.2}"),
            Self::Text(text) => text.clone(),
            Self::Nothing => "–".to_owned(),
        }
    }
}

/// A table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    /// Its name in the files.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The column heads, with units.
    pub columns: Vec<String>,
    /// The rows, each with one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Creates a table without rows.
    pub fn new(name: &str, title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { name: name.to_owned(), title: title.to_owned(), columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push<const N: usize>(&mut self, row: [Cell; N]) {
        assert_eq!(row.len(), self.columns.len(), "a cell for each column");
        self.rows.push(row.into());
    }

    /// Returns the table as Markdown, without its title.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let mut line = |cells: &[String]| {
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        };
        line(&self.columns);
        line(&vec!["---".to_owned(); self.columns.len()]);
        for row in &self.rows {
            line(&row.iter().map(Cell::shown).collect::<Vec<_>>());
        }
        text
    }
}
